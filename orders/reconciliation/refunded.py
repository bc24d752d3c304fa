"""Refunds: what the gateway lists against ours, and ours against what it lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import batched

from orders.reconciliation import healing
from orders.reconciliation.steps import Step
from orders.reconciliation.work import BATCH, Work
from payments.gateways.base import ListedRefund
from payments.models import PaymentAttempt, Refund, RefundState
from payments.reconciliation import discrepancies, facts, sightings
from payments.reconciliation.comparing import Difference, compare_refunds
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, ProposedAct, Seen


def reconcile(work: Work, since: datetime, until: datetime) -> Iterator[Step]:
    """What the gateway lists for this stretch of time, and what it has listed for it before and lists no more."""
    for batch in work.batches("refund", work.gateway.list_refunds(since, until), lambda each: each.refund.refund_id):
        yield from _deal(work, batch)
        if not work.dry_run:
            sightings.keep(work.name, Seen.REFUND, [(each.refund.refund_id, each.created_at) for each in batch])
    for ids in batched(sightings.gone(work.name, Seen.REFUND, since, until), BATCH):
        yield from _look_for(work, ids)


def never_listed(work: Work, since: datetime, until: datetime) -> Iterator[Step]:
    """Our refunds that no list has shown: each is asked for by its request."""
    for ids in sightings.never_listed(work.name, Seen.REFUND, since, until):
        yield from _look_for(work, ids)


def review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    """Look again at a refund that was put before a person."""
    payment_id = discrepancy.theirs.get("payment") or discrepancy.ours.get("payment") or ""
    attempt = PaymentAttempt.objects.filter(gateway=work.name, gateway_payment_id=payment_id).first()
    report = healing.look(work.name, attempt.request.gateway_reference or "") if attempt else None
    found = facts.find_refund(report, discrepancy.gateway_id) if report else None
    if found is not None:
        payment, refund = found
        yield from _deal(work, [ListedRefund(payment.payment_id, payment.currency, discrepancy.first_seen_at, refund)])
    elif Refund.objects.filter(gateway_refund_id=discrepancy.gateway_id).exists():
        yield from _look_for(work, [discrepancy.gateway_id])
    else:
        yield from work.file([discrepancies.finding_of(discrepancy)])


def _deal(work: Work, batch: Sequence[ListedRefund]) -> Iterator[Step]:
    listed = {each.refund.refund_id: each for each in batch}
    by_request: dict[str, list[Difference]] = {}
    differences = compare_refunds(work.name, batch)
    # A payment is recorded with its refunds.
    planned = work.would_have(listed[each.finding.gateway_id].payment_id for each in differences)
    to_file: list[Finding] = []
    for difference in differences:
        refund = listed[difference.finding.gateway_id]
        if difference.can_heal:
            by_request.setdefault(difference.reference, []).append(difference)
        elif refund.payment_id in planned:
            continue
        elif difference.reference:
            yield from work.safely(_ask(work, difference, refund), or_file=difference.finding)
        else:
            to_file.append(difference.finding)
    for reference, of_request in by_request.items():
        refunds = [listed[difference.finding.gateway_id] for difference in of_request]
        yield from work.heal(of_request, reference, partial(_heal, work, reference, refunds))
    yield from work.file(to_file)


def _heal(work: Work, reference: str, listed: Sequence[ListedRefund]) -> Sequence[Difference]:
    """Record what the gateway says now; what still differs after that."""
    report = healing.look(work.name, reference)
    if report is None:
        return compare_refunds(work.name, listed)
    healing.heal(report)
    found = [(each, facts.find_refund(report, each.refund.refund_id)) for each in listed]
    return compare_refunds(work.name, [replace(each, refund=now[1]) if now else each for each, now in found])


def _ask(work: Work, difference: Difference, listed: ListedRefund) -> Iterator[Step]:
    """A list may be older than our books: only what differs from the present is put before a person."""
    report = healing.look(work.name, difference.reference)
    now = facts.find_refund(report, listed.refund.refund_id) if report else None
    fresh = replace(listed, refund=now[1]) if now else listed
    yield from work.file([again.finding for again in compare_refunds(work.name, [fresh])])


def _look_for(work: Work, refund_ids: Sequence[str]) -> Iterator[Step]:
    """Ask for refunds of ours that the gateway did not list."""
    refunds = Refund.objects.filter(attempt__gateway=work.name, gateway_refund_id__in=list(refund_ids))
    for refund in refunds.select_related("attempt__request").order_by("pk"):
        not_taken = work.not_taken(refund.pk, refund.currency, facts.of_refund(refund))
        yield from work.safely(_look(work, refund), or_file=not_taken)


def _look(work: Work, refund: Refund) -> Iterator[Step]:
    report = healing.look(work.name, refund.attempt.request.gateway_reference or "")
    found = facts.find_refund(report, refund.gateway_refund_id or "") if report else None
    if found is None:
        yield from work.file([_missing(refund)])
        return
    payment, told = found
    yield from _deal(work, [ListedRefund(payment.payment_id, payment.currency, refund.created_at, told)])


def _missing(refund: Refund) -> Finding:
    return Finding(
        kind=DiscrepancyKind.REFUND_MISSING,
        gateway=refund.attempt.gateway,
        gateway_id=refund.gateway_refund_id or "",
        currency=refund.currency,
        amount_minor=refund.amount_minor if refund.state == RefundState.SUCCEEDED else 0,
        ours=facts.of_refund(refund),
        theirs={},
        proposed=ProposedAct.ASK_SUPPORT,
    )
