"""Money that arrives for an order that is over: it revives the order, becomes the customer's credit, or goes back.

Which of these is the shop's to say (`LATE_MONEY_REVIVES`, `LATE_MONEY_OTHERWISE`). Whatever becomes of it has a name in
the order's history. Runs under the order's lock, before its money is promised anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from catalog import stock
from kit import clock
from kit.ids import new_id
from orders import entries
from orders.actors import SYSTEM
from orders.campaigns import ending as campaigns
from orders.coupons import using as coupons
from orders.models import HistoryEvent, Order, OrderStatus
from orders.status import transition
from payments import ledger
from payments.credits import expiring
from payments.models import Refund


class Revives(StrEnum):
    """Which orders late money may bring back to life."""

    EXPIRED = "expired"  # nobody had called them off
    ANY = "any"  # those that a person called off as well
    NONE = "none"


class Otherwise(StrEnum):
    """What becomes of late money that revives nothing."""

    REFUND = "refund"
    CREDIT = "credit"


class Outcome(StrEnum):
    """What has become of late money that revived nothing, as the history tells it."""

    REFUND = "refund"
    CREDIT = "credit"
    KEPT_DISPUTED = "kept_disputed"  # a bank disputes it, or has taken it back
    NOT_REFUNDABLE = "not_refundable"  # a gateway has failed too often to send it back: a person has to look


class WhyNot(StrEnum):
    """Why late money did not revive its order."""

    NOT_ENOUGH = "not_enough"
    SOLD_OUT = "sold_out"
    CALLED_OFF = "called_off"  # by a person, or by a policy that revives nothing
    REFUNDED_BEFORE = "refunded_before"  # money was promised back already, even if that failed
    COUPON_GONE = "coupon_gone"  # others have used its coupon up since
    CREDITS_GONE = "credits_gone"  # the customer has spent elsewhere what was to pay for some of it
    ENTRY_OVER = "entry_over"  # its event takes no entries any more, or another order pays for this one


def revive(order: Order, kept_minor: int, facts: Mapping[str, Any]) -> WhyNot | None:
    """The cancelled order lives again and its goods are reserved, which is None; or nothing happened, and why not."""
    if why_not := _refusal(order, kept_minor):
        return why_not
    quantities: dict[uuid.UUID, int] = {}
    for variant_id, quantity in order.lines.values_list("variant_id", "quantity"):
        quantities[variant_id] = quantities.get(variant_id, 0) + quantity
    before, order.reservation_id = order.reservation_id, new_id()
    if order.credits_minor:
        expiring.expire(order.customer_id, order.currency, now=clock.now())
    try:
        with transaction.atomic():
            order.save(update_fields=["reservation_id"])
            # Spends its credits again, then its coupon, then takes its stock: the one global order of locks.
            entries.come_back(order)
            transition(order, OrderStatus.PAID, event=HistoryEvent.REVIVED, actor=SYSTEM, facts=facts)
            coupons.use_again(order)
            campaigns.revive(order)
            if stock.reserve(source_id=order.reservation_id, quantities=quantities):
                raise _SoldOut
    except (_SoldOut, IntegrityError) as error:
        # What was done is undone with the savepoint; the rest of the transaction stays.
        order.status, order.reservation_id = OrderStatus.CANCELLED, before
        return _missing(error)
    return None


class _SoldOut(Exception):
    """Some of its goods are gone."""


def _missing(error: _SoldOut | IntegrityError) -> WhyNot:
    if isinstance(error, _SoldOut):
        return WhyNot.SOLD_OUT
    if coupons.find_refusal(error):
        return WhyNot.COUPON_GONE
    if ledger.is_overdrawn(error):
        return WhyNot.CREDITS_GONE
    if entries.is_taken(error):
        return WhyNot.ENTRY_OVER
    raise error


def _refusal(order: Order, kept_minor: int) -> WhyNot | None:
    cancelled = order.history.filter(to_status=OrderStatus.CANCELLED).exclude(from_status=OrderStatus.CANCELLED)
    last = cancelled.order_by("-pk").first()
    revivable = {
        Revives.EXPIRED: (HistoryEvent.EXPIRED,),
        Revives.ANY: (HistoryEvent.EXPIRED, HistoryEvent.CANCELLED),
        Revives.NONE: (),
    }[Revives(settings.LATE_MONEY_REVIVES)]
    if last is not None and last.event == HistoryEvent.PAYMENT:
        # All of its money went back before anything was sent, and that ended it.
        return WhyNot.REFUNDED_BEFORE
    if last is None or last.event not in revivable:
        return WhyNot.CALLED_OFF
    if kept_minor < order.total_minor:
        return WhyNot.NOT_ENOUGH
    refunds = Refund.objects.filter(attempt__request__subject_id=order.pk, currency=order.currency)
    if order.credits_returned_minor or refunds.exists():
        return WhyNot.REFUNDED_BEFORE
    return None if entries.can_live_again(order) else WhyNot.ENTRY_OVER


def credit_owner(order: Order) -> uuid.UUID | None:
    """Whose credit late money becomes that revives nothing; None where it goes back the way it came."""
    return order.customer_id if settings.LATE_MONEY_OTHERWISE == Otherwise.CREDIT else None
