"""Rows of money. Nothing here is ever deleted; what a row has said about money only ever grows."""

from payments.models.inbox import EventState, WebhookEvent
from payments.models.refunds import Refund, RefundState
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
