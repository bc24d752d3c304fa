"""Rows of money. Nothing here is ever deleted, and nothing that a gateway has said of money is ever unsaid.

What nobody knew may turn out either way: a refund of unknown outcome that was never taken on is requested again.
"""

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
