"""Who may decide about a refund, and when: reads only, under the order's lock."""

from __future__ import annotations

import uuid

from customers.models import User
from kit.errors import DomainError, Fault
from orders.actors import Actor
from orders.models import Order, OrderRefund
from orders.returns.plans import RefundWish
from payments.models import DisputeState, Refund, RefundState

APPROVE = "orders.approve_refund"


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


def check_pending(refund: OrderRefund) -> None:
    """Raises DomainError (`already_decided`) unless a second person has yet to decide."""
    if not refund.is_pending:
        raise DomainError([Fault("already_decided")])


def check_approver(refund: OrderRefund, actor: Actor) -> None:
    """Raises DomainError unless the actor has the right to decide and is not who asked."""
    if check_right(actor) == refund.requested_by_id:
        raise DomainError([Fault("second_person_needed")])


def check_right(actor: Actor) -> uuid.UUID:
    """The actor, who may decide about refunds; raises DomainError (`approval_not_allowed`) for anybody else."""
    user = User.objects.filter(pk=actor.user_id, is_active=True, is_staff=True).first() if actor.user_id else None
    if user is None or not user.has_perm(APPROVE):
        raise DomainError([Fault("approval_not_allowed")])
    return user.pk


def refuse_disputed(refund: OrderRefund) -> None:
    """Raises DomainError (`payment_disputed`) if a bank disputes, or has taken back, what it would send back."""
    waiting = Refund.objects.filter(cause_id=refund.pk, state=RefundState.REQUESTED, attempt__disputes__isnull=False)
    if waiting.exclude(attempt__disputes__state=DisputeState.WON).exists():
        raise DomainError([Fault("payment_disputed")])
