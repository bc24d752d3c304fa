"""Upgrades that the shop gives by itself, by `settings.AUTO_UPGRADES`: begun for who has bought enough in the period,
and carried out a while later, so that staff can look at them first. Harmless to run twice, or twice at once: each is
looked at again under its customer's lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from customers.locking import lock_customer
from customers.memberships.acts import MembershipRefused
from customers.memberships.upgrades import abandon_upgrade, begin_upgrade, finish_upgrade
from customers.models import UpgradeKind, UpgradeProcess, UpgradeState
from kit import clock
from kit.money import Money
from orders.memberships.effects import credit_remainder

log = structlog.get_logger(__name__)

# Whoever had one of this tier begun in the period already gets no second: staff may have ended it.
_QUALIFIED = """
SELECT DISTINCT ON (b.customer_id) b.customer_id, k.product_id, k.tier, k.validity_days, b.currency, b.bought
FROM (
    SELECT o.customer_id, m.tier, o.currency, sum(o.total_minor + o.credits_minor - o.refunded_minor)::bigint AS bought
    FROM customers_membership m JOIN orders_order o ON o.customer_id = m.customer_id
    WHERE m.state = 'active' AND m.ends_at > %(now)s
      -- Credit counts when it is spent.
      AND o.order_type <> 'credit' AND o.status IN ('paid', 'completed')
      AND o.placed_at > %(since)s AND o.placed_at <= %(now)s
    GROUP BY o.customer_id, m.tier, o.currency
) b
JOIN unnest(%(tiers)s::int[], %(currencies)s::text[], %(amounts)s::bigint[]) rule (tier, currency, amount)
    ON rule.currency = b.currency AND b.bought >= rule.amount AND rule.tier > b.tier
JOIN catalog_package k ON k.tier = rule.tier AND k.on_sale
WHERE EXISTS (SELECT 1 FROM customers_placement p WHERE p.customer_id = b.customer_id)
  AND NOT EXISTS (
    SELECT 1 FROM customers_upgradeprocess u WHERE u.customer_id = b.customer_id
    AND (u.state = 'in_progress' OR (u.kind = 'automatic' AND u.tier >= k.tier AND u.begun_at > %(since)s))
)
ORDER BY b.customer_id, k.tier DESC
"""


@dataclass(frozen=True, slots=True)
class Qualified:
    """Who has bought enough for a higher tier. Also the term that it gives."""

    customer_id: uuid.UUID
    product_id: uuid.UUID
    tier: int
    validity_days: int
    bought: Money


class Outcome(StrEnum):
    """What became of somebody who qualified, or of an upgrade that was due."""

    BEGUN = "begun"
    FINISHED = "finished"
    ABANDONED = "abandoned"  # a member of that tier, or none at all, by then
    KEPT = "kept"  # something else came first
    FAILED = "failed"  # it comes again with the next run


def find_qualified(now: datetime) -> list[Qualified]:
    """Members who have bought enough in the period for a tier above theirs, each with the highest. One statement."""
    if not settings.AUTO_UPGRADES:
        return []
    values: dict[str, Any] = {
        "now": now,
        "since": now - settings.AUTO_UPGRADE_PERIOD,
        "tiers": [rule.tier for rule in settings.AUTO_UPGRADES],
        "currencies": [rule.amount.currency for rule in settings.AUTO_UPGRADES],
        "amounts": [rule.amount.minor for rule in settings.AUTO_UPGRADES],
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUALIFIED, values)
        return [
            Qualified(customer, product, tier, days, Money(bought, currency))
            for customer, product, tier, days, currency, bought in cursor.fetchall()
        ]


def begin_all(now: datetime) -> Iterator[Outcome]:
    """An automatic upgrade is in progress for everybody who qualifies, each in a transaction of its own."""
    for one in find_qualified(now):
        yield _begin(one)


def carry_out_all(now: datetime) -> Iterator[Outcome]:
    """The automatic upgrades that have waited long enough take effect, the oldest first."""
    due = UpgradeProcess.objects.filter(
        kind=UpgradeKind.AUTOMATIC, state=UpgradeState.IN_PROGRESS, begun_at__lte=now - settings.AUTO_UPGRADE_WAIT
    )
    for process_id in list(due.order_by("begun_at", "pk").values_list("pk", flat=True)):
        yield _carry_out(process_id)


def _begin(one: Qualified) -> Outcome:
    days = settings.AUTO_UPGRADE_PERIOD.days
    try:
        with transaction.atomic(durable=True):
            begin_upgrade(one.customer_id, one, reason=f"Bought for {one.bought} in {days} days")
    except MembershipRefused:
        return Outcome.KEPT
    except Exception:
        log.exception("auto_upgrade_failed", customer=str(one.customer_id))
        return Outcome.FAILED
    return Outcome.BEGUN


def _carry_out(process_id: uuid.UUID) -> Outcome:
    try:
        with transaction.atomic(durable=True):
            process = UpgradeProcess.objects.get(pk=process_id)
            lock_customer(process.customer_id)
            process.refresh_from_db()
            if process.state != UpgradeState.IN_PROGRESS:
                return Outcome.KEPT
            if not _is_upgrade(process):
                abandon_upgrade(process.pk, reason="No member of a lower tier any more")
                return Outcome.ABANDONED
            credit_remainder(finish_upgrade(process.pk).left, by=None)
    except Exception:
        # One that cannot be carried out must not keep the others waiting.
        log.exception("auto_upgrade_failed", upgrade=str(process_id))
        return Outcome.FAILED
    return Outcome.FINISHED


def _is_upgrade(process: UpgradeProcess) -> bool:
    memberships = process.customer.memberships.filter(state="active", ends_at__gt=clock.now())
    return memberships.filter(tier__lt=process.tier).exists()
