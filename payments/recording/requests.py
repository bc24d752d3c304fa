"""A payment request and each try to pay it."""

from __future__ import annotations

import structlog
from django.db.models import Sum

from kit.ids import parse_id
from payments import announcing, postings
from payments.gateways.base import PaymentReport, RequestReport
from payments.models import (
    ACTIVE_REQUEST_STATES,
    AttemptState,
    GatewayName,
    OwedTo,
    PaymentAttempt,
    PaymentRequest,
    RequestState,
)
from payments.recording.refunds import record_refunds

log = structlog.get_logger(__name__)

_RANK = {state.value: rank for rank, state in enumerate(AttemptState)}
_RECORDED = ("state", "failure_code", "captured_minor", "method", "last4", "details", "changed_at")


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
    captured = attempts.aggregate(captured=Sum("captured_minor", default=0))["captured"]
    if captured >= request.amount_minor:
        return RequestState.PAID
    if captured and request.gateway != GatewayName.OFFLINE:
        # A gateway collects for a request once: the rest was let go, and may be asked for anew.
        return RequestState.CLOSED
    if report.cancelled or request.state == RequestState.CANCELLED:
        return RequestState.CANCELLED
    if request.state == RequestState.REFUSED and _is_replaced(request):
        # The gateway has it after all, but the payer is asked by another one: the chase has this one called off.
        return RequestState.REFUSED
    return RequestState.OPEN


def _is_replaced(request: PaymentRequest) -> bool:
    others = PaymentRequest.objects.filter(subject_id=request.subject_id, state__in=ACTIVE_REQUEST_STATES)
    return others.exclude(pk=request.pk).exists()


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
    before, state_before = attempt.captured_minor, attempt.state if known else ""
    if _RANK[payment.state.value] >= _RANK[attempt.state]:
        attempt.state = payment.state.value
        attempt.failure_code = payment.failure_code[:64]
    attempt.captured_minor = max(before, payment.captured_minor)
    attempt.method = payment.method[:32] or attempt.method
    attempt.last4 = payment.last4[:4] or attempt.last4
    if request.owed_to == OwedTo.MERCHANT_FUNDS and attempt.state == payment.state.value:
        # Of payers of our own orders no more is kept than we need.
        attempt.details = {**attempt.details, **payment.details}
    # Not the whole row: the wish to capture is written by others, without this lock.
    attempt.save(update_fields=_RECORDED if known else None)
    if attempt.captured_minor > before:
        postings.post_capture(attempt, request, before_minor=before)
    if (attempt.state, attempt.captured_minor) != (state_before, before):
        announcing.announce_attempt(attempt, request)
    if payment.currency != request.currency and payment.captured_minor:
        log.error("gateway_currency_differs", request=str(request.pk), payment=payment.payment_id)
    if payment.refunds:
        record_refunds(attempt, payment.refunds)
