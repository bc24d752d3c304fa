"""Who stands below whom in the demo shop, and who is a member."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from catalog.packages import PackageOffer
from customers.genealogy import tree
from customers.genealogy.placing import place
from customers.memberships import acts
from customers.memberships.acts import membership_of
from customers.memberships.upgrades import abandon_upgrade, upgrade_in_progress
from customers.models import Customer, Membership, UpgradeKind
from kit import clock

# Of the listed customers, the top first, so many stand one below the other; whoever comes after them waits.
_PLACED = 3
_FAR_FROM_ITS_END = timedelta(days=180)


def ensure_genealogy(customers: list[Customer]) -> None:
    """The first of the customers stands above the second and so on, wherever staff have moved them; the last waits."""
    above: Customer | None = None
    for customer in customers[:_PLACED]:
        if not tree.is_placed(customer.pk):
            place(customer.pk, sponsor_id=above.pk if above else None, by_id=None)
        above = customer


def ensure_membership(customer: Customer, lowest: PackageOffer) -> Membership:
    """The customer is a member of the lowest tier, for a long time to come: begun, or renewed when its end is near; no
    upgrade of the shop's own is on its way.

    A membership of a higher tier, from somebody's trial, is left to its end.
    """
    with transaction.atomic():
        process = upgrade_in_progress(customer.pk)
        if process and process.kind == UpgradeKind.AUTOMATIC:
            abandon_upgrade(process.pk, reason="Demo")
        membership = membership_of(customer.pk)
        far = clock.now() + _FAR_FROM_ITS_END
        if membership is None or (membership.product_id == lowest.product_id and membership.ends_at < far):
            membership = acts.renew(customer.pk, lowest).membership
    return membership
