"""Refunds that failed after all, written into the order's history once each. What they moved is undone by payments."""

from __future__ import annotations

from kit.money import Money
from orders.actors import GATEWAY, Actor
from orders.models import HistoryEvent, Order, OrderRefund
from orders.status import note
from payments.models import Refund, RefundState


def note_failures(order: Order, *, by: Actor = GATEWAY) -> None:
    """Every refund of the order that was given up is in its history; who gave it up is a gateway unless said otherwise.
    The caller holds the order locked.

    What was refused never began; the history says so already. Goods that came back stay where they are.
    """
    failed = Refund.objects.filter(attempt__request__subject_id=order.pk, state=RefundState.FAILED)
    refused = OrderRefund.objects.refused().filter(order=order)
    told = set(order.history.filter(event=HistoryEvent.REFUND_FAILED).values_list("facts__part", flat=True))
    for refund in failed.exclude(cause_id__in=refused.values("pk")).order_by("created_at", "pk"):
        if str(refund.pk) not in told:
            note(order, event=HistoryEvent.REFUND_FAILED, actor=by, facts=_facts(refund, order))


def _facts(refund: Refund, order: Order) -> dict[str, object]:
    # The history's minor units are the order's own.
    amount = Money(refund.amount_minor, refund.currency)
    shown = {"amount_minor": amount.minor} if amount.currency == order.currency else {"amount": str(amount)}
    return {**shown, "reason": refund.failed_because, "refund": str(refund.cause_id or ""), "part": str(refund.pk)}
