"""When a refund is another one, and when it cannot go back now: reads only, under the order's lock."""

from __future__ import annotations

from kit.errors import DomainError, Fault
from orders.models import Order, OrderRefund
from orders.returns.plans import RefundWish
from payments.models import DisputeState, Refund, RefundState


def check_key(known: OrderRefund, order: Order, wish: RefundWish) -> None:
    """Raises DomainError (`key_used`) unless the refund is what is wished for."""
    same = (known.order_id, known.kind, known.destination, known.reason, _lines_of(known))
    wished = sorted((line.position, line.quantity, line.restock) for line in wish.lines)
    if same != (order.pk, wish.kind, wish.destination, wish.reason, wished) or not _is_worth(known, wish):
        raise DomainError([Fault("key_used", at=("key",))])


def _lines_of(known: OrderRefund) -> list[tuple[int, int, bool]]:
    return sorted(known.lines.values_list("order_line__position", "quantity", "restock"))


def _is_worth(known: OrderRefund, wish: RefundWish) -> bool:
    """Whether a wish can have come to the amount and the delivery of a refund."""
    # Of a lesser amount nothing may be left for the delivery that was wished for.
    return wish.amount in (None, known.amount) and (wish.delivery or not known.delivery_minor)


def refuse_disputed(refund: OrderRefund) -> None:
    """Raises DomainError (`payment_disputed`) if a bank disputes, or has taken back, what it would send back."""
    waiting = Refund.objects.filter(cause_id=refund.pk, state=RefundState.REQUESTED, attempt__disputes__isnull=False)
    if waiting.exclude(attempt__disputes__state=DisputeState.WON).exists():
        raise DomainError([Fault("payment_disputed")])
