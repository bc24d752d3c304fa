"""Stripe's objects as the wire shows them."""

from __future__ import annotations

from typing import Any

from payments.sandbox.models import BalanceEntry, Charge, Dispute, Event, PaymentIntent, Payout, StripeRefund

API_VERSION = "2026-10-28.sandbox"

_ENTRY_TYPES = {
    BalanceEntry.Kind.PAYMENT: "charge",
    BalanceEntry.Kind.REFUND: "refund",
    BalanceEntry.Kind.REFUND_FAILURE: "refund_failure",
    BalanceEntry.Kind.DISPUTE: "adjustment",
    BalanceEntry.Kind.DISPUTE_REVERSAL: "adjustment",
    BalanceEntry.Kind.PAYOUT: "payout",
}
_INQUIRY_STATUSES = {
    Dispute.Status.NEEDS_RESPONSE: "warning_needs_response",
    Dispute.Status.UNDER_REVIEW: "warning_under_review",
    Dispute.Status.WON: "warning_closed",
    Dispute.Status.LOST: "lost",
}


def intent_object(intent: PaymentIntent) -> dict[str, Any]:
    """A `payment_intent`, its charge by id."""
    return {
        "id": intent.public_id,
        "object": "payment_intent",
        "amount": intent.amount_minor,
        "amount_capturable": intent.capturable_minor,
        "amount_details": {"tip": {}},
        "amount_received": intent.received_minor,
        "application": None,
        "automatic_payment_methods": intent.automatic_payment_methods,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": intent.last_payment_error,
        "latest_charge": intent.latest_charge,
        "livemode": False,
        "metadata": intent.metadata,
        "next_action": None,
        "payment_method": intent.payment_method,
        "payment_method_types": intent.payment_method_types,
        "processing": None,
        "receipt_email": intent.receipt_email,
        "setup_future_usage": None,
        "shipping": intent.shipping,
        "status": intent.status,
    }


def charge_object(charge: Charge) -> dict[str, Any]:
    """A `charge`; reads its intent. What was held and released counts as refunded."""
    failed = charge.status == Charge.Status.FAILED
    is_over = charge.captured_minor > 0 or charge.intent.status == PaymentIntent.Status.CANCELED
    released = 0 if failed or not is_over else charge.amount_minor - charge.captured_minor
    return {
        "id": charge.public_id,
        "object": "charge",
        "amount": charge.amount_minor,
        "amount_captured": charge.captured_minor,
        "amount_refunded": charge.refunded_minor + released,
        "balance_transaction": charge.balance_transaction,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": charge.captured_minor > 0,
        "created": charge.created,
        "currency": charge.currency,
        "customer": charge.intent.customer,
        "description": charge.intent.description,
        "disputed": charge.disputed,
        "failure_code": charge.failure_code,
        "failure_message": charge.failure_message,
        "fraud_details": {},
        "livemode": False,
        "metadata": charge.intent.metadata,
        "outcome": {
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "type": "issuer_declined" if failed else "authorized",
            "reason": charge.failure_code,
        },
        "paid": not failed,
        "payment_intent": charge.intent.public_id,
        "payment_method": charge.payment_method,
        "payment_method_details": charge.payment_method_details,
        "receipt_email": charge.intent.receipt_email,
        "refunded": charge.refunded_minor + released == charge.amount_minor,
        "status": charge.status,
    }


def refund_object(refund: StripeRefund) -> dict[str, Any]:
    """A `refund`; reads its charge and intent."""
    document = {
        "id": refund.public_id,
        "object": "refund",
        "amount": refund.amount_minor,
        "balance_transaction": refund.balance_transaction,
        "charge": refund.charge.public_id,
        "created": refund.created,
        "currency": refund.currency,
        "destination_details": {"type": "card", "card": {"type": "refund", "reference_status": "pending"}},
        "metadata": refund.metadata,
        "payment_intent": refund.intent.public_id,
        "reason": refund.reason,
        "receipt_number": None,
        "status": refund.status,
    }
    if refund.status == StripeRefund.Status.FAILED:
        document["failure_reason"] = refund.failure_reason
        document["failure_balance_transaction"] = refund.failure_balance_transaction
    return document


def dispute_object(dispute: Dispute) -> dict[str, Any]:
    """A `dispute`; reads its charge, the charge's intent, and its balance transactions."""
    assert dispute.charge is not None
    status = dispute.status if dispute.keeps_back else _INQUIRY_STATUSES[Dispute.Status(dispute.status)]
    has_evidence = dispute.status != Dispute.Status.NEEDS_RESPONSE
    return {
        "id": dispute.public_id,
        "object": "dispute",
        "amount": dispute.amount_minor,
        "balance_transactions": [entry_object(entry) for entry in dispute.entries.all()],
        "charge": dispute.charge.public_id,
        "created": dispute.created,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": dispute.respond_by,
            "has_evidence": has_evidence,
            "past_due": False,
            "submission_count": int(has_evidence),
        },
        "is_charge_refundable": dispute.withdrawn_minor == 0,
        "livemode": False,
        "metadata": {},
        "payment_intent": dispute.charge.intent.public_id,
        "reason": dispute.reason,
        "status": status,
    }


def entry_object(entry: BalanceEntry) -> dict[str, Any]:
    """A `balance_transaction`; reads its payout."""
    fees = [{"amount": entry.fee_minor, "currency": entry.currency, "type": "stripe_fee", "description": "Fees"}]
    kind = _ENTRY_TYPES[BalanceEntry.Kind(entry.kind)]
    return {
        "id": entry.public_id,
        "object": "balance_transaction",
        "amount": entry.amount_minor,
        "available_on": entry.created,
        "created": entry.created,
        "currency": entry.currency,
        "description": None,
        "exchange_rate": None,
        "fee": entry.fee_minor,
        "fee_details": fees if entry.fee_minor else [],
        "net": entry.net_minor,
        "reporting_category": entry.kind if entry.dispute_id else kind,
        "source": entry.source,
        "status": "available" if entry.payout_id else "pending",
        "type": kind,
    }


def payout_object(payout: Payout) -> dict[str, Any]:
    """A `payout`, arrived."""
    return {
        "id": payout.public_id,
        "object": "payout",
        "amount": payout.amount_minor,
        "arrival_date": payout.created,
        "automatic": True,
        "created": payout.created,
        "currency": payout.currency,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed",
        "status": "paid",
        "trace_id": {"status": "supported", "value": payout.utr},
        "type": "bank_account",
    }


def event_object(event: Event) -> dict[str, Any]:
    """An `event`, as it was when it happened."""
    document: dict[str, Any] = event.document
    return document
