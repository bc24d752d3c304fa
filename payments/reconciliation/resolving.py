"""What people do about discrepancies, and how a write-off is undone whose reason is gone.

Each act is one transaction under the discrepancy's lock, with a line of audit that says who did what and why; none of
them changes what either side says.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum

from kit import clock
from kit.errors import DomainError, Fault
from payments import ledger
from payments.ledger import Leg
from payments.models import Account, LedgerEntry, TransferKind
from payments.reconciliation.models import (
    IN_SUSPENSE_KINDS,
    Discrepancy,
    DiscrepancyAct,
    DiscrepancyDeed,
    DiscrepancyKind,
    DiscrepancyState,
    Resolution,
)


class NotResolvable(DomainError):
    """The discrepancy does not allow what was asked. Facts: state."""

    def __init__(self, code: str, discrepancy: Discrepancy) -> None:
        super().__init__([Fault(code, {"state": discrepancy.state})])


_DEEDS = {
    Resolution.ACCEPTED: DiscrepancyDeed.ACCEPTED,
    Resolution.CLOSED: DiscrepancyDeed.CLOSED,
    Resolution.WRITTEN_OFF: DiscrepancyDeed.WRITTEN_OFF,
    Resolution.TAKEN_BACK: DiscrepancyDeed.TAKEN_BACK,
}


def assign(discrepancy_id: uuid.UUID, *, to: uuid.UUID) -> Discrepancy:
    """Somebody takes it on. Raises NotResolvable (`not_open`) and Discrepancy.DoesNotExist."""
    with transaction.atomic(durable=True):
        discrepancy = _open(discrepancy_id)
        before = {"assigned_to": discrepancy.assigned_to_id and str(discrepancy.assigned_to_id)}
        discrepancy.assigned_to_id = to
        discrepancy.save(update_fields=["assigned_to"])
        _note(discrepancy, DiscrepancyDeed.ASSIGNED, by=to, reason="", before=before, after={"assigned_to": str(to)})
    return discrepancy


def resolve(discrepancy_id: uuid.UUID, *, as_: Resolution, by: uuid.UUID, reason: str) -> Discrepancy:
    """It is dealt with for good. What is written off leaves suspense in the ledger; nothing else moves money.

    Raises NotResolvable (`not_open`, `no_reason`, `not_in_suspense`) and Discrepancy.DoesNotExist; ValueError for what
    is not done by saying so.
    """
    if as_ == Resolution.TAKEN_BACK:
        raise ValueError("whoever takes something back resolves within that")
    with transaction.atomic(durable=True):
        return resolve_within(discrepancy_id, as_=as_, by=by, reason=reason)


def resolve_within(discrepancy_id: uuid.UUID, *, as_: Resolution, by: uuid.UUID, reason: str) -> Discrepancy:
    """The same in the transaction of an act that has done what the resolution says."""
    discrepancy = _open(discrepancy_id)
    if not reason.strip():
        raise NotResolvable("no_reason", discrepancy)
    if as_ == Resolution.WRITTEN_OFF:
        _write_off(discrepancy, reason)
    discrepancy.state, discrepancy.resolution = DiscrepancyState.RESOLVED, as_
    discrepancy.resolved_at, discrepancy.resolved_by_id = clock.now(), by
    discrepancy.reason = reason.strip()[:500]
    discrepancy.save(update_fields=["state", "resolution", "resolved_at", "resolved_by", "reason"])
    _note(
        discrepancy,
        _DEEDS[as_],
        by=by,
        reason=reason,
        before={"state": DiscrepancyState.OPEN.value},
        after={"state": discrepancy.state.value, "resolution": as_.value},
    )
    return discrepancy


def note_looked(discrepancy: Discrepancy, *, by: uuid.UUID) -> None:
    """Somebody had it looked at again; what came of it is on the discrepancy."""
    now = Discrepancy.objects.get(pk=discrepancy.pk)
    before = {"state": discrepancy.state, "theirs": discrepancy.theirs}
    _note(
        now,
        DiscrepancyDeed.LOOKED_AGAIN,
        by=by,
        reason="",
        before=before,
        after={"state": now.state, "theirs": now.theirs},
    )


def undo_write_offs(*, kind: DiscrepancyKind, gateway: str, gateway_ids: Iterable[str], because: str) -> None:
    """What of these things a person has written off is no longer so: the ledger takes it back, and they are gone.

    In the caller's transaction, once what is open of them is cleared: whoever writes off at this very moment is then
    either seen here, or finds nothing open any more. Locks the discrepancies.
    """
    written_off = Discrepancy.objects.select_for_update().filter(
        kind=kind, gateway=gateway, gateway_id__in=list(gateway_ids), resolution=Resolution.WRITTEN_OFF
    )
    for discrepancy in written_off.order_by("pk"):
        before = {"state": discrepancy.state, "resolution": discrepancy.resolution, "reason": discrepancy.reason}
        ledger.reverse(
            source=f"resolution-undone:{discrepancy.pk}",
            of=[f"resolution:{discrepancy.pk}"],
            kind=TransferKind.RESOLUTION,
            memo=because,
        )
        discrepancy.state, discrepancy.resolution, discrepancy.reason = DiscrepancyState.GONE, "", ""
        discrepancy.resolved_at, discrepancy.resolved_by = clock.now(), None
        discrepancy.save(update_fields=["state", "resolution", "reason", "resolved_at", "resolved_by"])
        _note(
            discrepancy,
            DiscrepancyDeed.UNDONE,
            by=None,
            reason=because,
            before=before,
            after={"state": discrepancy.state.value},
        )


def can_be_written_off(discrepancy: Discrepancy) -> bool:
    """Whether its amount lies in suspense: only what settlements brought does, and what was refunded twice."""
    if discrepancy.kind not in IN_SUSPENSE_KINDS or not discrepancy.amount_minor:
        return False
    if discrepancy.kind == DiscrepancyKind.REFUNDED_TWICE:
        # Put there when it was filed, and taken away with it.
        return True
    held = _in_suspense(discrepancy.currency)
    return abs(discrepancy.amount_minor) <= (-held if discrepancy.amount_minor > 0 else held)


def _in_suspense(currency: str) -> int:
    """What lies there; below zero where we have more than we can explain. Minor units."""
    entries = LedgerEntry.objects.filter(account=Account.SUSPENSE, currency=currency)
    return int(entries.aggregate(sum=Sum("amount_minor", default=0))["sum"])


def _write_off(discrepancy: Discrepancy, reason: str) -> None:
    with connection.cursor() as cursor:
        # Two at once must not give up the same money.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('suspense', 0))")
    if not can_be_written_off(discrepancy):
        raise NotResolvable("not_in_suspense", discrepancy)
    ledger.post(
        source=f"resolution:{discrepancy.pk}",
        kind=TransferKind.RESOLUTION,
        currency=discrepancy.currency,
        legs=(
            Leg(Account.SUSPENSE, discrepancy.amount_minor),
            Leg(Account.WRITE_OFF, -discrepancy.amount_minor),
        ),
        memo=reason,
    )


def _open(discrepancy_id: uuid.UUID) -> Discrepancy:
    discrepancy = Discrepancy.objects.select_for_update().get(pk=discrepancy_id)
    if discrepancy.state != DiscrepancyState.OPEN:
        raise NotResolvable("not_open", discrepancy)
    return discrepancy


def _note(
    discrepancy: Discrepancy,
    deed: DiscrepancyDeed,
    *,
    by: uuid.UUID | None,
    reason: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    DiscrepancyAct.objects.create(
        discrepancy=discrepancy, deed=deed, by_id=by, reason=reason[:500], before=before, after=after
    )
