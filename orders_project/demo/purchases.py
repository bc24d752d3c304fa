"""Orders of the demo's customers: at least one in each of the six states, each brought there by ordinary acts."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from catalog.models import DeliveryMethod, Product
from customers.models import Customer
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation, cash, fulfilment, returns
from orders.checks import DeliveryAddress, WantedItem
from orders.models import Notice, Order, OrderStatus, PaymentTerms, RefundKind
from orders.placement import Buyer, Purchase, place_order
from orders.returns.plans import RefundWish
from payments.models import GatewayName

_ADDRESS = DeliveryAddress("350 Fifth Avenue", "New York", "NY", "10118", "US")


def ensure_orders(customers: list[Customer], product: Product, delivery: DeliveryMethod, staff_id: uuid.UUID) -> None:
    """An order of a listed customer is in each of the six states; what is missing is placed anew."""
    present = set(Order.objects.filter(customer__in=customers).values_list("status", flat=True).distinct())
    for status, lead in _LEADS.items():
        if status not in present:
            placed = place_order(_purchase(customers[len(present) % len(customers)], product, delivery))
            lead(placed.id, placed.total, actors.staff(staff_id))
            # Nobody waits for these mails; without a mail server they would be printed amid what people look for.
            Notice.objects.filter(order_id=placed.id, sent_at__isnull=True).update(sent_at=clock.now())


def _purchase(customer: Customer, product: Product, delivery: DeliveryMethod) -> Purchase:
    return Purchase(
        customer_id=customer.pk,
        buyer=Buyer(customer.user.email),
        actor=actors.customer(customer.user_id),
        dialect="storefront",
        delivery_method_id=delivery.pk,
        address=_ADDRESS,
        items=(WantedItem(product.pk, None, names_variant=False, quantity=1),),
        notes="",
        terms=PaymentTerms.ON_DELIVERY,
        gateway=GatewayName.OFFLINE,
    )


Lead = Callable[[uuid.UUID, Money, actors.Actor], object]


def _leave(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    """It waits for its money."""


def _pay_part(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    part = Money(total.minor // 2, total.currency)
    cash.collect_cash(order_id, amount=part, receipt=new_id(), actor=actor)


def _pay(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    cash.collect_cash(order_id, amount=total, receipt=new_id(), actor=actor)


def _cancel(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    cancellation.cancel_order(order_id, actor=actor, reason="Ordered twice")


def _complete(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    fulfilment.send_order(order_id, actor=actor, carrier="Courier", tracking_number="DEMO-1")
    fulfilment.deliver_order(order_id, actor=actor)
    _pay(order_id, total, actor)


def _refund(order_id: uuid.UUID, total: Money, actor: actors.Actor) -> None:
    _pay(order_id, total, actor)
    returns.request_refund(order_id, RefundWish(RefundKind.FULL, "Goodwill"), actor=actor)


_LEADS: dict[OrderStatus, Lead] = {
    OrderStatus.PAYMENT_PENDING: _leave,
    OrderStatus.PARTIALLY_PAID: _pay_part,
    OrderStatus.PAID: _pay,
    OrderStatus.CANCELLED: _cancel,
    OrderStatus.COMPLETED: _complete,
    OrderStatus.REFUNDED: _refund,
}
