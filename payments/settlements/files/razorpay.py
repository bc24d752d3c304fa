"""Razorpay's settlement recon as a file: the columns of `GET /v1/settlements/recon/combined`, fees with their tax."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from payments.gateways.base import LineKind, SettlementLine
from payments.settlements.files import fields, times
from payments.settlements.files.fields import BadField, Fields, Unit
from payments.settlements.files.times import Told
from payments.settlements.staging import Row

NEEDED = ("entity_id", "type", "debit", "credit", "amount", "currency", "fee", "tax", "settlement_id", "settled_at")
UNIT = Unit.MINOR
_INDIA = ZoneInfo("Asia/Kolkata")
_KINDS = {"payment": LineKind.PAYMENT, "refund": LineKind.REFUND}


def row_of(cells: Fields, file_line: int, unit: Unit) -> Row | None:
    """A row, or None for one that is not settled yet. Raises BadField."""
    settlement_id = fields.optional_name(cells, "settlement_id")
    if not _is_settled(cells, settlement_id):
        return None
    currency = fields.currency(cells, "currency")
    entity_id, wire_kind = fields.name(cells, "entity_id"), fields.name(cells, "type")
    debit = fields.amount(cells, "debit", currency, unit, blank_is_zero=True)
    credit = fields.amount(cells, "credit", currency, unit, blank_is_zero=True)
    fee = fields.amount(cells, "fee", currency, unit, blank_is_zero=True)
    tax = fields.amount(cells, "tax", currency, unit, blank_is_zero=True)
    dispute_id, net = fields.optional_name(cells, "dispute_id"), credit - debit
    kind = _kind(wire_kind, entity_id, dispute_id, is_credit=credit > 0)
    payment_id = fields.optional_name(cells, "payment_id")
    settled = times.told(cells, "settled_at", _INDIA)
    line = SettlementLine(
        line_id=f"{wire_kind}:{entity_id}",
        settlement_id=settlement_id,
        kind=kind,
        wire_kind=wire_kind,
        entity_id=dispute_id or entity_id,
        payment_id=entity_id if kind == LineKind.PAYMENT else payment_id,
        currency=currency,
        gross_minor=net + fee,
        fee_minor=fee - tax,
        tax_minor=tax,
        net_minor=net,
        settled_at=settled.at,
    )
    amount = fields.amount(cells, "amount", currency, unit)
    problem = _problem(kind, debit=debit, credit=credit, amount=amount, fee=fee, tax=tax)
    if not problem and kind == LineKind.PAYMENT and payment_id not in ("", entity_id):
        problem = "a payment of another payment"
    return Row(
        line,
        file_line,
        settled=settled,
        bank_reference=fields.reference(cells, "settlement_utr"),
        request_reference=fields.optional_name(cells, "order_id"),
        problem=problem or _time_problem(cells, settled),
    )


def _is_settled(cells: Fields, settlement_id: str) -> bool:
    """Whether a settlement contains the row. One that says both at once is refused: it would be passed over."""
    if fields.flag(cells, "settled", default=bool(settlement_id)):
        if not settlement_id:
            raise BadField("settlement_id", "settled, and in no settlement")
        return True
    if settlement_id:
        raise BadField("settled", "not settled, and in a settlement")
    if fields.optional(cells, "settled_at"):
        raise BadField("settled_at", "settled at a time, and in no settlement")
    return False


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


def _time_problem(cells: Fields, settled: Told) -> str:
    if fields.flag(cells, "on_hold", default=False):
        return "on hold, and settled"
    created = times.told_if_any(cells, "created_at", _INDIA)
    return "settled before it came about" if created and created.since >= settled.until else ""
