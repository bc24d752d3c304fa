"""Goods on their way, and campaigns that are over: sent, delivered. Locks the order's row, then its stock, then the
counters of invoices."""

from __future__ import annotations

import uuid

from django.db import transaction

from catalog import stock
from catalog.models import ProductKind
from kit import clock
from orders import restocking, sales
from orders.actors import Actor
from orders.campaigns import ending
from orders.credits import returning
from orders.invoices import issuing
from orders.models import (
    OPEN_CAMPAIGN_STATUSES,
    CampaignStatus,
    Fulfilment,
    HistoryEvent,
    Order,
    OrderStatus,
    PaymentTerms,
)
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


def refuse_unsendable(order: Order) -> None:
    """Raises StatusRefused: `already_sent`, `not_sendable`, and `refund_promised` when all that was paid is on its way
    back."""
    if order.fulfilment != Fulfilment.UNFULFILLED:
        raise StatusRefused("already_sent", order)
    if order.status not in _SENDABLE[PaymentTerms(order.payment_terms)]:
        raise StatusRefused("not_sendable", order)
    totals = queries.totals(order.pk, order.currency)
    if totals.collected > 0 and totals.kept <= 0 and not returning.kept_minor(order):
        raise StatusRefused("refund_promised", order)


def send_order(order_id: uuid.UUID, *, actor: Actor, carrier: str = "", tracking_number: str = "") -> Order:
    """Everything has left the house; the stock is gone from the books. Raises as `refuse_unsendable`."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        refuse_unsendable(order)
        _send(order, actor=actor, carrier=carrier, tracking_number=tracking_number)
        issuing.issue_due(order)
    return order


def deliver_order(order_id: uuid.UUID, *, actor: Actor) -> Order:
    """Everything has arrived; an order that is paid is thereby Completed. Raises StatusRefused: `not_sent`, and
    `campaigns_open` while a flyer campaign of it is still to be sent."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.fulfilment != Fulfilment.SENT:
            raise StatusRefused("not_sent", order)
        if ending.is_any_open(order):
            raise StatusRefused("campaigns_open", order)
        _deliver(order, actor=actor)
    return order


def finish_campaigns(order: Order, *, actor: Actor) -> None:
    """An order all of whose campaigns are over, and at least one of them completed, is delivered, unless it has goods
    to send: then somebody says so once those have arrived. The caller holds the order locked.

    Nothing happens while all that was paid is on its way back.
    """
    campaigns = order.campaigns.values_list("status", flat=True)
    if CampaignStatus.COMPLETED not in campaigns or any(status in OPEN_CAMPAIGN_STATUSES for status in campaigns):
        return
    if order.lines.filter(kind=ProductKind.PHYSICAL).exists():
        return
    try:
        if order.fulfilment == Fulfilment.UNFULFILLED:
            refuse_unsendable(order)
            _send(order, actor=actor)
    except StatusRefused:
        return
    if order.fulfilment == Fulfilment.SENT:
        _deliver(order, actor=actor)


def _send(order: Order, *, actor: Actor, carrier: str = "", tracking_number: str = "") -> None:
    order.fulfilment, order.sent_at = Fulfilment.SENT, clock.now()
    order.carrier, order.tracking_number = carrier, tracking_number
    order.save(update_fields=["fulfilment", "sent_at", "carrier", "tracking_number"])
    stock.send(source_id=order.reservation_id)
    restocking.restock(order)
    sales.post_earned(order)
    note(order, event=HistoryEvent.SENT, actor=actor, facts={"carrier": carrier, "number": tracking_number})


def _deliver(order: Order, *, actor: Actor) -> None:
    order.fulfilment, order.delivered_at = Fulfilment.DELIVERED, clock.now()
    order.save(update_fields=["fulfilment", "delivered_at"])
    note(order, event=HistoryEvent.DELIVERED, actor=actor)
    settle_locked(order, actor=actor)
