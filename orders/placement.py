"""Placing an order: one transaction that writes the order with its lines, its first history row, its payment request,
its flyer campaigns and its stock, or nothing at all.

The order's own rows are written by one statement, however many lines there are, and the stock is taken last, so that a
scarce product's row is locked for the shortest time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from catalog import offers, stock
from kit import clock, strict_json
from kit.errors import Fault
from kit.ids import new_id
from kit.money import Money
from orders import checks, sales
from orders.actors import Actor
from orders.announcing import EMIT_PLACED
from orders.campaigns.creating import create_campaigns
from orders.checks import Basket, DeliveryAddress, OrderRefused, WantedItem, Wish
from orders.coupons import guessing, using
from orders.credits.delivering import deliver_credit
from orders.invoices import issuing
from orders.models import Order, OrderStatus, OrderType, PaymentTerms
from orders.taxes.service import TaxAnswer
from payments import collecting, ledger
from payments.credits import expiring
from payments.models import GatewayName
from payments.outgoing.events import emit_values
from payments.outgoing.models import EventType


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, as far as they say so with the order; what is empty is the customer's own."""

    email: str
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    tax_number: str = ""


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody wants to buy, as far as a dialect could read it.

    Without `delivers` nothing is delivered, and the address, as far as there is one, is the buyer's. `expires_after` is
    how long a prepaid order waits for its money.
    """

    customer_id: uuid.UUID
    buyer: Buyer
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
    order_type: OrderType = OrderType.PURCHASE
    delivers: bool = True
    prices_include_tax: bool = field(default_factory=lambda: bool(settings.PRICES_INCLUDE_TAX))
    expires_after: timedelta = field(default_factory=lambda: settings.ORDER_EXPIRES_AFTER)

    @property
    def wish(self) -> Wish:
        """What of it is checked."""
        return Wish(
            customer_id=self.customer_id,
            items=self.items,
            delivery_method_id=self.delivery_method_id,
            address=self.address,
            terms=self.terms,
            delivers=self.delivers,
            coupon_code=self.coupon_code,
            use_credits=self.use_credits,
            prices_include_tax=self.prices_include_tax,
            tax_number=self.buyer.tax_number,
            enters=self.order_type == OrderType.ENTRY,
        )


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
        id, reservation_id, customer_id, status, fulfilment, payment_terms, dialect, order_type, currency,
        products_minor, discount_minor, tax_minor, delivery_minor, credits_minor, total_minor,
        delivery_discount_minor, coupon_code, prices_include_tax, tax_rounding, delivery_tax_minor,
        delivery_tax_category, delivery_taxes, delivery_zero_reason,
        collected_minor, refunded_minor, email, first_name, last_name, phone, tax_number,
        delivery_method_id, delivery_name, street, city, state, postal_code, country,
        notes, placement_key, placed_at, expires_at, carrier, tracking_number
    ) VALUES (
        %(id)s, %(id)s, %(customer_id)s, %(status)s, 'unfulfilled', %(terms)s, %(dialect)s, %(order_type)s,
        %(currency)s, %(products)s, %(discount)s, %(tax)s, %(delivery)s, %(credits)s, %(total)s,
        %(delivery_discount)s, %(coupon_code)s, %(tax_is_included)s, %(tax_rounding)s, %(delivery_tax)s,
        %(delivery_tax_category)s, %(delivery_taxes)s::jsonb, %(delivery_zero_reason)s,
        0, 0, %(email)s, %(first_name)s, %(last_name)s, %(phone)s, %(tax_number)s,
        %(method_id)s, %(method_name)s, %(street)s, %(city)s, %(state)s, %(postal_code)s, %(country)s,
        %(notes)s, %(placement_key)s, %(now)s, %(expires_at)s, '', ''
    ) RETURNING id, number
), written AS (
    INSERT INTO orders_orderline (
        order_id, position, variant_id, kind, title, variant_title, sku, quantity, unit_price_minor, discount_minor,
        tax_minor, tax_category, taxes, zero_reason, hsn_code
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

# How often an order that pays with credit is worked out anew because others spent some of it meanwhile.
_CREDIT_TRIES = 3

_REQUEST = collecting.OPEN_REQUEST.format(description="'Order ' || (SELECT number FROM placed)")


def place_order(purchase: Purchase, *, also: Callable[[PlacedOrder], None] | None = None) -> PlacedOrder:
    """The order exists, its stock is reserved, its coupon is used and its credits are spent, its payment request is
    written down, and its confirmation is due if it is paid on delivery or costs nothing. `also` writes in the same
    transaction what else belongs to it.

    Raises OrderRefused with every fault, in the documented order, TooManyFailures for who guesses coupon codes, and
    TaxServiceUnavailable; then nothing was written. Locks the customer's credit, the coupon and the stock; if it costs
    nothing, at last the counter of invoices, which an order that waits for its payment never does.
    """
    with guessing.watched(purchase.customer_id, purchase.coupon_code):
        for _ in range(_CREDIT_TRIES):
            if purchase.use_credits:
                # What is over is not spent; what is good is not taken in its place.
                expiring.expire_all_of(purchase.customer_id, now=clock.now())
            try:
                return _place(purchase, checks.check(purchase.wish), also)
            except IntegrityError as error:
                if why_not := using.find_refusal(error):
                    facts = {"code": purchase.coupon_code, "why": why_not}
                    raise OrderRefused([Fault("coupon_not_usable", facts, at=("coupon",))]) from None
                if not ledger.is_overdrawn(error):
                    raise
                # Another order spent some of the credit meanwhile: what is left now is looked at anew.
        raise OrderRefused([Fault("credits_not_usable", {"why": "contended"}, at=("credits",))])


def _place(purchase: Purchase, basket: Basket, also: Callable[[PlacedOrder], None] | None) -> PlacedOrder:
    order_id, request_id = new_id(), new_id()
    total = Money(basket.totals.total, basket.totals.currency)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # BEGIN, the order, its coupon and its stock travel together: the answer to one is not needed for the next.
        with connection.connection.pipeline():
            _write(cursor, order_id, request_id, purchase, basket)
            short = stock.reserve(source_id=order_id, quantities=basket.quantities())
            number = int(cursor.fetchone()[0])
        placed = PlacedOrder(order_id, number, total, request_id if total.minor > 0 else None)
        if short:
            # Sold while we were looking: the rollback takes everything back, then we say what is left.
            transaction.set_rollback(True)
        else:
            if also is not None:
                also(placed)
            if not total.minor:
                _settle_covered(Order.objects.get(pk=order_id), purchase.actor)
    if short:
        raise _sold_meanwhile(basket, short)
    return placed


def _settle_covered(order: Order, actor: Actor) -> None:
    """An order of which nothing is left to pay is paid as it is placed, and has its invoice."""
    sales.post_earned(order)
    deliver_credit(order, actor=actor)
    issuing.issue_due(order)


def find_placed(placement_key: uuid.UUID) -> uuid.UUID | None:
    """The order that was placed under this key; None if it never got that far."""
    return Order.objects.filter(placement_key=placement_key).values_list("pk", flat=True).first()


def _write(
    cursor: CursorWrapper, order_id: uuid.UUID, request_id: uuid.UUID, purchase: Purchase, basket: Basket
) -> None:
    """Send the one statement of the order's own rows, that of its coupon and that of its campaigns; the answer to the
    first, the order's number, is the caller's to fetch."""
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
    if basket.coupon is not None:
        with connection.cursor() as another:
            another.execute(using.USE, {**values, **using.use_values(basket.coupon)})
    create_campaigns(order_id, basket.flyers, actor_kind=values["actor_kind"], actor_id=values["actor_id"])


def _order_values(order_id: uuid.UUID, purchase: Purchase, basket: Basket) -> dict[str, Any]:
    totals, address, buyer, now = basket.totals, purchase.address, purchase.buyer, clock.now()
    delivery = basket.delivery
    waits_for_payment = purchase.terms == PaymentTerms.PREPAID and totals.total > 0
    return {
        "id": order_id,
        "customer_id": purchase.customer_id,
        "status": (OrderStatus.PAYMENT_PENDING if totals.total > 0 else OrderStatus.PAID).value,
        "terms": purchase.terms.value,
        "dialect": purchase.dialect,
        "order_type": (OrderType.CREDIT if basket.buys_credit else purchase.order_type).value,
        "currency": totals.currency,
        "products": totals.products,
        "discount": totals.discount,
        "tax": totals.tax,
        "delivery": totals.delivery,
        "credits": totals.credits,
        "total": totals.total,
        "delivery_discount": basket.coupon.delivery if basket.coupon else 0,
        "coupon_code": basket.coupon.offer.code if basket.coupon else "",
        "tax_is_included": basket.prices_include_tax,
        "tax_rounding": basket.tax_rounding.value,
        "delivery_tax": basket.delivery_tax.amount_minor,
        "delivery_tax_category": delivery.tax_category if delivery else "",
        "delivery_taxes": _frozen(basket.delivery_tax),
        "delivery_zero_reason": basket.delivery_tax.zero_reason,
        "email": buyer.email,
        "first_name": buyer.first_name,
        "last_name": buyer.last_name,
        "phone": buyer.phone,
        "tax_number": buyer.tax_number,
        "method_id": delivery.id if delivery else None,
        "method_name": delivery.name if delivery else "",
        "street": address.street,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "country": address.country,
        "notes": purchase.notes,
        "placement_key": purchase.placement_key,
        "now": now,
        "expires_at": now + purchase.expires_after if waits_for_payment else None,
        "actor_kind": purchase.actor.kind.value,
        "actor_id": purchase.actor.user_id,
        "confirm": not waits_for_payment,
    }


def _lines(basket: Basket) -> tuple[str, dict[str, Any]]:
    """A row of placeholders for each line, and their values."""
    rows: list[str] = []
    values: dict[str, Any] = {}
    for position, line in enumerate(basket.lines, start=1):
        offer = line.offer
        fields = {
            "position": position,
            "variant": offer.variant_id,
            "kind": offer.kind,
            "title": offer.product_title,
            "variant_title": offer.variant_title,
            "sku": offer.sku,
            "quantity": line.quantity,
            "unit_price": offer.price.minor,
            "discount": line.discount_minor,
            "tax": line.tax.amount_minor,
            "tax_category": offer.tax_category,
            "taxes": _frozen(line.tax),
            "zero_reason": line.tax.zero_reason,
            "hsn_code": offer.hsn_code,
        }
        casts = {"taxes": "::jsonb"}
        rows.append("(%(id)s, " + ", ".join(f"%({name}{position})s{casts.get(name, '')}" for name in fields) + ")")
        values |= {f"{name}{position}": value for name, value in fields.items()}
    return ", ".join(rows), values


def _frozen(tax: TaxAnswer) -> str:
    """The taxes on one thing as they are kept with it."""
    levies = [{"name": one.name, "rate_ppm": one.ppm, "amount_minor": one.amount_minor} for one in tax.levies]
    return strict_json.dumps(levies).decode()


def _sold_meanwhile(basket: Basket, short: set[uuid.UUID]) -> OrderRefused:
    left = offers.available(short)
    quantities = basket.quantities()
    seen: set[uuid.UUID] = set()
    faults = []
    for index, line in enumerate(basket.lines):
        offer = line.offer
        if offer.variant_id in short and offer.variant_id not in seen:
            seen.add(offer.variant_id)
            available = min(left.get(offer.variant_id, 0), quantities[offer.variant_id] - 1)
            faults.append(
                checks.stock_short(offer, requested=quantities[offer.variant_id], available=available, index=index)
            )
    return OrderRefused(faults)
