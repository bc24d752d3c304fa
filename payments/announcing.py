"""What the merchant's own systems hear of payments, refunds and disputes, in the transaction that writes them down."""

from __future__ import annotations

import uuid
from typing import Any

from payments.models import AttemptState, Dispute, DisputeState, PaymentAttempt, Refund, RefundState
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import EventType

_ATTEMPTS = {
    AttemptState.CAPTURED.value: EventType.PAYMENT_CAPTURED,
    AttemptState.FAILED.value: EventType.PAYMENT_FAILED,
}
_REFUNDS = {
    RefundState.REQUESTED.value: EventType.REFUND_REQUESTED,
    RefundState.APPROVED.value: EventType.REFUND_REQUESTED,
    RefundState.SUCCEEDED.value: EventType.REFUND_SUCCEEDED,
    RefundState.FAILED.value: EventType.REFUND_FAILED,
}
_DISPUTES = {
    DisputeState.NEEDS_RESPONSE.value: EventType.DISPUTE_OPENED,
    DisputeState.UNDER_REVIEW.value: EventType.DISPUTE_OPENED,
    DisputeState.WON.value: EventType.DISPUTE_CLOSED,
    DisputeState.LOST.value: EventType.DISPUTE_CLOSED,
}


def announce_attempt(attempt: PaymentAttempt, subject_id: uuid.UUID) -> None:
    """A payment was captured, more of it was, or it failed; of its other states nobody hears."""
    event = _ATTEMPTS.get(attempt.state)
    if event:
        captured = {"captured_minor": attempt.captured_minor, "failure_code": attempt.failure_code}
        emit(Happening(event, subject_id, {**_payment(attempt, subject_id), **captured}))


def announce_refund(refund: Refund, attempt: PaymentAttempt, subject_id: uuid.UUID) -> None:
    """A refund was asked for, has succeeded or has failed."""
    event = _REFUNDS.get(refund.state)
    if event:
        body = {
            **_payment(attempt, subject_id),
            "refund_id": str(refund.pk),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "destination": refund.destination,
            "state": refund.state,
        }
        emit(Happening(event, subject_id, body))


def announce_dispute(dispute: Dispute, attempt: PaymentAttempt, subject_id: uuid.UUID) -> None:
    """A dispute was opened, or is decided."""
    body = {
        **_payment(attempt, subject_id),
        "dispute_id": dispute.gateway_dispute_id,
        "amount_minor": dispute.amount_minor,
        "currency": dispute.currency,
        "reason": dispute.reason,
        "state": dispute.state,
        "respond_by": dispute.respond_by.isoformat() if dispute.respond_by else None,
    }
    emit(Happening(_DISPUTES[dispute.state], subject_id, body))


def _payment(attempt: PaymentAttempt, subject_id: uuid.UUID) -> dict[str, Any]:
    return {
        "order_id": str(subject_id),
        "payment_id": str(attempt.pk),
        "gateway": attempt.gateway,
        "gateway_payment_id": attempt.gateway_payment_id,
        "amount_minor": attempt.amount_minor,
        "currency": attempt.currency,
        "method": attempt.method,
    }
