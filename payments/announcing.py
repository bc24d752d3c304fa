"""What the shop's own systems hear of payments, refunds and disputes, in the transaction that writes them down.

Of what is collected for merchants they hear nothing: each merchant's systems hear of its own (`payments.merchants`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from payments.models import (
    AttemptState,
    Dispute,
    DisputeState,
    OwedTo,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundState,
)
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


def announce_attempt(attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """A payment was captured, more of it was, or it failed; of its other states nobody hears."""
    event = _ATTEMPTS.get(attempt.state)
    if event:
        captured = {"captured_minor": attempt.captured_minor, "failure_code": attempt.failure_code}
        _tell(event, attempt, request, captured)


def announce_refund(refund: Refund, attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """A refund was asked for, has succeeded or has failed."""
    event = _REFUNDS.get(refund.state)
    if event:
        facts = {
            "refund_id": str(refund.pk),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "destination": refund.destination,
            "state": refund.state,
        }
        _tell(event, attempt, request, facts)


def announce_dispute(dispute: Dispute, attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """A dispute was opened, or is decided."""
    facts = {
        "dispute_id": dispute.gateway_dispute_id,
        "amount_minor": dispute.amount_minor,
        "currency": dispute.currency,
        "reason": dispute.reason,
        "state": dispute.state,
        "respond_by": dispute.respond_by.isoformat() if dispute.respond_by else None,
    }
    _tell(_DISPUTES[dispute.state], attempt, request, facts)


def _tell(event: EventType, attempt: PaymentAttempt, request: PaymentRequest, facts: Mapping[str, Any]) -> None:
    if request.owed_to == OwedTo.RECEIVABLE:
        emit(Happening(event, request.subject_id, {**_payment(attempt, request.subject_id), **facts}))


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
