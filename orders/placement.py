"""Placing an order: one transaction that writes the order with its lines, its first history row, its payment request
and its stock, or nothing at all.

The order's own rows are written by one statement, however many lines there are, and the stock is taken last, so that a
scarce product's row is locked for the shortest time.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from catalog import offers, stock
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import checks, sales
from orders.actors import Actor
from orders.announcing import EMIT_PLACED
from orders.checks import Basket, DeliveryAddress, OrderRefused, WantedItem
from orders.models import Order, OrderStatus, PaymentTerms
from payments import collecting, ledger
from payments.models import GatewayName
from payments.outgoing.events import emit_values
from payments.outgoing.models import EventType


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody wants to buy, as far as a dialect could read it."""

    customer_id: uuid.UUID
    email: str
    actor: Actor
    dialect: str
    delivery_method_id: uuid.UUID | None
    address: DeliveryAddress
    items: tuple[WantedItem, ...]
    notes: str
    terms: PaymentTerms
    gateway: GatewayName
    coupon_code: str | None = None
    use_credits: bool = False
    placement_key: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as it was committed. `request_id` is None when there is nothing to pay."""

    id: uuid.UUID
    number: int
    total: Money
    request_id: uuid.UUID | None


_WRITE_ORDER = """
WITH placed AS (
    INSERT INTO orders_order (
        id, reservation_id, customer_id, status, fulfilment, payment_terms, dialect, currency,
        products_minor, discount_minor, tax_minor, delivery_minor, credits_minor, total_minor,
        collected_minor, refunded_minor, email, delivery_method_id, delivery_name,
        street, city, state, postal_code, country, notes, placement_key, placed_at, expires_at,
        carrier, tracking_number
    ) VALUES (
        %(id)s, %(id)s, %(customer_id)s, %(status)s, 'unfulfilled', %(terms)s, %(dialect)s, %(currency)s,
        %(products)s, %(discount)s, %(tax)s, %(delivery)s, %(credits)s, %(total)s,
        0, 0, %(email)s, %(method_id)s, %(method_name)s,
        %(street)s, %(city)s, %(state)s, %(postal_code)s, %(country)s, %(notes)s, %(placement_key)s, %(now)s,
        %(expires_at)s, '', ''
    ) RETURNING id, number
), written AS (
    INSERT INTO orders_orderline (
        order_id, position, variant_id, kind, title, variant_title, sku, quantity, unit_price_minor, discount_minor,
        tax_minor
    ) VALUES {lines}
), asked AS (
    {request}
), {ledger}, told AS (
    INSERT INTO orders_orderhistory (order_id, event, from_status, to_status, actor_kind, actor_id, facts)
    VALUES (%(id)s, 'placed', '', %(status)s, %(actor_kind)s, %(actor_id)s, '{{}}')
), noticed AS (
    INSERT INTO orders_notice (order_id, kind, times_tried) SELECT %(id)s, 'confirmation', 0 WHERE %(confirm)s
), {emit}
SELECT number FROM placed
"""

_REQUEST = collecting.OPEN_REQUEST.format(description="'Order ' || (SELECT number FROM placed)")


def place_order(purchase: Purchase) -> PlacedOrder:
    """The order exists, its stock is reserved, its payment request is written down, and its confirmation is due if it
    is paid on delivery or costs nothing.

    Raises OrderRefused with every fault, in the documented order; then nothing was written.
    """
    basket = checks.check(
        purchase.items,
        delivery_method_id=purchase.delivery_method_id,
        country=purchase.address.country,
        terms=purchase.terms,
        coupon_code=purchase.coupon_code,
        use_credits=purchase.use_credits,
    )
    order_id, request_id = new_id(), new_id()
    total = Money(basket.totals.total, basket.totals.currency)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # BEGIN, the order and its stock travel together: the answer to one is not needed for the next.
        with connection.connection.pipeline():
            _write(cursor, order_id, request_id, purchase, basket)
            short = stock.reserve(source_id=order_id, quantities=basket.quantities())
            number = int(cursor.fetchone()[0])
        if short:
            # Sold while we were looking: the rollback takes everything back, then we say what is left.
            transaction.set_rollback(True)
        elif not total.minor:
            sales.post_earned(Order.objects.get(pk=order_id))
    if short:
        raise _sold_meanwhile(basket, short)
    return PlacedOrder(order_id, number, total, request_id if total.minor > 0 else None)


def find_placed(placement_key: uuid.UUID) -> uuid.UUID | None:
    """The order that was placed under this key; None if it never got that far."""
    return Order.objects.filter(placement_key=placement_key).values_list("pk", flat=True).first()


def _write(
    cursor: CursorWrapper, order_id: uuid.UUID, request_id: uuid.UUID, purchase: Purchase, basket: Basket
) -> None:
    """Send the one statement of the order's own rows; its answer, the order's number, is the caller's to fetch."""
    total = Money(basket.totals.total, basket.totals.currency)
    request = collecting.request_values(
        request_id=request_id, subject_id=order_id, gateway=purchase.gateway, amount=total
    )
    lines, line_values = _lines(basket)
    booked = ledger.ordered_values(
        source_id=order_id,
        subject_id=order_id,
        customer_id=purchase.customer_id,
        currency=total.currency,
        total=total.minor,
        credits=basket.totals.credits,
    )
    # Only the names of placeholders are put together here; every value travels as a parameter.
    statement = _WRITE_ORDER.format(lines=lines, request=_REQUEST, ledger=ledger.POST_ORDERED, emit=EMIT_PLACED)
    values = {**_order_values(order_id, purchase, basket), **line_values, **request, **booked}
    emitted = emit_values(event_type=EventType.ORDER_PLACED, subject_id=order_id, at=values["now"])
    cursor.execute(statement, {**values, **emitted})


