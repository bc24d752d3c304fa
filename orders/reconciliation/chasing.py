"""What was cut off or has an unknown outcome: taken on at once, without the pauses of the periodic chase.

Asked about by the same acts as the chase's jobs; what they leave unclear for long is put before a person.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet

from kit import clock
from orders import jobs
from orders.reconciliation.steps import Deed, Step
from orders.reconciliation.work import Work
from payments import inbox, queries
from payments.models import PaymentRequest, Refund, RefundState, RequestState
from payments.reconciliation import discrepancies, facts
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, ProposedAct

log = structlog.get_logger(__name__)

_PAGE = 100
_UNKNOWN_REQUESTS = (RequestState.INITIATED, RequestState.UNKNOWN)
_UNKNOWN_REFUNDS = (RefundState.APPROVED, RefundState.UNKNOWN)


def chase(work: Work) -> Iterator[Step]:
    """Requests, refunds, and events that were about nothing we knew; then what is stuck."""
    due = clock.now() - settings.UNKNOWN_OUTCOME_ASK_AFTER
    requests = queries.unclear_requests().filter(gateway=work.name, created_at__lt=due)
    for request in _each_request(requests):
        yield from _chase_request(work, request)
    yield from _refunds(work, Q(created_at__lt=due))
    if not work.dry_run:
        # What this very run has promised back; nobody could have known of it before.
        work.counts["sent"] += sum(1 for _ in _refunds(work, Q(created_at__gte=work.started_at)))
        work.counts["events"] += _work_orphans()
        yield from _stuck(work)


def review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    """Look again at something of unknown outcome, or that our books did not take."""
    request = queries.unclear_requests().filter(pk=discrepancy.gateway_id).first()
    refund = _unknown_refunds(work).filter(pk=discrepancy.gateway_id).first()
    if work.dry_run:
        if discrepancy.kind == DiscrepancyKind.NOT_BROUGHT_IN_LINE and (request or refund):
            # Whether they take it by now shows when it is tried.
            yield from work.file([discrepancies.finding_of(discrepancy)])
    elif request is not None:
        yield from _chase_request(work, request)
    elif refund is not None:
        yield from _chase_refund(work, refund)
    yield from work.file([each for each in _stuck_now(work) if each.gateway_id == discrepancy.gateway_id])


def _chase_request(work: Work, request: PaymentRequest) -> Iterator[Step]:
    def steps() -> Iterator[Step]:
        if work.dry_run or _moves_request(request):
            yield Step(Deed.CHASE, work.name, request.state, str(request.pk), str(request.subject_id))

    ours = facts.of_request(request)
    yield from work.safely(steps(), or_file=work.not_taken(request.pk, request.currency, ours))


def _chase_refund(work: Work, refund: Refund) -> Iterator[Step]:
    def steps() -> Iterator[Step]:
        if work.dry_run or _moves_refund(refund):
            subject = str(refund.attempt.request.subject_id)
            yield Step(Deed.CHASE, work.name, refund.state, str(refund.pk), subject)

    ours = facts.of_refund(refund)
    yield from work.safely(steps(), or_file=work.not_taken(refund.pk, refund.currency, ours))


def _moves_request(request: PaymentRequest) -> bool:
    jobs.chase_request(str(request.pk))
    now = PaymentRequest.objects.values("state", "cancel_wanted_at").get(pk=request.pk)
    return now != {"state": request.state, "cancel_wanted_at": request.cancel_wanted_at}


def _moves_refund(refund: Refund) -> bool:
    jobs.send_refund(str(refund.pk))
    return not Refund.objects.filter(pk=refund.pk, state=refund.state).exists()


def _refunds(work: Work, which: Q) -> Iterator[Step]:
    page = list(_unknown_refunds(work).filter(which)[:_PAGE])
    while page:
        for refund in page:
            yield from _chase_refund(work, refund)
        page = list(_unknown_refunds(work).filter(which, pk__gt=page[-1].pk)[:_PAGE])


def _unknown_refunds(work: Work) -> QuerySet[Refund]:
    refunds = Refund.objects.filter(attempt__gateway=work.name, state__in=_UNKNOWN_REFUNDS)
    return refunds.select_related("attempt__request").order_by("pk")


def _each_request(requests: QuerySet[PaymentRequest]) -> Iterator[PaymentRequest]:
    ordered = requests.defer("client_secret").order_by("pk")
    page = list(ordered[:_PAGE])
    while page:
        yield from page
        page = list(ordered.filter(pk__gt=page[-1].pk)[:_PAGE])


def _work_orphans() -> int:
    """Have events worked whose request is known by now; how many."""
    worked = 0
    while event_ids := inbox.match_orphans(settings.UNKNOWN_OUTCOME_ASK_AFTER, _PAGE):
        for event_id in event_ids:
            try:
                jobs.work_event(event_id)
            except Exception:
                # The chase comes back to it, and puts it before a person in the end.
                log.exception("orphan_failed", event_id=event_id)
            worked += 1
    return worked


def _stuck(work: Work) -> Iterator[Step]:
    findings = list(_stuck_now(work))
    for start in range(0, len(findings), _PAGE):
        yield from work.file(findings[start : start + _PAGE])


def _stuck_now(work: Work) -> Iterator[Finding]:
    """Requests and refunds whose outcome has been unknown for long."""
    long_ago = clock.now() - settings.RECONCILE_STUCK_AFTER
    requests = PaymentRequest.objects.filter(gateway=work.name, state__in=_UNKNOWN_REQUESTS, created_at__lt=long_ago)
    for request in _each_request(requests):
        yield _finding(work, request.pk, request.currency, facts.of_request(request))
    for refund in _unknown_refunds(work).filter(created_at__lt=long_ago):
        yield _finding(work, refund.pk, refund.currency, facts.of_refund(refund))


def _finding(work: Work, row_id: uuid.UUID, currency: str, ours: discrepancies.Facts) -> Finding:
    return Finding(
        kind=DiscrepancyKind.STUCK,
        gateway=work.name,
        gateway_id=str(row_id),
        currency=currency,
        amount_minor=0,
        ours=ours,
        theirs={},
        proposed=ProposedAct.ASK_SUPPORT,
    )
