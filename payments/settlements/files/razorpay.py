"""Razorpay's settlement recon as a file: the columns of `GET /v1/settlements/recon/combined`, fees with their tax."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from payments.gateways.base import LineKind, SettlementLine
from payments.settlements.files import fields
from payments.settlements.files.fields import Fields, Unit
from payments.settlements.staging import Row

NEEDED = ("entity_id", "type", "debit", "credit", "amount", "currency", "fee", "tax", "settlement_id", "settled_at")
UNIT = Unit.MINOR
_INDIA = ZoneInfo("Asia/Kolkata")
_KINDS = {"payment": LineKind.PAYMENT, "refund": LineKind.REFUND}


def row_of(cells: Fields, file_line: int, unit: Unit) -> Row | None:
    """A row, or None for one that is not settled yet. Raises BadField."""
    settlement_id = fields.optional_name(cells, "settlement_id")
    if not settlement_id or not fields.flag(cells, "settled", default=True):
        return None
    currency = fields.currency(cells, "currency")
    entity_id, wire_kind = fields.name(cells, "entity_id"), fields.name(cells, "type")
    debit = fields.amount(cells, "debit", currency, unit, blank_is_zero=True)
    credit = fields.amount(cells, "credit", currency, unit, blank_is_zero=True)
    fee = fields.amount(cells, "fee", currency, unit, blank_is_zero=True)
    tax = fields.amount(cells, "tax", currency, unit, blank_is_zero=True)
    dispute_id, net = fields.optional_name(cells, "dispute_id"), credit - debit
    kind = _kind(wire_kind, entity_id, dispute_id, is_credit=credit > 0)
    line = SettlementLine(
        line_id=f"{wire_kind}:{entity_id}",
        settlement_id=settlement_id,
        kind=kind,
        wire_kind=wire_kind,
        entity_id=dispute_id or entity_id,
        payment_id=entity_id if kind == LineKind.PAYMENT else fields.optional_name(cells, "payment_id"),
        currency=currency,
        gross_minor=net + fee,
        fee_minor=fee - tax,
        tax_minor=tax,
        net_minor=net,
        settled_at=fields.moment(cells, "settled_at", _INDIA),
    )
    amount = fields.amount(cells, "amount", currency, unit)
    problem = _problem(kind, debit=debit, credit=credit, amount=amount, fee=fee, tax=tax)
    return Row(line, file_line, fields.reference(cells, "settlement_utr"), problem=problem)


def _kind(wire_kind: str, entity_id: str, dispute_id: str, *, is_credit: bool) -> LineKind:
    """The same as the adapter makes of a line of the API."""
    if wire_kind != "adjustment":
        return _KINDS.get(wire_kind, LineKind.OTHER)
    if dispute_id:
        return LineKind.DISPUTE_REVERSAL if is_credit else LineKind.DISPUTE
    return LineKind.REFUND_FAILURE if entity_id.startswith("rfnd_") and is_credit else LineKind.OTHER


def _problem(kind: LineKind, *, debit: int, credit: int, amount: int, fee: int, tax: int) -> str:
    """How a row contradicts itself. credit = amount - fee, debit = amount + fee, and one of the two is nothing."""
    if min(debit, credit, amount) < 0 or (debit and credit):
        return "debit and credit"
    if kind == LineKind.PAYMENT and (debit or amount - fee != credit):
        return "a payment's credit is its amount less the fee"
    if kind == LineKind.REFUND and credit:
        return "a refund is a debit"
    if abs(credit - debit + fee) != amount:
        return "debit or credit is the amount with the fee"
    return "more tax than fee" if abs(tax) > abs(fee) else ""
