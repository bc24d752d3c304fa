"""Packages of three tiers, and people who are members of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction

from catalog.models import Package
from catalog.packages import PackageOffer, find_package
from customers.models import Membership, MembershipHistory
from kit import clock
from tests import shop

DAYS = 30


def open_tiers(*, days: int = DAYS) -> tuple[PackageOffer, PackageOffer, PackageOffer]:
    """Bronze, silver and gold, of the tiers 10, 20 and 30."""
    bronze, silver, gold = (
        _package(title, tier, price, days)
        for title, tier, price in (("Bronze", 10, 4_900), ("Silver", 20, 14_900), ("Gold", 30, 39_900))
    )
    return bronze, silver, gold


@contextmanager
def on_day(day: float) -> Iterator[None]:
    """Within the block it is so many days later; what is done there is done in one transaction."""
    with clock.turned(timedelta(days=day)), transaction.atomic():
        yield


def standing(customer_id: uuid.UUID) -> list[tuple[int, str, int]]:
    """Of each of the customer's memberships, the oldest first: tier, state, days from its beginning to its end."""
    rows = Membership.objects.filter(customer=customer_id).order_by("pk")
    return [(row.tier, row.state, (row.ends_at - row.starts_at).days) for row in rows]


def story(customer_id: uuid.UUID) -> list[tuple[int, str, int]]:
    """What happened to them: tier, event, days."""
    history = MembershipHistory.objects.filter(membership__customer=customer_id).order_by("pk")
    return list(history.values_list("membership__tier", "event", "days"))


def _package(title: str, tier: int, price_minor: int, days: int) -> PackageOffer:
    article = shop.add_article(f"{title} Package", f"TIER-{tier}", price_minor, kind="package", weight_grams=0)
    Package.objects.create(product_id=article.product_id, tier=tier, validity_days=days)
    offer = find_package(article.product_id)
    assert offer is not None
    return offer
