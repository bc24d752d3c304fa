"""Rows of money. Nothing here is ever deleted, and nothing that a gateway has said of money is ever unsaid.

What nobody knew may turn out either way: a refund of unknown outcome that was never taken on is requested again.
"""

from payments.models.credits import CreditBalance, CreditTerm, CreditTermUse
from payments.models.disputes import OPEN_DISPUTE_STATES, Dispute, DisputeNote, DisputeState
from payments.models.inbox import EventState, WebhookEvent
from payments.models.ledger import Account, LedgerEntry, LedgerTransfer, TransferKind
from payments.models.refunds import (
    CHASED_REFUND_STATES,
    OPEN_REFUND_STATES,
    UNSENT_REFUND_STATES,
    Refund,
    RefundDestination,
    RefundState,
)
from payments.models.requests import (
    ACTIVE_REQUEST_STATES,
    AttemptState,
    GatewayName,
    OwedTo,
    PaymentAttempt,
    PaymentRequest,
    RequestState,
)

__all__ = [
    "ACTIVE_REQUEST_STATES",
    "CHASED_REFUND_STATES",
    "OPEN_DISPUTE_STATES",
    "OPEN_REFUND_STATES",
    "UNSENT_REFUND_STATES",
    "Account",
    "AttemptState",
    "CreditBalance",
    "CreditTerm",
    "CreditTermUse",
    "Dispute",
    "DisputeNote",
    "DisputeState",
    "EventState",
    "GatewayName",
    "LedgerEntry",
    "LedgerTransfer",
    "OwedTo",
    "PaymentAttempt",
    "PaymentRequest",
    "Refund",
    "RefundDestination",
    "RefundState",
    "RequestState",
    "TransferKind",
    "WebhookEvent",
]
