"""Stripe's objects as the wire shows them."""

from __future__ import annotations

from typing import Any

from payments.sandbox.models import BalanceEntry, Charge, Event, PaymentIntent, Payout, StripeRefund

API_VERSION = "2026-10-28.sandbox"

_ENTRY_TYPES = {
    BalanceEntry.Kind.PAYMENT: "charge",
    BalanceEntry.Kind.REFUND: "refund",
    BalanceEntry.Kind.REFUND_FAILURE: "refund_failure",
    BalanceEntry.Kind.PAYOUT: "payout",
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
    """A `charge`; reads its intent."""
    failed = charge.status == Charge.Status.FAILED
    return {
        "id": charge.public_id,
        "object": "charge",
        "amount": charge.amount_minor,
        "amount_captured": charge.captured_minor,
        "amount_refunded": charge.refunded_minor,
        "balance_transaction": charge.balance_transaction,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": charge.captured_minor > 0,
        "created": charge.created,
        "currency": charge.currency,
        "customer": charge.intent.customer,
        "description": charge.intent.description,
        "disputed": False,
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
        "refunded": 0 < charge.captured_minor == charge.refunded_minor,
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
        "reporting_category": kind,
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
