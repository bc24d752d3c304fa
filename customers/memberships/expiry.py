"""Memberships whose time is over, ended one by one. Harmless to run twice, or twice at once: each is looked at again
under its customer's lock. Whoever is cut off has ended those before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import structlog
from django.db import transaction
from django.db.models import QuerySet

from customers.memberships import acts
from customers.models import Membership, MembershipState

log = structlog.get_logger(__name__)

# How many are looked for at once.
BATCH = 500


class Outcome(StrEnum):
    """What became of a membership whose time was over."""

    EXPIRED = "expired"
    KEPT = "kept"  # somebody else was first, or it was renewed in the last moment
    FAILED = "failed"  # something went wrong; it comes again with the next run


def due_to_expire(now: datetime) -> QuerySet[Membership]:
    """Active memberships that ended by now, the oldest first."""
    return Membership.objects.filter(state=MembershipState.ACTIVE, ends_at__lte=now).order_by("ends_at", "pk")


def expire_all(now: datetime) -> Iterator[Outcome]:
    """Every membership that is over, each once, whatever becomes of it, in a transaction of its own."""
    last: tuple[datetime, uuid.UUID] | None = None
    while True:
        due = due_to_expire(now)
        if last is not None:
            at, membership_id = last
            due = due.filter(ends_at__gte=at).exclude(ends_at=at, pk__lte=membership_id)
        rows = list(due.values_list("ends_at", "pk")[:BATCH])
        if not rows:
            return
        for _, membership_id in rows:
            yield _expire(membership_id)
        last = rows[-1]


def _expire(membership_id: uuid.UUID) -> Outcome:
    try:
        with transaction.atomic(durable=True):
            return Outcome.EXPIRED if acts.expire(membership_id) else Outcome.KEPT
    except Exception:
        # One that cannot be ended must not keep the others waiting.
        log.exception("membership_expiry_failed", membership=str(membership_id))
        return Outcome.FAILED
