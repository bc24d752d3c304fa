"""Who may decide about a refund, and when: reads only, under the order's lock."""

from __future__ import annotations

from customers.models import User
from kit.errors import DomainError, Fault
from orders.actors import Actor
from orders.models import Order, OrderRefund
from orders.returns.plans import RefundWish
from payments.models import DisputeState, Refund, RefundState

APPROVE = "orders.approve_refund"


def check_key(known: OrderRefund, order: Order, wish: RefundWish) -> None:
    """Raises DomainError (`key_used`) unless the refund is what is wished for."""
    same = (known.order_id, known.kind, known.destination, known.reason)
    if same != (order.pk, wish.kind, wish.destination, wish.reason):
        raise DomainError([Fault("key_used", at=("key",))])


def check_pending(refund: OrderRefund) -> None:
    """Raises DomainError (`already_decided`) unless a second person has yet to decide."""
    if not refund.is_pending:
        raise DomainError([Fault("already_decided")])


def check_approver(refund: OrderRefund, actor: Actor) -> None:
    """Raises DomainError unless the actor has the right to decide and is not who asked."""
    user = User.objects.filter(pk=actor.user_id, is_active=True, is_staff=True).first() if actor.user_id else None
    if user is None or not user.has_perm(APPROVE):
        raise DomainError([Fault("approval_not_allowed")])
    if user.pk == refund.requested_by_id:
        raise DomainError([Fault("second_person_needed")])


def refuse_disputed(refund: OrderRefund) -> None:
    """Raises DomainError (`payment_disputed`) if a bank disputes, or has taken back, what it would send back."""
    waiting = Refund.objects.filter(cause_id=refund.pk, state=RefundState.REQUESTED, attempt__disputes__isnull=False)
    if waiting.exclude(attempt__disputes__state=DisputeState.WON).exists():
        raise DomainError([Fault("payment_disputed")])
