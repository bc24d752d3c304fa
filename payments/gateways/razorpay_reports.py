"""Razorpay's entities as the port's reports.

Everything in here raises TypeError, KeyError or the like on an answer of another shape: call it inside `read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

type Entity = Mapping[str, Any]

_STATES = {
    "created": PaymentState.STARTED,
    "authorized": PaymentState.AUTHORIZED,
    "captured": PaymentState.CAPTURED,
    "refunded": PaymentState.CAPTURED,
    "failed": PaymentState.FAILED,
}
_REFUND_OUTCOMES = {"processed": RefundOutcome.SUCCEEDED, "failed": RefundOutcome.FAILED}
_DISPUTE_OUTCOMES = {
    "open": DisputeOutcome.NEEDS_RESPONSE,
    "under_review": DisputeOutcome.UNDER_REVIEW,
    "won": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
}
_LINE_KINDS = {"payment": LineKind.PAYMENT, "refund": LineKind.REFUND}


# What of a payment a merchant is told in Razorpay's own words. Of a card its id and no digit of its number.
_TOLD = (
    "international",
    "description",
    "card_id",
    "bank",
    "wallet",
    "vpa",
    "email",
    "contact",
    "fee",
    "tax",
    "error_code",
    "error_description",
    "error_source",
    "error_step",
    "error_reason",
    "acquirer_data",
    "created_at",
)
_LONGEST_TOLD, _MOST_TOLD = 512, 20


def request_report(
    order: Entity, payments: list[Entity], refunds: Mapping[str, tuple[RefundReport, ...]]
) -> RequestReport:
    """An order with every try to pay it, in the order in which they were made: the gateway lists the newest first."""
    tries = list(reversed(payments))
    tries.sort(key=lambda payment: minor(payment.get("created_at") or 0))
    return RequestReport(
        gateway="razorpay",
        reference=name(order["id"]),
        key=_note(order, "request"),
        client_secret="",
        amount=Money(minor(order["amount"]), order["currency"]),
        cancelled=False,
        payments=tuple(payment_report(payment, refunds.get(payment["id"], ())) for payment in tries),
    )


def payment_report(payment: Entity, refunds: tuple[RefundReport, ...] = ()) -> PaymentReport:
    """A payment."""
    state = _STATES[payment["status"]]
    # An authorization that the gateway returned by itself shows as refunded but never was captured.
    if payment["status"] == "refunded" and not payment.get("captured"):
        state = PaymentState.CANCELLED
    amount = minor(payment["amount"])
    card = payment.get("card") or {}
    return PaymentReport(
        payment_id=name(payment["id"]),
        state=state,
        currency=_currency(payment),
        amount_minor=amount,
        captured_minor=amount if state == PaymentState.CAPTURED else 0,
        method=text(payment.get("method")),
        last4=text(card.get("last4")),
        failure_code=text(payment.get("error_code")),
        refunds=refunds,
        details=_details(payment),
    )


def _details(payment: Entity) -> dict[str, Any]:
    """What is told and not missing, without what no database holds."""
    told = {name: _storable(payment.get(name)) for name in _TOLD}
    return {name: value for name, value in told.items() if value is not None}


def _storable(value: object) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")[:_LONGEST_TOLD]
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(each) for key, each in list(value.items())[:_MOST_TOLD]}
    return value if value is None or type(value) in (bool, int) else None


def refund_report(refund: Entity) -> RefundReport:
    """A refund."""
    return RefundReport(
        refund_id=name(refund["id"]),
        key=_note(refund, "refund"),
        amount_minor=minor(refund["amount"]),
        outcome=_REFUND_OUTCOMES.get(str(refund.get("status")), RefundOutcome.SENT),
    )


def listed_payment(payment: Entity) -> ListedPayment:
    """A payment of a list. Our key shows where its order's notes were handed on to it."""
    report = payment_report(payment)
    refunded = minor(payment.get("amount_refunded") or 0)
    return ListedPayment(
        reference=text(payment.get("order_id")),
        key=_note(payment, "request"),
        created_at=instant(payment["created_at"]),
        payment=report,
        refunded_minor=min(refunded, report.captured_minor),
    )


def listed_refund(refund: Entity) -> ListedRefund:
    """A refund of a list."""
    return ListedRefund(
        payment_id=name(refund["payment_id"]),
        currency=_currency(refund),
        created_at=instant(refund["created_at"]),
        refund=refund_report(refund),
    )


def dispute_report(dispute: Entity) -> DisputeReport:
    """A dispute. One that is closed, neither won nor lost, is judged by whether it cost us anything."""
    deducted = minor(dispute.get("amount_deducted") or 0)
    status = name(dispute["status"])
    if status == "closed":
        status = "lost" if deducted else "won"
    respond_by = dispute.get("respond_by")
    return DisputeReport(
        dispute_id=name(dispute["id"]),
        reference="",
        payment_id=name(dispute["payment_id"]),
        amount_minor=minor(dispute["amount"]),
        currency=_currency(dispute),
        outcome=_DISPUTE_OUTCOMES[status],
        withdrawn_minor=deducted,
        reason=text(dispute.get("reason_code")),
        opened_at=instant(dispute["created_at"]),
        respond_by=None if respond_by is None else instant(respond_by),
    )


def settlement_report(settlement: Entity) -> Settlement:
    """A settlement. Razorpay names no currency in it where accounts are in rupees alone."""
    return Settlement(
        settlement_id=name(settlement["id"]),
        amount_minor=signed(settlement["amount"]),
        currency=Money(0, settlement.get("currency") or "INR").currency,
        created_at=instant(settlement["created_at"]),
        bank_reference=text(settlement.get("utr")),
        arrives_at=instant(settlement["created_at"]),
    )


def settlement_line(line: Entity, paid_out: Settlement) -> SettlementLine:
    """A line of the settlement report. Credit, debit and fees are what it says; gross is what they make.

    Razorpay's fee includes the tax on it.
    """
    kind, entity_id = _kind(line), name(line["entity_id"])
    net, fee, tax = minor(line["credit"]) - minor(line["debit"]), signed(line["fee"] or 0), signed(line["tax"] or 0)
    return SettlementLine(
        line_id=f"{name(line['type'])}:{entity_id}",
        settlement_id=paid_out.settlement_id,
        kind=kind,
        wire_kind=line["type"],
        entity_id=text(line.get("dispute_id")) or entity_id,
        payment_id=entity_id if kind == LineKind.PAYMENT else text(line.get("payment_id")),
        currency=_currency(line),
        gross_minor=net + fee,
        fee_minor=fee - tax,
        tax_minor=tax,
        net_minor=net,
        settled_at=paid_out.created_at if line.get("settled_at") is None else instant(line["settled_at"]),
    )


def _kind(line: Entity) -> LineKind:
    if line["type"] != "adjustment":
        return _LINE_KINDS.get(line["type"], LineKind.OTHER)
    if line.get("dispute_id"):
        return LineKind.DISPUTE_REVERSAL if line["credit"] else LineKind.DISPUTE
    came_back = str(line["entity_id"]).startswith("rfnd_") and line["credit"]
    return LineKind.REFUND_FAILURE if came_back else LineKind.OTHER


def _currency(entity: Entity) -> str:
    return Money(0, entity["currency"]).currency


def _note(entity: Entity, key: str) -> str:
    # Without notes Razorpay sends an empty list.
    notes = entity.get("notes")
    return str(notes.get(key, "")) if isinstance(notes, dict) else ""
