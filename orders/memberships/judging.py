"""Whether a customer may order an upgrade or a renewal now. Reads only; whoever needs it to stay true holds the
customer locked.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models import F

from customers.genealogy import tree
from customers.memberships.acts import Term, membership_of
from customers.memberships.upgrades import upgrade_in_progress
from customers.models import Membership, MembershipState, UpgradeKind
from kit import clock
from kit.errors import Fault
from orders.models import OrderRefund, OrderType, PackageOrder
from orders.status import UNPAID
from payments.models import Refund
from payments.models.refunds import OPEN_REFUND_STATES


def judge_package(customer_id: uuid.UUID, package: Term, order_type: OrderType) -> list[Fault]:
    """Why this package is none for this customer: `package_differs`, `already_a_member` for a renewal, `same_package`,
    `tier_not_higher` for an upgrade.

    A renewal takes up again what is over, too, if it was the last; `already_a_member` says that the end is not near.
    Who has nothing to compare it with hears of that by `judge`.
    """
    active = membership_of(customer_id)
    at = ("items", 0, "product")
    if order_type == OrderType.RENEWAL:
        last = active or _last_of(customer_id)
        if last is None:
            return []
        if last.product_id != package.product_id:
            return [Fault("package_differs", at=at)]
        opens_at = active and active.ends_at - timedelta(days=settings.MEMBERSHIP_RENEWAL_DAYS)
        if opens_at and clock.now() < opens_at:
            return [Fault("already_a_member", {"from": opens_at}, at=at)]
        return []
    if active is None:
        return []
    if active.product_id == package.product_id:
        return [Fault("same_package", at=at)]
    if package.tier <= active.tier:
        return [Fault("tier_not_higher", {"tier": active.tier}, at=at)]
    return []


def judge(customer_id: uuid.UUID, order_type: OrderType, *, besides: uuid.UUID | None = None) -> list[Fault]:
    """Why this customer may order none at present, all reasons at once: `not_placed`, `upgrade_in_progress`,
    `auto_upgrade_in_progress`, `previous_purchase_unpaid`, `refund_request_active`. Without any of them: that there is
    no membership to upgrade (`tier_not_higher`), or to renew (`package_differs`).

    An upgrade that is ordered and not paid for is in progress, and no unpaid purchase beside. The order `besides` does
    not count.
    """
    faults = []
    if not tree.is_placed(customer_id):
        faults.append("not_placed")
    process = upgrade_in_progress(customer_id)
    if process is not None:
        is_automatic = process.kind == UpgradeKind.AUTOMATIC
        faults.append("auto_upgrade_in_progress" if is_automatic else "upgrade_in_progress")
    mine = PackageOrder.objects.filter(order__customer=customer_id)
    unpaid = mine.filter(order__status__in=UNPAID)
    known = [order_id for order_id in (besides, process and process.order_id) if order_id]
    if unpaid.exclude(order__in=known).exists():
        faults.append("previous_purchase_unpaid")
    if _refund_is_active(customer_id):
        faults.append("refund_request_active")
    if faults:
        return [Fault(code, at=("customer",)) for code in faults]
    at = ("items", 0, "product")
    if order_type == OrderType.RENEWAL:
        return [] if _last_of(customer_id) else [Fault("package_differs", at=at)]
    return [] if membership_of(customer_id) else [Fault("tier_not_higher", at=at)]


def _last_of(customer_id: uuid.UUID) -> Membership | None:
    """The customer's membership that ended last, or has yet to; one that a refund has undone never was."""
    memberships = Membership.objects.filter(customer=customer_id).exclude(state=MembershipState.REVERSED)
    return memberships.order_by(F("ended_at").desc(nulls_first=True), "-pk").first()


def _refund_is_active(customer_id: uuid.UUID) -> bool:
    """Whether a refund of one of the customer's packages waits for a second person, or is on its way."""
    asked = OrderRefund.objects.filter(order__customer=customer_id, order__package__isnull=False)
    if asked.filter(needs_approval=True, decided_at__isnull=True).exists():
        return True
    mine = PackageOrder.objects.filter(order__customer=customer_id).values("order_id")
    return Refund.objects.filter(attempt__request__subject_id__in=mine, state__in=OPEN_REFUND_STATES).exists()
