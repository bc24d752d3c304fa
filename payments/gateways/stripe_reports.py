"""Stripe's objects as the port's reports. Amounts leave in ISO's minor units, currencies in capitals.

Everything in here raises TypeError, KeyError or the like on an answer of another shape: call it inside `read` or
`call`.
"""

from __future__ import annotations

from typing import Any

import stripe as sdk

from kit.money import Money
from payments.gateways.base import (
    DisputeOutcome,
    DisputeReport,
    LineKind,
    ListedPayment,
    ListedRefund,
    PaymentReport,
    PaymentState,
    RefundOutcome,
    RefundReport,
    RequestReport,
    Settlement,
    SettlementLine,
)
from payments.gateways.reading import instant, minor, name, signed, text
from payments.gateways.stripe_amounts import from_stripe

_REFUND_OUTCOMES = {
    "succeeded": RefundOutcome.SUCCEEDED,
    "failed": RefundOutcome.FAILED,
    "canceled": RefundOutcome.FAILED,
}

# The `warning_` ones are inquiries, for which nothing is kept back; a prevented dispute was settled before it began.
_DISPUTE_OUTCOMES = {
    "warning_needs_response": DisputeOutcome.NEEDS_RESPONSE,
    "needs_response": DisputeOutcome.NEEDS_RESPONSE,
    "warning_under_review": DisputeOutcome.UNDER_REVIEW,
    "under_review": DisputeOutcome.UNDER_REVIEW,
    "warning_closed": DisputeOutcome.WON,
    "prevented": DisputeOutcome.WON,
    "won": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
}

# docs.stripe.com/reports/balance-transaction-types. Disputes come as adjustments, told apart by their category.
_LINE_KINDS = {
    "charge": LineKind.PAYMENT,
    "payment": LineKind.PAYMENT,
    "refund": LineKind.REFUND,
    "payment_refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILURE,
    "payment_failure_refund": LineKind.REFUND_FAILURE,
    "stripe_fee": LineKind.FEE,
    "stripe_fx_fee": LineKind.FEE,
    "tax_fee": LineKind.FEE,
}
_ADJUSTMENTS = {"dispute": LineKind.DISPUTE, "dispute_reversal": LineKind.DISPUTE_REVERSAL}


def request_report(intent: sdk.PaymentIntent, refunds: tuple[RefundReport, ...] = ()) -> RequestReport:
    """An intent, with its latest charge where that came expanded."""
    currency = intent.currency.upper()
    charge = intent.latest_charge
    payments = (payment_report(charge, refunds, intent.status),) if isinstance(charge, sdk.Charge) else ()
    return RequestReport(
        gateway="stripe",
        reference=name(intent.id),
        key=key_of(intent),
        client_secret=text(intent.client_secret),
        amount=Money(from_stripe(minor(intent.amount), currency), currency),
        cancelled=name(intent.status) == "canceled",
        payments=payments,
    )


def key_of(thing: sdk.PaymentIntent | sdk.Charge) -> str:
    """Our request's id; Stripe copies an intent's metadata to its charges."""
    return str(thing.metadata.to_dict().get("request", "")) if thing.metadata else ""


def payment_report(
    charge: sdk.Charge, refunds: tuple[RefundReport, ...] = (), intent_status: str | None = None
) -> PaymentReport:
    """A charge. What was held and let go again is cancelled: its intent says so, or the charge as `refunded`."""
    currency = charge.currency.upper()
    details = charge.payment_method_details
    card = details.card if details and details.type == "card" else None
    if charge.captured:
        state = PaymentState.CAPTURED
    elif charge.status == "failed":
        state = PaymentState.FAILED
    elif charge.status == "pending":
        state = PaymentState.STARTED
    else:
        let_go = intent_status == "canceled" or charge.refunded
        state = PaymentState.CANCELLED if let_go else PaymentState.AUTHORIZED
    captured = charge.amount_captured if state == PaymentState.CAPTURED else 0
    return PaymentReport(
        payment_id=name(charge.id),
        state=state,
        currency=currency,
        amount_minor=from_stripe(minor(charge.amount), currency),
        captured_minor=from_stripe(minor(captured), currency),
        method=text(details.type) if details else "",
        last4=text(card.last4) if card else "",
        failure_code=text(charge.failure_code),
        refunds=refunds,
    )


def refund_report(refund: sdk.Refund) -> RefundReport:
    """A refund."""
    return RefundReport(
        refund_id=name(refund.id),
        key=str(refund.metadata.to_dict().get("refund", "")) if refund.metadata else "",
        amount_minor=from_stripe(minor(refund.amount), refund.currency.upper()),
        outcome=_REFUND_OUTCOMES.get(str(refund.status), RefundOutcome.SENT),
    )


