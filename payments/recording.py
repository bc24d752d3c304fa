"""What a gateway says, written into our rows. Harmless to repeat, and right in any order.

Every attempt and every refund only moves forward through its states, so that an older report that arrives late changes
nothing; what was refunded is the sum of the refunds that succeeded, which alone lets it fall when one fails after all.
Runs in the caller's transaction and locks the payment request; the caller holds the lock of what the money is for
already.
"""

from __future__ import annotations

import structlog
from django.db.models import Q, Sum

from kit.ids import parse_id
from payments.gateways.base import PaymentReport, RefundReport, RequestReport
from payments.models import AttemptState, PaymentAttempt, PaymentRequest, Refund, RefundState, RequestState

log = structlog.get_logger(__name__)

_RANK = {state.value: rank for rank, state in enumerate(AttemptState)}
_RECORDED = ("state", "failure_code", "captured_minor", "method", "last4", "changed_at")
_REFUND_STATES = [state.value for state in RefundState]
MADE_ELSEWHERE = "Made at the gateway"


def find_request(report: RequestReport) -> PaymentRequest | None:
    """Our request that a report is about: by the gateway's reference, else by the key we gave it.

    The key finds a request whose reference was never stored because the answer to its creation was lost.
    """
    requests = PaymentRequest.objects.filter(gateway=report.gateway)
    found = requests.filter(gateway_reference=report.reference).first()
    key = parse_id(report.key)
    if found is None and key is not None:
        found = requests.filter(pk=key, gateway_reference__isnull=True).first()
    return found


def record(request: PaymentRequest, report: RequestReport) -> PaymentRequest:
    """Write a report down: the request's reference and state, each of its attempts and their refunds.

    A report that names another request than this one is not believed. Another amount is: what was captured counts for
    what it is, and is enough or not.
    """
    request = PaymentRequest.objects.select_for_update().get(pk=request.pk)
    if not _is_about(request, report):
        log.error("gateway_reports_another_request", request=str(request.pk), reference=report.reference)
        return request
    if report.amount != request.amount:
        log.error(
            "gateway_amount_differs", request=str(request.pk), ours=str(request.amount), theirs=str(report.amount)
        )
    for payment in report.payments:
        _record_attempt(request, payment)
    request.gateway_reference = report.reference
    request.client_secret = report.client_secret or request.client_secret
    request.state = _state(request, report)
    request.save(update_fields=["gateway_reference", "client_secret", "state"])
    return request


def _is_about(request: PaymentRequest, report: RequestReport) -> bool:
    # Notes and metadata can be wiped in a dashboard; what names somebody else's request is worse than that.
    return request.gateway_reference in (None, report.reference) and report.key in ("", str(request.pk))


def _state(request: PaymentRequest, report: RequestReport) -> RequestState:
    attempts = PaymentAttempt.objects.filter(request=request, currency=request.currency)
    if attempts.aggregate(captured=Sum("captured_minor", default=0))["captured"] >= request.amount_minor:
        return RequestState.PAID
    if report.cancelled or request.state == RequestState.CANCELLED:
        return RequestState.CANCELLED
    return RequestState.OPEN


def _record_attempt(request: PaymentRequest, payment: PaymentReport) -> None:
    # An attempt is written under its request's lock alone, so looking and then inserting cannot race.
    known = PaymentAttempt.objects.filter(gateway=request.gateway, gateway_payment_id=payment.payment_id).first()
    if known is not None and known.request_id != request.pk:
        log.error("gateway_payment_of_another_request", request=str(request.pk), payment=payment.payment_id)
        return
    attempt = known or PaymentAttempt(
        request=request,
        gateway=request.gateway,
        gateway_payment_id=payment.payment_id,
        currency=payment.currency,
        amount_minor=payment.amount_minor,
        state=payment.state.value,
    )
    if _RANK[payment.state.value] >= _RANK[attempt.state]:
        attempt.state = payment.state.value
        attempt.failure_code = payment.failure_code[:64]
    attempt.captured_minor = max(attempt.captured_minor, payment.captured_minor)
    attempt.method = payment.method[:32] or attempt.method
    attempt.last4 = payment.last4[:4] or attempt.last4
    # Not the whole row: the wish to capture is written by others, without this lock.
    attempt.save(update_fields=_RECORDED if known else None)
    if payment.currency != request.currency and payment.captured_minor:
        log.error("gateway_currency_differs", request=str(request.pk), payment=payment.payment_id)
    if payment.refunds:
        record_refunds(attempt, payment.refunds)


def record_refunds(attempt: PaymentAttempt, reports: tuple[RefundReport, ...]) -> None:
    """Write down what a gateway says of the refunds of an attempt, and what of it is therefore back with the payer."""
    for report in reports:
        _record_refund(attempt, report)
    refunds = Refund.objects.filter(attempt=attempt)
    sums = refunds.aggregate(
        succeeded=Sum("amount_minor", filter=Q(state=RefundState.SUCCEEDED), default=0),
        promised=Sum("amount_minor", filter=~Q(state=RefundState.FAILED), default=0),
    )
    attempt.refunded_minor = sums["succeeded"]
    attempt.save(update_fields=["refunded_minor", "changed_at"])
    # What went back by another way cannot go back once more: promises that no gateway was told of give way.
    too_much = sums["promised"] - attempt.captured_minor
    for refund in refunds.filter(state=RefundState.REQUESTED).order_by("-created_at", "-pk"):
        if too_much > 0:
            Refund.objects.filter(pk=refund.pk, state=RefundState.REQUESTED).update(state=RefundState.FAILED)
            too_much -= refund.amount_minor


def _record_refund(attempt: PaymentAttempt, report: RefundReport) -> None:
    refund = Refund.objects.filter(gateway_refund_id=report.refund_id).first()
    key = parse_id(report.key)
    if refund is None and key is not None:
        refund = Refund.objects.filter(pk=key, attempt=attempt, gateway_refund_id__isnull=True).first()
    if refund is None:
        Refund.objects.create(
            attempt=attempt,
            amount_minor=report.amount_minor,
            currency=attempt.currency,
            state=report.outcome.value,
            reason=MADE_ELSEWHERE,
            gateway_refund_id=report.refund_id,
        )
        return
    if (refund.attempt_id, refund.amount_minor) != (attempt.pk, report.amount_minor):
        log.error("gateway_refund_differs", refund=str(refund.pk), reference=report.refund_id)
        return
    # A refund that succeeded may fail later; one that failed stays failed.
    earlier = _REFUND_STATES[: _REFUND_STATES.index(report.outcome.value)]
    Refund.objects.filter(pk=refund.pk, state__in=earlier).update(
        state=report.outcome.value, gateway_refund_id=report.refund_id
    )
