"""Upgrades between the wish and its effect: one that a customer has ordered and not paid for yet, or one that the shop
itself gives by a rule. A customer has at most one in progress.

Whoever takes the order, or watches the rule, stands above and says when it begins, takes effect, or comes to nothing.
"""

from __future__ import annotations

import uuid

from customers.locking import lock_customer
from customers.memberships import acts
from customers.memberships.acts import Granted, MembershipRefused, Term
from customers.models import MembershipHistory, UpgradeKind, UpgradeProcess, UpgradeState
from kit import clock


def upgrade_in_progress(customer_id: uuid.UUID) -> UpgradeProcess | None:
    """The customer's upgrade on its way, ordered or automatic."""
    return UpgradeProcess.objects.filter(customer=customer_id, state=UpgradeState.IN_PROGRESS).first()


def begin_upgrade(
    customer_id: uuid.UUID, package: Term, *, order_id: uuid.UUID | None = None, reason: str = ""
) -> UpgradeProcess:
    """An upgrade is in progress: an ordered one, or without an order an automatic one.

    Beginning it again for the same order changes nothing. Raises MembershipRefused: `upgrade_in_progress`,
    `not_a_member`, `tier_not_higher`. Locks the customer.
    """
    lock_customer(customer_id)
    known = UpgradeProcess.objects.filter(order_id=order_id).first() if order_id else None
    if known:
        return known
    present = upgrade_in_progress(customer_id)
    if present:
        raise MembershipRefused("upgrade_in_progress", kind=present.kind)
    active = acts.find_active(customer_id)
    if active is None:
        raise MembershipRefused("not_a_member")
    if package.tier <= active.tier:
        raise MembershipRefused("tier_not_higher")
    return UpgradeProcess.objects.create(
        customer_id=customer_id,
        product_id=package.product_id,
        tier=package.tier,
        validity_days=package.validity_days,
        kind=UpgradeKind.ORDERED if order_id else UpgradeKind.AUTOMATIC,
        order_id=order_id,
        reason=reason,
        begun_at=clock.now(),
    )


def finish_upgrade(process_id: uuid.UUID, *, by_id: uuid.UUID | None = None) -> Granted:
    """The upgrade has taken effect, as `acts.upgrade` does it; also one that was abandoned: money may come late.

    Finishing it again changes nothing. Raises MembershipRefused (`tier_not_higher`). Locks the customer.
    """
    process = _locked(process_id)
    if process.state == UpgradeState.FINISHED:
        given = MembershipHistory.objects.select_related("membership").filter(upgrade=process).latest("pk")
        return Granted(given.membership, False)
    return acts.upgrade(process.customer_id, process, order_id=process.order_id, process=process, by_id=by_id)


def abandon_upgrade(process_id: uuid.UUID, *, reason: str) -> bool:
    """The upgrade has come to nothing, if it was still in progress. Locks the customer."""
    process = _locked(process_id)
    if process.state != UpgradeState.IN_PROGRESS:
        return False
    process.state, process.ended_at, process.reason = UpgradeState.ABANDONED, clock.now(), reason
    process.save(update_fields=["state", "ended_at", "reason"])
    return True


def _locked(process_id: uuid.UUID) -> UpgradeProcess:
    lock_customer(UpgradeProcess.objects.values_list("customer_id", flat=True).get(pk=process_id))
    return UpgradeProcess.objects.get(pk=process_id)
