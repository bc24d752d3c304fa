"""What takes two people, be it a refund or a write-off: above which amount, and who may agree. Reads only, under the
order's lock.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db.models import Sum

from customers.models import User
from kit.errors import DomainError, Fault
from orders.actors import Actor
from orders.approval_limits import limit_minor
from orders.models import Order, OrderRefund, OrderWriteOff

type Wish = OrderRefund | OrderWriteOff

APPROVE_REFUND = "orders.approve_refund"
APPROVE_WRITE_OFF = "orders.approve_write_off"


def is_needed(order: Order, amount_minor: int, actor: Actor) -> bool:
    """Whether a second person has to agree to one more amount. What one person gave back or gave up of an order by
    themselves counts together: many small amounts are one large one."""
    limit = limit_minor(settings.REFUND_APPROVAL_ABOVE, order.currency)
    if limit is None:
        return False
    own = {"order": order, "requested_by": actor.user_id, "needs_approval": False}
    alone = sum(
        wishes.aggregate(sum=Sum("amount_minor", default=0))["sum"]
        for wishes in (OrderRefund.objects.live().filter(**own), OrderWriteOff.objects.filter(**own))
    )
    return bool(alone + amount_minor > limit)


def check_pending(wish: Wish) -> None:
    """Raises DomainError (`already_decided`) unless a second person has yet to decide."""
    if not wish.is_pending:
        raise DomainError([Fault("already_decided", {"what": _called(wish)})])


def check_second(wish: Wish, actor: Actor) -> None:
    """Raises DomainError unless the actor has the right to decide (`approval_not_allowed`) and is not who asked
    (`second_person_needed`)."""
    right = APPROVE_REFUND if isinstance(wish, OrderRefund) else APPROVE_WRITE_OFF
    if check_right(actor, right) == wish.requested_by_id:
        raise DomainError([Fault("second_person_needed", {"what": _called(wish)})])


def check_right(actor: Actor, right: str) -> uuid.UUID:
    """The actor, who has the right; raises DomainError (`approval_not_allowed`) for anybody else."""
    user = User.objects.filter(pk=actor.user_id, is_active=True, is_staff=True).first() if actor.user_id else None
    if user is None or not user.has_perm(right):
        raise DomainError([Fault("approval_not_allowed")])
    return user.pk


def _called(wish: Wish) -> str:
    return str(wish._meta.verbose_name) if isinstance(wish, OrderWriteOff) else "refund"
