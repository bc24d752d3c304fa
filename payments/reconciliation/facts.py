"""Both sides of a difference, as a discrepancy keeps them: only what stays the same while nothing happens, so that a
difference is told from another by its facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from payments.gateways.base import (
    DisputeReport,
    ListedPayment,
    ListedRefund,
    PaymentReport,
    RefundOutcome,
    RefundReport,
    RequestReport,
)
from payments.models import Dispute, OwedTo, PaymentAttempt, PaymentRequest, Refund


def of_request(request: PaymentRequest) -> dict[str, Any]:
    """A payment request of ours."""
    return {
        "request": str(request.pk),
        "reference": request.gateway_reference or "",
        "subject": str(request.subject_id),
        **({"owed_to": request.owed_to} if request.owed_to != OwedTo.RECEIVABLE else {}),
        "request_state": request.state,
        "asked_minor": request.amount_minor,
        "asked_currency": request.currency,
    }


def of_attempt(attempt: PaymentAttempt) -> dict[str, Any]:
    """A payment of ours, with its request."""
    return {
        **of_request(attempt.request),
        "payment": attempt.gateway_payment_id,
        "state": attempt.state,
        "currency": attempt.currency,
        "amount_minor": attempt.amount_minor,
        "captured_minor": attempt.captured_minor,
        "refunded_minor": attempt.refunded_minor,
    }


def of_refund(refund: Refund) -> dict[str, Any]:
    """A refund of ours, with what it gives back of."""
    return {
        **of_request(refund.attempt.request),
        "refund": str(refund.pk),
        "refund_reference": refund.gateway_refund_id or "",
        "payment": refund.attempt.gateway_payment_id,
        "state": refund.state,
        "currency": refund.currency,
        "amount_minor": refund.amount_minor,
    }


def of_dispute(dispute: Dispute) -> dict[str, Any]:
    """A dispute of ours."""
    return {
        **of_request(dispute.attempt.request),
        "payment": dispute.attempt.gateway_payment_id,
        "state": dispute.state,
        "currency": dispute.currency,
        "amount_minor": dispute.amount_minor,
        "withdrawn_minor": dispute.withdrawn_minor,
    }


def of_listed_payment(listed: ListedPayment) -> dict[str, Any]:
    """A payment at the gateway."""
    payment = listed.payment
    return {
        "payment": payment.payment_id,
        "reference": listed.reference,
        "key": listed.key,
        "state": payment.state.value,
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "captured_minor": payment.captured_minor,
        "refunded_minor": listed.refunded_minor,
    }


def of_listed_refund(listed: ListedRefund) -> dict[str, Any]:
    """A refund at the gateway."""
    return {
        "refund_reference": listed.refund.refund_id,
        "key": listed.refund.key,
        "payment": listed.payment_id,
        "state": listed.refund.outcome.value,
        "currency": listed.currency,
        "amount_minor": listed.refund.amount_minor,
    }


def of_dispute_report(report: DisputeReport) -> dict[str, Any]:
    """A dispute at the gateway."""
    return {
        "payment": report.payment_id,
        "reference": report.reference,
        "state": report.outcome.value,
        "currency": report.currency,
        "amount_minor": report.amount_minor,
        "withdrawn_minor": report.withdrawn_minor,
    }


def as_listed(listed: ListedPayment, report: RequestReport) -> ListedPayment:
    """A listed payment with what a fresh report of its request says of it, if it says anything: Stripe tells of an
    intent's latest charge alone."""
    payment = find_payment(report, listed.payment.payment_id)
    named = replace(listed, key=listed.key or report.key)
    return named if payment is None else replace(named, payment=payment, refunded_minor=refunded_minor(payment))


def find_payment(report: RequestReport, payment_id: str) -> PaymentReport | None:
    """A payment in a report of its request."""
    return next((payment for payment in report.payments if payment.payment_id == payment_id), None)


def refunded_minor(payment: PaymentReport) -> int:
    """What its refunds send back or are about to."""
    return sum(refund.amount_minor for refund in payment.refunds if refund.outcome != RefundOutcome.FAILED)


def find_refund(report: RequestReport, refund_id: str) -> tuple[PaymentReport, RefundReport] | None:
    """A refund in a report, with its payment."""
    for payment in report.payments:
        for refund in payment.refunds:
            if refund.refund_id == refund_id:
                return payment, refund
    return None
