"""What makes somebody a member, for how long, and what ends it: the only writers of memberships, with `reversing`.

Time is given in whole days, which add up: a membership ends so many days after its beginning as it was ever given. One
whose time is over is ended by whoever comes first, the job or the next act, and what follows is the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from customers.locking import lock_customer
from customers.memberships import letters
from customers.models import (
    Membership,
    MembershipEvent,
    MembershipHistory,
    MembershipState,
    UpgradeProcess,
    UpgradeState,
)
from customers.models.memberships import GRANTS
from kit import clock
from kit.errors import DomainError, Fault


class Term(Protocol):
    """What is given: so many days in a tier. A package, the offer of one and an upgrade on its way all say so."""

    @property
    def product_id(self) -> uuid.UUID: ...
    @property
    def tier(self) -> int: ...
    @property
    def validity_days(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Left:
    """What an upgrade left unused of the days that an order had given; the whole of them, if they had not begun."""

    order_id: uuid.UUID | None
    given: timedelta
    left: timedelta


@dataclass(frozen=True, slots=True)
class Granted:
    """What an act has made of a membership. Not `changed`: the order had its effect before; then nothing is `left`."""

    membership: Membership
    changed: bool
    left: Sequence[Left] = ()


class MembershipRefused(DomainError):
    """The membership that there is does not allow it; the fault's code says why: `already_a_member`, `another_package`,
    `tier_not_higher`, `not_a_member`, `upgrade_in_progress` (its `kind` says which)."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__([Fault(code, facts)])


def membership_of(customer_id: uuid.UUID) -> Membership | None:
    """The customer's membership now, with its product. Reads only; one whose time is over is none."""
    active = Membership.objects.select_related("product").filter(customer=customer_id, state=MembershipState.ACTIVE)
    return active.filter(ends_at__gt=clock.now()).first()


def begin(
    customer_id: uuid.UUID, package: Term, *, order_id: uuid.UUID | None = None, by_id: uuid.UUID | None = None
) -> Granted:
    """The customer is a member from now on, for the package's days.

    Raises MembershipRefused (`already_a_member`). Locks the customer.
    """
    lock_customer(customer_id)
    if before := _granted_before(order_id):
        return before
    if find_active(customer_id):
        raise MembershipRefused("already_a_member")
    return Granted(_begin(customer_id, package, order_id=order_id, by_id=by_id), True)


def renew(
    customer_id: uuid.UUID, package: Term, *, order_id: uuid.UUID | None = None, by_id: uuid.UUID | None = None
) -> Granted:
    """The package's days are added behind the end of the membership, or begin now if that is over.

    Raises MembershipRefused (`another_package`). Locks the customer.
    """
    lock_customer(customer_id)
    if before := _granted_before(order_id):
        return before
    active = find_active(customer_id)
    if active is None:
        return Granted(_begin(customer_id, package, order_id=order_id, by_id=by_id), True)
    if active.product_id != package.product_id:
        raise MembershipRefused("another_package")
    ends_from = active.ends_at
    active.ends_at += timedelta(days=package.validity_days)
    active.end_set_at = clock.now()
    active.save(update_fields=["ends_at", "end_set_at"])
    write_down(
        active,
        MembershipEvent.RENEWED,
        days=package.validity_days,
        ends_from=ends_from,
        order_id=order_id,
        by_id=by_id,
    )
    return Granted(active, True)


def upgrade(
    customer_id: uuid.UUID,
    package: Term,
    *,
    order_id: uuid.UUID | None = None,
    process: UpgradeProcess | None = None,
    by_id: uuid.UUID | None = None,
) -> Granted:
    """The customer is a member of the higher tier from now on; what was left of the lower one is told.

    Without a membership it is a beginning. The process of the same order, or the one that is named, is finished. Raises
    MembershipRefused (`tier_not_higher`). Locks the customer.
    """
    lock_customer(customer_id)
    if before := _granted_before(order_id):
        return before
    active, left = find_active(customer_id), list[Left]()
    if active is not None and package.tier <= active.tier:
        raise MembershipRefused("tier_not_higher")
    if process is None and order_id is not None:
        process = UpgradeProcess.objects.filter(order_id=order_id).first()
    if active is not None:
        left = _left_of(active)
        end(active, MembershipState.REPLACED, at=clock.now())
        write_down(active, MembershipEvent.REPLACED, order_id=order_id, process=process, by_id=by_id)
    begun = _begin(customer_id, package, replaces=active, order_id=order_id, process=process, by_id=by_id)
    if process is not None:
        process.state, process.ended_at = UpgradeState.FINISHED, clock.now()
        process.save(update_fields=["state", "ended_at"])
    return Granted(begun, True, left)


