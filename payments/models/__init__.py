"""Rows of money. Nothing here is ever deleted, and no row ever moves back to an earlier state."""

from payments.models.inbox import EventState, WebhookEvent
from payments.models.refunds import OPEN_REFUND_STATES, Refund, RefundState
from payments.models.requests import (
    ACTIVE_REQUEST_STATES,
    AttemptState,
    GatewayName,
    PaymentAttempt,
    PaymentRequest,
    RequestState,
)

__all__ = [
    "ACTIVE_REQUEST_STATES",
    "OPEN_REFUND_STATES",
    "AttemptState",
    "EventState",
    "GatewayName",
    "PaymentAttempt",
    "PaymentRequest",
    "Refund",
    "RefundState",
    "RequestState",
    "WebhookEvent",
]
