"""What a gateway says, written into our rows. Harmless to repeat, and right in any order.

What a row has said about money only ever grows: an older report that arrives late changes nothing. Runs in the
caller's transaction and locks the payment request; the caller holds the lock of what the money is for already.
"""

from __future__ import annotations

import structlog
from django.db.models import Sum

from kit.ids import parse_id
from payments.gateways.base import PaymentReport, RequestReport
from payments.models import AttemptState, PaymentAttempt, PaymentRequest, RequestState

log = structlog.get_logger(__name__)

_RANK = {state.value: rank for rank, state in enumerate(AttemptState)}


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
    """Write a report down: the request's reference and state, and each of its attempts."""
    request = PaymentRequest.objects.select_for_update().get(pk=request.pk)
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
    attempt.refunded_minor = max(attempt.refunded_minor, payment.refunded_minor)
    attempt.method = payment.method[:32] or attempt.method
    attempt.last4 = payment.last4[:4] or attempt.last4
    attempt.save()
