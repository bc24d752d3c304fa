"""Goods on their way: sent, delivered. Locks the order's row, then its stock, then the counters of invoices."""

from __future__ import annotations

import uuid

from django.db import transaction

from catalog import stock
from kit import clock
from orders import restocking, sales
from orders.actors import Actor
from orders.invoices import issuing
from orders.models import Fulfilment, HistoryEvent, Order, OrderStatus, PaymentTerms
from orders.settlement import settle_locked
from orders.status import UNPAID, StatusRefused, note
from payments import queries

# Prepaid goods leave when they are paid, goods paid on delivery at once.
_SENDABLE = {
    PaymentTerms.PREPAID: (OrderStatus.PAID,),
    PaymentTerms.ON_DELIVERY: (OrderStatus.PAID, *UNPAID),
}


def can_be_sent(order: Order) -> bool:
    """Whether its goods are still here and may leave, as the order stands."""
    return order.fulfilment == Fulfilment.UNFULFILLED and order.status in _SENDABLE[PaymentTerms(order.payment_terms)]


def send_order(order_id: uuid.UUID, *, actor: Actor, carrier: str = "", tracking_number: str = "") -> Order:
    """Everything has left the house; the stock is gone from the books.

    Raises StatusRefused (`already_sent`, `not_sendable`, `refund_promised` when all that was paid is on its way back).
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.fulfilment != Fulfilment.UNFULFILLED:
            raise StatusRefused("already_sent", order)
        if order.status not in _SENDABLE[PaymentTerms(order.payment_terms)]:
            raise StatusRefused("not_sendable", order)
        totals = queries.totals(order.pk, order.currency)
        if totals.collected > 0 and totals.kept <= 0:
            raise StatusRefused("refund_promised", order)
        order.fulfilment, order.sent_at = Fulfilment.SENT, clock.now()
        order.carrier, order.tracking_number = carrier, tracking_number
        order.save(update_fields=["fulfilment", "sent_at", "carrier", "tracking_number"])
        stock.send(source_id=order.reservation_id)
        restocking.restock(order)
        sales.post_earned(order)
        note(order, event=HistoryEvent.SENT, actor=actor, facts={"carrier": carrier, "number": tracking_number})
        issuing.issue_due(order)
    return order


def deliver_order(order_id: uuid.UUID, *, actor: Actor) -> Order:
    """Everything has arrived; an order that is paid is thereby Completed. Raises StatusRefused (`not_sent`)."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.fulfilment != Fulfilment.SENT:
            raise StatusRefused("not_sent", order)
        order.fulfilment, order.delivered_at = Fulfilment.DELIVERED, clock.now()
        order.save(update_fields=["fulfilment", "delivered_at"])
        note(order, event=HistoryEvent.DELIVERED, actor=actor)
        settle_locked(order, actor=actor)
    return order
