"""Refunds that wait for a second person while their order is called off: all of its money goes back, and nobody has to
decide about some of it any more.
"""

from __future__ import annotations

from kit import clock
from orders.actors import SYSTEM
from orders.models import HistoryEvent, Order, OrderRefund
from orders.status import note
from payments import refunding
from payments.models import Refund

_CANCELLED = "The order was cancelled"


def call_off(order: Order) -> bool:
    """No refund of the order waits any more; False if none did. The caller holds the order locked, and sends its money
    back next."""
    refunds = list(OrderRefund.objects.to_decide().filter(order=order).order_by("pk"))
    for refund in refunds:
        refund.decided_at, refund.refused_because = clock.now(), _CANCELLED
        refund.save(update_fields=["decided_at", "refused_because"])
        facts = {"amount_minor": refund.amount_minor, "reason": _CANCELLED, "refund": str(refund.pk)}
        note(order, event=HistoryEvent.REFUND_REFUSED, actor=SYSTEM, facts=facts)
    parts = Refund.objects.filter(cause_id__in=[refund.pk for refund in refunds])
    refunding.refuse(list(parts.values_list("pk", flat=True)) if refunds else [], because=_CANCELLED)
    return bool(refunds)
