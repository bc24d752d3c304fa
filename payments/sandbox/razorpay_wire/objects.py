"""Razorpay's entities as the wire shows them."""

from __future__ import annotations

from typing import Any

from payments.sandbox.models import Dispute, RazorpayOrder, RazorpayPayment, RazorpayRefund


def order_entity(order: RazorpayOrder) -> dict[str, Any]:
    """An `order`; empty notes are a list, as Razorpay has them."""
    return {
        "id": order.public_id,
        "entity": "order",
        "amount": order.amount_minor,
        "amount_paid": order.paid_minor,
        "amount_due": order.amount_minor - order.paid_minor,
        "currency": order.currency,
        "receipt": order.receipt,
        "offer_id": None,
        "status": order.status,
        "attempts": order.attempts,
        "notes": order.notes or [],
        "created_at": order.created,
    }


def payment_entity(payment: RazorpayPayment) -> dict[str, Any]:
    """A `payment`; reads its order."""
    failure = payment.failure or {}
    return {
        "id": payment.public_id,
        "entity": "payment",
        "amount": payment.amount_minor,
        "currency": payment.currency,
        "status": payment.status,
        "order_id": payment.order.public_id,
        "invoice_id": None,
        "international": False,
        "method": payment.method,
        "amount_refunded": payment.refunded_minor,
        "refund_status": refund_status(payment),
        "captured": payment.captured_minor > 0,
        "description": None,
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": None,
        "email": "shopper@example.com",
        "contact": "+919999999999",
        "notes": payment.order.notes or [],
        "fee": payment.fee_minor,
        "tax": payment.tax_minor,
        "error_code": failure.get("code"),
        "error_description": failure.get("description"),
        "error_source": failure.get("source"),
        "error_step": failure.get("step"),
        "error_reason": failure.get("reason"),
        "acquirer_data": {},
        "created_at": payment.created,
        **payment.method_details,
    }


def refund_status(payment: RazorpayPayment) -> str | None:
    """How much of the captured money went back: none, some, all."""
    if payment.refunded_minor == 0:
        return None
    return "full" if payment.refunded_minor == payment.captured_minor else "partial"


def refund_entity(refund: RazorpayRefund) -> dict[str, Any]:
    """A `refund`; reads its payment."""
    return {
        "id": refund.public_id,
        "entity": "refund",
        "amount": refund.amount_minor,
        "currency": refund.currency,
        "payment_id": refund.payment.public_id,
        "notes": refund.notes or [],
        "receipt": refund.receipt,
        "acquirer_data": {"arn": None},
        "created_at": refund.created,
        "batch_id": None,
        "status": refund.status,
        "speed_processed": "normal",
        "speed_requested": refund.speed,
    }


def dispute_entity(dispute: Dispute) -> dict[str, Any]:
    """A `dispute`; reads its payment."""
    assert dispute.payment is not None
    return {
        "id": dispute.public_id,
        "entity": "dispute",
        "payment_id": dispute.payment.public_id,
        "amount": dispute.amount_minor,
        "currency": dispute.currency,
        "amount_deducted": dispute.withdrawn_minor,
        "reason_code": dispute.reason,
        "respond_by": dispute.respond_by,
        "status": "open" if dispute.status == Dispute.Status.NEEDS_RESPONSE else dispute.status,
        "phase": "chargeback",
        "created_at": dispute.created,
        "evidence": None,
    }


def collection(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A page of entities; `count` is the number in it."""
    return {"entity": "collection", "count": len(items), "items": items}
