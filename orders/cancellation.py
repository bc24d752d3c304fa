"""Calling an order off: by the customer or staff until it is sent, by the clock when nobody pays.

Money that was collected goes back; stock is free again at once; the gateway is told by a job that the payment is no
longer wanted. Locks the order's row, its payment requests, its stock.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from catalog import stock
from kit import clock
from orders.actors import SYSTEM, Actor
from orders.campaigns import ending
from orders.models import ActorKind, Fulfilment, HistoryEvent, Order, OrderStatus
from orders.settlement import call_off_payments, settle_locked
from orders.status import MOVES, StatusRefused, transition
from payments import holding


def can_be_cancelled(order: Order) -> bool:
    """Whether it can be called off, as the order stands: its goods are still here, and it is not over yet."""
    return order.fulfilment == Fulfilment.UNFULFILLED and _is_open(order)


def cancel_order(order_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Order:
    """The order is Cancelled, its stock is free, and what was collected is on its way back.

    Once mails of a flyer campaign have left only staff may still call it off. Raises StatusRefused
    (`already_cancelled`, `already_sent`, `move_not_allowed`) and Order.DoesNotExist.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status == OrderStatus.CANCELLED:
            raise StatusRefused("already_cancelled", order)
        has_left = order.fulfilment != Fulfilment.UNFULFILLED
        if has_left or (actor.kind == ActorKind.CUSTOMER and ending.has_begun(order)):
            raise StatusRefused("already_sent", order)
        _cancel(order, event=HistoryEvent.CANCELLED, actor=actor, facts={"reason": reason} if reason else {})
    return order


def cancel_unpaid(order_id: uuid.UUID, *, actor: Actor, facts: Mapping[str, Any]) -> bool:
    """Cancel an order that nobody has begun to pay; False, and nothing happens, if that is no longer so."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status != OrderStatus.PAYMENT_PENDING:
            return False
        _cancel(order, event=HistoryEvent.CANCELLED, actor=actor, facts=facts)
    return True


def expire_order(order_id: uuid.UUID, *, now: datetime | None = None) -> bool:
    """Cancel an order whose time to pay is over; False, and nothing happens, if it is not (any more).

    While money is held for the order its time begins anew instead: it is a person's turn to capture it or let it go,
    and a hold that the gateway lets go of no longer counts.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update(skip_locked=True).filter(pk=order_id).first()
        if order is None or order.status != OrderStatus.PAYMENT_PENDING or order.expires_at is None:
            return False
        now = now or clock.now()
        if order.expires_at > now:
            return False
        if holding.holds(order.pk).exists():
            order.expires_at = now + settings.ORDER_EXPIRES_AFTER
            order.save(update_fields=["expires_at"])
            return False
        _cancel(order, event=HistoryEvent.EXPIRED, actor=SYSTEM, facts={})
    return True


def orders_to_expire(now: datetime, limit: int) -> list[uuid.UUID]:
    """Orders whose time to pay is over, the oldest first."""
    return list(due_to_expire(now).values_list("pk", flat=True)[:limit])


def due_to_expire(now: datetime) -> QuerySet[Order]:
    """The same as a query."""
    due = Order.objects.filter(status=OrderStatus.PAYMENT_PENDING, expires_at__lte=now)
    return due.order_by("expires_at", "pk")


def _is_open(order: Order) -> bool:
    # The money of a refunded order is gone already; the table's move is for a refund that failed.
    return order.status != OrderStatus.REFUNDED and OrderStatus.CANCELLED in MOVES[OrderStatus(order.status)]


def _cancel(order: Order, *, event: HistoryEvent, actor: Actor, facts: Mapping[str, Any]) -> None:
    if not _is_open(order):
        raise StatusRefused("move_not_allowed", order, to=OrderStatus.CANCELLED)
    transition(order, OrderStatus.CANCELLED, event=event, actor=actor, facts=facts)
    call_off_payments(order)
    # Free before the settlement, which may revive the order under another reservation.
    stock.release(source_id=order.reservation_id)
    # Ends the refunds that wait for a second person, and sends back all that was collected.
    settle_locked(order, actor=actor)