def _order_values(order_id: uuid.UUID, purchase: Purchase, basket: Basket) -> dict[str, Any]:
    totals, address, now = basket.totals, purchase.address, clock.now()
    waits_for_payment = purchase.terms == PaymentTerms.PREPAID and totals.total > 0
    return {
        "id": order_id,
        "customer_id": purchase.customer_id,
        "status": (OrderStatus.PAYMENT_PENDING if totals.total > 0 else OrderStatus.PAID).value,
        "terms": purchase.terms.value,
        "dialect": purchase.dialect,
        "currency": totals.currency,
        "products": totals.products,
        "discount": totals.discount,
        "tax": totals.tax,
        "delivery": totals.delivery,
        "credits": totals.credits,
        "total": totals.total,
        "email": purchase.email,
        "method_id": basket.delivery.id,
        "method_name": basket.delivery.name,
        "street": address.street,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "country": address.country,
        "notes": purchase.notes,
        "placement_key": purchase.placement_key,
        "now": now,
        "expires_at": now + settings.ORDER_EXPIRES_AFTER if waits_for_payment else None,
        "actor_kind": purchase.actor.kind.value,
        "actor_id": purchase.actor.user_id,
        "confirm": not waits_for_payment,
    }


def _lines(basket: Basket) -> tuple[str, dict[str, Any]]:
    """A row of placeholders for each line, and their values."""
    rows: list[str] = []
    values: dict[str, Any] = {}
    for position, ((offer, quantity), discount) in enumerate(
        zip(basket.lines, basket.totals.discounts, strict=True), start=1
    ):
        line = {
            "position": position,
            "variant": offer.variant_id,
            "kind": offer.kind,
            "title": offer.product_title,
            "variant_title": offer.variant_title,
            "sku": offer.sku,
            "quantity": quantity,
            "unit_price": offer.price.minor,
            "discount": discount,
        }
        rows.append("(%(id)s, " + ", ".join(f"%({name}{position})s" for name in line) + ", 0)")
        values |= {f"{name}{position}": value for name, value in line.items()}
    return ", ".join(rows), values


def _sold_meanwhile(basket: Basket, short: set[uuid.UUID]) -> OrderRefused:
    left = offers.available(short)
    quantities = basket.quantities()
    seen: set[uuid.UUID] = set()
    faults = []
    for index, (offer, _) in enumerate(basket.lines):
        if offer.variant_id in short and offer.variant_id not in seen:
            seen.add(offer.variant_id)
            available = min(left.get(offer.variant_id, 0), quantities[offer.variant_id] - 1)
            faults.append(
                checks.stock_short(offer, requested=quantities[offer.variant_id], available=available, index=index)
            )
    return OrderRefused(faults)
