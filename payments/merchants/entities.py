"""How a merchant's orders, payments and refunds look in Razorpay's own words: for its dialect, and for webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kit import strict_json
from payments.merchants.models import MerchantOrder, MerchantRefund
from payments.models import AttemptState, PaymentAttempt, Refund, RefundState

# What a payment has beside what our own rows say of it, in the order of the documented sample; None where nobody told.
_MEANS = ("card_id", "bank", "wallet", "vpa", "email", "contact")
_ERRORS = ("error_code", "error_description", "error_source", "error_step", "error_reason")
_STATUSES: Mapping[str, str] = {
    AttemptState.STARTED.value: "created",
    AttemptState.FAILED.value: "failed",
    AttemptState.AUTHORIZED.value: "authorized",
    # The bank let go of what it had authorized: Razorpay calls that a refund, of a payment that was never captured.
    AttemptState.CANCELLED.value: "refunded",
    AttemptState.CAPTURED.value: "captured",
}
_REFUND_STATUSES: Mapping[str, str] = {
    RefundState.SUCCEEDED.value: "processed",
    RefundState.FAILED.value: "failed",
}


def order_entity(order: MerchantOrder) -> dict[str, Any]:
    """An order. Empty notes are a list, as Razorpay has them."""
    return {
        "id": order.reference,
        "entity": "order",
        "amount": order.amount_minor,
        "amount_paid": order.paid_minor,
        "amount_due": order.amount_minor - order.paid_minor,
        "currency": order.currency,
        "receipt": order.receipt,
        "offer_id": None,
        "status": str(order.status),
        "attempts": order.attempts,
        "notes": notes(order.notes),
        "created_at": int(order.created_at.timestamp()),
    }


def payment_entity(attempt: PaymentAttempt, order: MerchantOrder) -> dict[str, Any]:
    """A payment of the order."""
    details = attempt.details
    refunded = attempt.refunded_minor
    status = _STATUSES[attempt.state]
    if attempt.captured_minor and refunded == attempt.captured_minor:
        status = "refunded"
    return {
        "id": attempt.gateway_payment_id,
        "entity": "payment",
        "amount": attempt.amount_minor,
        "currency": attempt.currency,
        "status": status,
        "order_id": order.reference,
        "invoice_id": None,
        "international": details.get("international", False),
        "method": attempt.method or None,
        "amount_refunded": refunded,
        "refund_status": _refund_status(refunded, attempt.captured_minor),
        "captured": attempt.captured_minor > 0,
        "description": details.get("description"),
        **{name: details.get(name) for name in _MEANS},
        "notes": notes(order.notes),
        "fee": details.get("fee"),
        "tax": details.get("tax"),
        **{name: details.get(name) for name in _ERRORS},
        "acquirer_data": details.get("acquirer_data", {}),
        "created_at": made_at(attempt),
    }


def made_at(attempt: PaymentAttempt) -> int:
    """When a payment was begun, in epoch seconds: by the gateway's clock where it told the time."""
    told: int = attempt.details.get("created_at", int(attempt.created_at.timestamp()))
    return told


def as_authorized(payment: Mapping[str, Any]) -> dict[str, Any]:
    """The same payment as it was when its bank had agreed and nobody had taken the money yet."""
    return {
        **payment,
        "status": "authorized",
        "captured": False,
        "amount_refunded": 0,
        "refund_status": None,
        "fee": None,
        "tax": None,
    }


def _refund_status(refunded: int, captured: int) -> str | None:
    if not refunded:
        return None
    return "full" if refunded == captured else "partial"


def refund_entity(refund: Refund, attempt: PaymentAttempt, said: MerchantRefund | None) -> dict[str, Any]:
    """A refund of a payment; `said` is what the merchant who asked for it said of it."""
    speed = said.speed if said else "normal"
    return {
        "id": refund.gateway_refund_id,
        "entity": "refund",
        "amount": refund.amount_minor,
        "currency": refund.currency,
        "payment_id": attempt.gateway_payment_id,
        "notes": notes(said.notes) if said else [],
        "receipt": said.receipt if said else None,
        "acquirer_data": {"arn": None},
        "created_at": int(refund.created_at.timestamp()),
        "batch_id": None,
        "status": _REFUND_STATUSES.get(refund.state, "pending"),
        "speed_processed": "normal",
        "speed_requested": speed,
    }


def collection(items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A page of entities; `count` is the number in it."""
    listed = list(items)
    return {"entity": "collection", "count": len(listed), "items": listed}


def notes(text: str) -> Any:
    """Notes as they were sent; none are a list."""
    return strict_json.loads(text.encode()) or []
