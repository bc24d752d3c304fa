"""The refunds of an attempt, whoever made them."""

from __future__ import annotations

import structlog
from django.db.models import Q, Sum

from kit.ids import parse_id
from payments import announcing, ledger, postings
from payments.gateways.base import RefundOutcome, RefundReport
from payments.models import PaymentAttempt, PaymentRequest, Refund, RefundDestination, RefundState

log = structlog.get_logger(__name__)

MADE_ELSEWHERE = "Made at the gateway"
_STATES = [state.value for state in RefundState]


def record_refunds(attempt: PaymentAttempt, reports: tuple[RefundReport, ...]) -> None:
    """Write down what a gateway says of the refunds of an attempt, and what of it is therefore back with the payer."""
    for report in reports:
        _record_refund(attempt, report)
    promised = add_up(attempt)
    # What went back by another way cannot go back once more: promises that no gateway was told of give way.
    too_much = promised - attempt.captured_minor
    unsent = Refund.objects.filter(attempt=attempt, state__in=(RefundState.REQUESTED, RefundState.APPROVED))
    for refund in unsent.order_by("-created_at", "-pk"):
        if too_much > 0:
            fail(refund, because="The money went back by another way")
            too_much -= refund.amount_minor


def add_up(attempt: PaymentAttempt) -> int:
    """Copy onto an attempt what its refunds have sent back of it; returns what they send back or promise, minor units.

    The caller holds the payment request locked.
    """
    done = Q(state=RefundState.SUCCEEDED)
    sums = Refund.objects.filter(attempt=attempt).aggregate(
        refunded=Sum("amount_minor", filter=done & Q(destination=RefundDestination.ORIGINAL), default=0),
        credited=Sum("amount_minor", filter=done & Q(destination=RefundDestination.CREDIT), default=0),
        promised=Sum("amount_minor", filter=~Q(state=RefundState.FAILED), default=0),
    )
    attempt.refunded_minor, attempt.credited_minor = sums["refunded"], sums["credited"]
    attempt.save(update_fields=["refunded_minor", "credited_minor", "changed_at"])
    return int(sums["promised"])


def fail(refund: Refund, *, because: str) -> None:
    """A refund will not happen: its row says why, and what was posted of it is undone."""
    refund.state, refund.failed_because = RefundState.FAILED, because[:200]
    refund.save(update_fields=["state", "failed_because"])
    postings.post_refund_failed(refund)
    announcing.announce_refund(refund, refund.attempt, refund.attempt.request.subject_id)


def promise(refund: Refund, attempt: PaymentAttempt, request: PaymentRequest, *, tax_is_settled: bool = False) -> None:
    """A refund is to happen: how much of it was never due to us, and how much tax the rest has, is settled by how its
    subject stands in the ledger now. With `tax_is_settled` the tax on the row was settled line by line, be it none."""
    if attempt.currency != request.currency:
        refund.surplus_minor = refund.amount_minor
    else:
        stands = ledger.sale_balances(request.subject_id, refund.currency)
        settled = refund.tax_minor if tax_is_settled else None
        refund.surplus_minor = min(refund.amount_minor - (settled or 0), stands.surplus)
        refund.tax_minor = stands.tax_share(refund.amount_minor - refund.surplus_minor, settled_minor=settled)
    refund.save(update_fields=["surplus_minor", "tax_minor"])
    postings.post_promise(refund, attempt, request)


def _record_refund(attempt: PaymentAttempt, report: RefundReport) -> None:
    refund = Refund.objects.filter(gateway_refund_id=report.refund_id).first()
    key = parse_id(report.key)
    if refund is None and key is not None:
        refund = Refund.objects.filter(pk=key, attempt=attempt, gateway_refund_id__isnull=True).first()
    if refund is None:
        refund = Refund.objects.create(
            attempt=attempt,
            amount_minor=report.amount_minor,
            currency=attempt.currency,
            state=report.outcome.value,
            reason=MADE_ELSEWHERE,
            gateway_refund_id=report.refund_id,
        )
        if report.outcome != RefundOutcome.FAILED:
            promise(refund, attempt, attempt.request)
        if report.outcome == RefundOutcome.SUCCEEDED:
            postings.post_refund(refund, attempt, attempt.request)
        announcing.announce_refund(refund, attempt, attempt.request.subject_id)
        return
    if (refund.attempt_id, refund.amount_minor) != (attempt.pk, report.amount_minor):
        log.error("gateway_refund_differs", refund=str(refund.pk), reference=report.refund_id)
        return
    # A refund that succeeded may fail later; one that failed stays failed.
    earlier = Refund.objects.filter(pk=refund.pk, state__in=_STATES[: _STATES.index(report.outcome.value)])
    if report.outcome == RefundOutcome.FAILED:
        if earlier.update(gateway_refund_id=report.refund_id):
            fail(refund, because="The gateway could not send it back")
    elif earlier.update(state=report.outcome.value, gateway_refund_id=report.refund_id):
        refund.state = report.outcome.value
        if report.outcome == RefundOutcome.SUCCEEDED:
            postings.post_refund(refund, attempt, attempt.request)
            announcing.announce_refund(refund, attempt, attempt.request.subject_id)