def is_release(refund: sdk.Refund) -> bool:
    """Whether this is no refund of ours: Stripe shows the release of what was held and not taken as a refund, for which
    no money left the balance."""
    return refund.status == "succeeded" and refund.balance_transaction is None


def listed_payment(charge: sdk.Charge) -> ListedPayment:
    """A charge of a list. What was released of a hold does not count as refunded, though Stripe counts it so."""
    payment = payment_report(charge)
    refunded = from_stripe(minor(charge.amount_refunded), payment.currency)
    released = payment.amount_minor - payment.captured_minor
    return ListedPayment(
        reference=_id_of(charge.payment_intent),
        key=key_of(charge),
        created_at=instant(charge.created),
        payment=payment,
        refunded_minor=max(refunded - released, 0),
    )


def listed_refund(refund: sdk.Refund) -> ListedRefund:
    """A refund of a list."""
    return ListedRefund(
        payment_id=_id_of(refund.charge),
        currency=name(refund.currency).upper(),
        created_at=instant(refund.created),
        refund=refund_report(refund),
    )


def dispute_report(dispute: sdk.Dispute) -> DisputeReport:
    """A dispute."""
    currency = name(dispute.currency).upper()
    due_by = dispute.evidence_details.due_by
    return DisputeReport(
        dispute_id=name(dispute.id),
        reference=_id_of(dispute.payment_intent),
        payment_id=name(_id_of(dispute.charge)),
        amount_minor=from_stripe(minor(dispute.amount), currency),
        currency=currency,
        outcome=_DISPUTE_OUTCOMES[dispute.status],
        withdrawn_minor=from_stripe(_withdrawn(dispute), currency),
        reason=text(dispute.reason),
        opened_at=instant(dispute.created),
        respond_by=None if due_by is None else instant(due_by),
    )


def _withdrawn(dispute: sdk.Dispute) -> int:
    """What is kept back for a dispute, in Stripe's units: what its balance transactions add up to, without the fee.

    They are in the account's own currency. Where that is another, and its rate another day by day, all they tell is
    whether more has gone than come back: the disputed amount or nothing.
    """
    moved = [signed(entry.amount) for entry in dispute.balance_transactions]
    if all(name(entry.currency) == name(dispute.currency) for entry in dispute.balance_transactions):
        return max(-sum(moved), 0)
    return minor(dispute.amount) if sum((amount > 0) - (amount < 0) for amount in moved) < 0 else 0


def settlement_report(payout: sdk.Payout) -> Settlement:
    """A payout."""
    currency = name(payout.currency).upper()
    trace: Any = payout.trace_id
    return Settlement(
        settlement_id=name(payout.id),
        amount_minor=from_stripe(signed(payout.amount), currency),
        currency=currency,
        created_at=instant(payout.created),
        bank_reference=text(trace.value) if trace else "",
        arrives_at=instant(payout.arrival_date),
    )


def settlement_line(entry: sdk.BalanceTransaction, paid_out: Settlement) -> SettlementLine:
    """A balance transaction with its source expanded. Net and fees are what it says; gross is what they make."""
    currency = name(entry.currency).upper()
    source: Any = entry.source
    net, fee = signed(entry.net), signed(entry.fee)
    tax = sum(signed(part.amount) for part in entry.fee_details if part.type == "tax")
    kind = _ADJUSTMENTS.get(str(entry.reporting_category)) or _LINE_KINDS.get(name(entry.type), LineKind.OTHER)
    return SettlementLine(
        line_id=name(entry.id),
        settlement_id=paid_out.settlement_id,
        kind=kind,
        wire_kind=entry.type,
        entity_id=_id_of(source),
        payment_id=_id_of(source) if kind == LineKind.PAYMENT else _payment_of(source),
        currency=currency,
        gross_minor=from_stripe(net + fee, currency),
        fee_minor=from_stripe(fee - tax, currency),
        tax_minor=from_stripe(tax, currency),
        net_minor=from_stripe(net, currency),
        settled_at=paid_out.arrives_at,
    )


def _id_of(thing: Any) -> str:
    """The id of what may have come expanded, as an id, or not at all."""
    return text(thing) if thing is None or isinstance(thing, str) else name(thing.id)


def _payment_of(source: Any) -> str:
    """The charge that a refund or dispute names."""
    return _id_of(getattr(source, "charge", None))
