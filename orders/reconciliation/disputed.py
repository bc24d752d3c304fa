"""Disputes: what the gateway lists against ours, and ours that are still open against what it says of them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from orders.reconciliation import healing
from orders.reconciliation.steps import Step
from orders.reconciliation.work import Work
from payments.gateways.base import DisputeReport, NotKnown
from payments.models import OPEN_DISPUTE_STATES, Dispute
from payments.reconciliation import discrepancies, facts, sightings
from payments.reconciliation.comparing import Difference, compare_disputes
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, ProposedAct, Seen


def reconcile(work: Work, since: datetime, until: datetime) -> Iterator[Step]:
    """What the gateway lists for this stretch of time, and what it has listed for it before and lists no more."""
    for batch in work.batches("dispute", work.gateway.list_disputes(since, until), lambda each: each.dispute_id):
        for report in batch:
            yield from _deal(work, report)
        if not work.dry_run:
            sightings.keep(work.name, Seen.DISPUTE, [(each.dispute_id, each.opened_at) for each in batch])
    gone = sightings.gone(work.name, Seen.DISPUTE, since, until)
    yield from _look_for(work, Dispute.objects.filter(gateway_dispute_id__in=gone))


def still_open(work: Work, before: datetime) -> Iterator[Step]:
    """Our open disputes from before the window: they take months."""
    waiting = Dispute.objects.filter(state__in=OPEN_DISPUTE_STATES, attempt__gateway=work.name, opened_at__lt=before)
    yield from _look_for(work, waiting.order_by("pk").iterator(chunk_size=200))


def review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    """Look again at a dispute that was put before a person."""
    try:
        report = work.gateway.fetch_dispute(discrepancy.gateway_id)
    except NotKnown:
        yield from work.file([discrepancies.finding_of(discrepancy)])
    else:
        yield from _deal(work, report)


def _deal(work: Work, report: DisputeReport) -> Iterator[Step]:
    for difference in compare_disputes(work.name, [report]):
        if difference.can_heal:
            yield from work.heal([difference], report.dispute_id, partial(_heal, work, report))
        elif difference.request is None:
            yield from work.safely(_of_unknown(work, difference, report), or_file=difference.finding)
        else:
            yield from work.safely(_ask(work, report.dispute_id), or_file=difference.finding)


def _ask(work: Work, dispute_id: str) -> Iterator[Step]:
    """A list may be older than our books: only what differs from the present is put before a person."""
    fresh = work.gateway.fetch_dispute(dispute_id)
    yield from work.file([again.finding for again in compare_disputes(work.name, [fresh])])


def _of_unknown(work: Work, difference: Difference, report: DisputeReport) -> Iterator[Step]:
    """A dispute about a payment that we have not recorded: ours if its request is, or if a dry run would have
    recorded it by now."""
    request = healing.look(work.name, difference.reference) if difference.reference else None
    is_ours = request is not None and healing.find_request(request) is not None
    if not is_ours and report.payment_id not in work.would_have([report.payment_id]):
        yield from work.file([difference.finding])
        return
    ours = replace(difference, finding=replace(difference.finding, kind=DiscrepancyKind.DISPUTE_DIFFERS))

    def act() -> Sequence[Difference]:
        if request is not None:
            healing.heal(request)
        return _heal(work, report)

    yield from work.heal([ours], report.dispute_id, act)


def _heal(work: Work, report: DisputeReport) -> Sequence[Difference]:
    """Write down how the dispute stands; what still differs after that."""
    healing.heal_dispute(work.name, report)
    return compare_disputes(work.name, [report])


def _look_for(work: Work, disputes: Iterable[Dispute]) -> Iterator[Step]:
    for dispute in disputes:
        missing = _missing(work, dispute)
        yield from work.safely(_look(work, missing), or_file=missing)


def _look(work: Work, missing: Finding) -> Iterator[Step]:
    try:
        report = work.gateway.fetch_dispute(missing.gateway_id)
    except NotKnown:
        yield from work.file([missing])
    else:
        yield from _deal(work, report)


def _missing(work: Work, dispute: Dispute) -> Finding:
    return Finding(
        kind=DiscrepancyKind.DISPUTE_DIFFERS,
        gateway=work.name,
        gateway_id=dispute.gateway_dispute_id,
        currency=dispute.currency,
        amount_minor=dispute.withdrawn_minor,
        ours=facts.of_dispute(dispute),
        theirs={},
        proposed=ProposedAct.ASK_SUPPORT,
    )
