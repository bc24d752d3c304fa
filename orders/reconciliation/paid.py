"""Payments: what the gateway lists against our attempts, and our attempts against what it lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import batched

from orders import subjects
from orders.reconciliation import healing
from orders.reconciliation.steps import Deed, Step
from orders.reconciliation.work import BATCH, Work
from payments.gateways.base import ListedPayment, PaymentState
from payments.models import AttemptState, PaymentAttempt
from payments.reconciliation import discrepancies, facts, sightings
from payments.reconciliation.comparing import Difference, awaits_capture, compare_payments
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, ProposedAct, Seen


def reconcile(work: Work, since: datetime, until: datetime) -> Iterator[Step]:
    """What the gateway lists for this stretch of time, and what it has listed for it before and lists no more."""
    listed = work.gateway.list_payments(since, until)
    for batch in work.batches("payment", listed, lambda each: each.payment.payment_id):
        yield from _deal(work, batch)
        if not work.dry_run:
            seen = [(each.payment.payment_id, each.created_at) for each in batch]
            sightings.keep(work.name, Seen.PAYMENT, seen)
    for ids in batched(sightings.gone(work.name, Seen.PAYMENT, since, until), BATCH):
        yield from _look_for(work, ids)


def never_listed(work: Work, since: datetime, until: datetime) -> Iterator[Step]:
    """Our payments that no list has shown: each is asked for by its request."""
    for ids in sightings.never_listed(work.name, Seen.PAYMENT, since, until):
        yield from _look_for(work, ids)


def review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    """Look again at a payment that was put before a person."""
    reference = discrepancy.theirs.get("reference") or discrepancy.ours.get("reference") or ""
    report = healing.look(work.name, reference) if reference else None
    payment = facts.find_payment(report, discrepancy.gateway_id) if report else None
    if report is not None and payment is not None:
        refunded = facts.refunded_minor(payment)
        listed = ListedPayment(report.reference, report.key, discrepancy.first_seen_at, payment, refunded)
        yield from _deal(work, [listed])
    elif _attempts(work, [discrepancy.gateway_id]):
        yield from _look_for(work, [discrepancy.gateway_id])
    else:
        yield from work.file([discrepancies.finding_of(discrepancy)])


def _deal(work: Work, batch: Sequence[ListedPayment]) -> Iterator[Step]:
    listed = {each.payment.payment_id: each for each in batch}
    by_request: dict[str, list[Difference]] = {}
    to_file: list[Finding] = []
    differences = compare_payments(work.name, batch)
    for difference in differences:
        if difference.can_heal:
            by_request.setdefault(difference.reference, []).append(difference)
        elif difference.reference:
            asked = _ask(work, difference, listed[difference.finding.gateway_id])
            yield from work.safely(asked, or_file=difference.finding)
        else:
            to_file.append(difference.finding)
    for reference, of_request in by_request.items():
        payments = [listed[difference.finding.gateway_id] for difference in of_request]
        yield from work.heal(of_request, reference, partial(_heal, work, reference, payments))
    yield from work.file(to_file)
    differing = {difference.finding.gateway_id for difference in differences}
    yield from _capture(work, [each for each in batch if each.payment.payment_id not in differing])


def _heal(work: Work, reference: str, listed: Sequence[ListedPayment]) -> Sequence[Difference]:
    """Record what the gateway says now; what still differs after that."""
    report = healing.look(work.name, reference)
    if report is None:
        return compare_payments(work.name, listed)
    healing.heal(report, listed)
    # What was captured in healing, or by somebody else meanwhile, is in no report from before.
    report = healing.look(work.name, reference) or report
    return compare_payments(work.name, [facts.as_listed(each, report) for each in listed])


def _ask(work: Work, difference: Difference, listed: ListedPayment) -> Iterator[Step]:
    """A list may be older than our books, and does not name whose payment it is where only the request does."""
    report = healing.look(work.name, difference.reference)
    if report is None:
        yield from work.file([difference.finding])
        return
    fresh = facts.as_listed(listed, report)
    for again in compare_payments(work.name, [fresh]):
        if again.can_heal:
            yield from work.heal([again], again.reference, partial(_heal, work, again.reference, [fresh]))
        else:
            yield from work.file([again.finding])


def _capture(work: Work, batch: Sequence[ListedPayment]) -> Iterator[Step]:
    """Take what is held and was meant to be taken, for what still waits for it."""
    held = {each.payment.payment_id: each for each in batch if each.payment.state == PaymentState.AUTHORIZED}
    if not held:
        return
    attempts = [
        attempt
        for attempt in _attempts(work, list(held))
        if awaits_capture(held[attempt.gateway_payment_id], attempt.request)
    ]
    waiting = subjects.waiting_for_capture([attempt.request for attempt in attempts])
    for attempt in attempts:
        if attempt.request.subject_id in waiting:
            untaken = _untaken(attempt, held[attempt.gateway_payment_id])
            yield from work.safely(_take(work, attempt), or_file=untaken)


def _take(work: Work, attempt: PaymentAttempt) -> Iterator[Step]:
    if work.dry_run or healing.capture(attempt):
        subject = str(attempt.request.subject_id)
        yield Step(Deed.CAPTURE, work.name, AttemptState.AUTHORIZED, attempt.gateway_payment_id, subject)


def _untaken(attempt: PaymentAttempt, listed: ListedPayment) -> Finding:
    return Finding(
        kind=DiscrepancyKind.CAPTURED_DIFFERS,
        gateway=attempt.gateway,
        gateway_id=attempt.gateway_payment_id,
        currency=attempt.currency,
        amount_minor=0,
        ours=facts.of_attempt(attempt),
        theirs=facts.of_listed_payment(listed),
        proposed=ProposedAct.CHECK_GATEWAY,
    )


def _look_for(work: Work, payment_ids: Sequence[str]) -> Iterator[Step]:
    """Ask for payments of ours that the gateway did not list."""
    for attempt in _attempts(work, payment_ids):
        request = attempt.request
        not_taken = work.not_taken(request.pk, request.currency, facts.of_attempt(attempt))
        yield from work.safely(_look(work, attempt), or_file=not_taken)


def _look(work: Work, attempt: PaymentAttempt) -> Iterator[Step]:
    report = healing.look(work.name, attempt.request.gateway_reference or "")
    payment = facts.find_payment(report, attempt.gateway_payment_id) if report else None
    if report is None or payment is None:
        yield from work.file([_missing(attempt)])
        return
    refunded = facts.refunded_minor(payment)
    yield from _deal(work, [ListedPayment(report.reference, report.key, attempt.created_at, payment, refunded)])


def _missing(attempt: PaymentAttempt) -> Finding:
    return Finding(
        kind=DiscrepancyKind.PAYMENT_MISSING,
        gateway=attempt.gateway,
        gateway_id=attempt.gateway_payment_id,
        currency=attempt.currency,
        amount_minor=attempt.refunded_minor - attempt.captured_minor,
        ours=facts.of_attempt(attempt),
        theirs={},
        proposed=ProposedAct.ASK_SUPPORT,
    )


def _attempts(work: Work, payment_ids: Sequence[str]) -> list[PaymentAttempt]:
    attempts = PaymentAttempt.objects.filter(gateway=work.name, gateway_payment_id__in=list(payment_ids))
    return list(attempts.select_related("request").order_by("pk"))