def expire(membership_id: uuid.UUID) -> bool:
    """The membership has ended if its time is over; False if it had ended before or goes on. Locks its customer."""
    customer_id = Membership.objects.values_list("customer_id", flat=True).get(pk=membership_id)
    lock_customer(customer_id)
    membership = Membership.objects.get(pk=membership_id)
    if membership.state != MembershipState.ACTIVE or membership.ends_at > clock.now():
        return False
    _expire(membership)
    return True


# --- for `reversing` and `upgrades`; the customer is locked ----------------------------------------------------------


def find_active(customer_id: uuid.UUID) -> Membership | None:
    """The customer's membership. One whose time is over is ended on the way."""
    active = Membership.objects.filter(customer=customer_id, state=MembershipState.ACTIVE).first()
    if active is None or active.ends_at > clock.now():
        return active
    return _expire(active)


def end(membership: Membership, state: MembershipState, *, at: datetime) -> None:
    """It is over, for the reason that the state says. The caller writes it down."""
    membership.state, membership.ended_at = state, at
    membership.save(update_fields=["state", "ended_at"])


def resume_replaced(membership: Membership, *, order_id: uuid.UUID | None = None) -> Membership | None:
    """The one whose place an ended membership had taken is active again, if the upgrade was undone and time is left.

    If no time is left, the one before that is meant in its turn, under the same condition.
    """
    while membership.replaces is not None and _was_undone(membership):
        membership = membership.replaces
        if membership.state == MembershipState.REPLACED and membership.ends_at > clock.now():
            membership.state, membership.ended_at, membership.end_set_at = MembershipState.ACTIVE, None, clock.now()
            membership.save(update_fields=["state", "ended_at", "end_set_at"])
            write_down(membership, MembershipEvent.RESUMED, order_id=order_id)
            return membership
    return None


def write_down(
    membership: Membership,
    event: MembershipEvent,
    *,
    days: int = 0,
    ends_from: datetime | None = None,
    order_id: uuid.UUID | None = None,
    process: UpgradeProcess | None = None,
    by_id: uuid.UUID | None = None,
) -> None:
    """What has just happened to a membership goes into its history; its end is as it is now."""
    is_first = event in (MembershipEvent.BEGUN, MembershipEvent.UPGRADED)
    MembershipHistory.objects.create(
        membership=membership,
        event=event,
        state=membership.state,
        days=days,
        ends_from=None if is_first else ends_from or membership.ends_at,
        ends_to=membership.ends_at,
        order_id=order_id,
        upgrade=process,
        actor_id=by_id,
        at=clock.now(),
    )


# --- inside ----------------------------------------------------------------------------------------------------------


def _begin(
    customer_id: uuid.UUID,
    package: Term,
    *,
    replaces: Membership | None = None,
    order_id: uuid.UUID | None,
    process: UpgradeProcess | None = None,
    by_id: uuid.UUID | None,
) -> Membership:
    now = clock.now()
    begun = Membership.objects.create(
        customer_id=customer_id,
        product_id=package.product_id,
        tier=package.tier,
        starts_at=now,
        ends_at=now + timedelta(days=package.validity_days),
        end_set_at=now,
        replaces=replaces,
    )
    write_down(
        begun,
        MembershipEvent.UPGRADED if replaces else MembershipEvent.BEGUN,
        days=package.validity_days,
        order_id=order_id,
        process=process,
        by_id=by_id,
    )
    return begun


def _expire(membership: Membership) -> Membership | None:
    """Its time is over; returns what comes back in its place, if anything does."""
    end(membership, MembershipState.EXPIRED, at=membership.ends_at)
    write_down(membership, MembershipEvent.EXPIRED)
    resumed = resume_replaced(membership)
    if resumed is None:
        letters.want_ended(membership)
    return resumed


def _granted_before(order_id: uuid.UUID | None) -> Granted | None:
    """What the order has given already, undone since or not."""
    if order_id is None:
        return None
    given = MembershipHistory.objects.select_related("membership").filter(order_id=order_id, event__in=GRANTS).first()
    return Granted(given.membership, False) if given else None


def _was_undone(membership: Membership) -> bool:
    """Whether the upgrade is undone that the membership came from."""
    history = MembershipHistory.objects.filter(membership=membership)
    orders = history.filter(event=MembershipEvent.UPGRADED, order_id__isnull=False).values("order_id")
    return history.filter(event=MembershipEvent.REVERSED, order_id__in=orders).exists()


def _left_of(membership: Membership) -> list[Left]:
    """What is unused of each order's days: they are used up in the order in which they were given."""
    history = list(membership.history.all())
    undone = {row.order_id for row in history if row.event == MembershipEvent.REVERSED}
    left, begins, now = list[Left](), membership.starts_at, clock.now()
    for row in history:
        if row.event in GRANTS and not (row.order_id and row.order_id in undone):
            given = timedelta(days=row.days)
            ends = begins + given
            if ends > now:
                left.append(Left(row.order_id, given, ends - max(begins, now)))
            begins = ends
    return left
