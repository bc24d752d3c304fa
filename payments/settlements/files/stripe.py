"""Stripe's itemised payout reconciliation report: balance transactions, in major units, fees with their tax."""

from __future__ import annotations

from datetime import UTC

from payments.gateways.base import LineKind, SettlementLine
from payments.settlements.files import fields, times
from payments.settlements.files.fields import BadField, Fields, Unit
from payments.settlements.files.times import Told
from payments.settlements.staging import Row

NEEDED = (
    "balance_transaction_id",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "automatic_payout_id",
    "automatic_payout_effective_at",
)
UNIT = Unit.MAJOR
# docs.stripe.com/reports/reporting-categories
_PAYOUTS = {"payout"}
_KINDS = {
    "charge": LineKind.PAYMENT,
    "refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILURE,
    "dispute": LineKind.DISPUTE,
    "dispute_reversal": LineKind.DISPUTE_REVERSAL,
    "fee": LineKind.FEE,
    "network_cost": LineKind.FEE,
    "tax": LineKind.FEE,
}


def row_of(cells: Fields, file_line: int, unit: Unit) -> Row | None:
    """A row, or None for one that no payout contains yet. Raises BadField."""
    category, source_id = fields.name(cells, "reporting_category"), fields.optional_name(cells, "source_id")
    is_payout = category in _PAYOUTS
    payout = _payout(cells, source_id, is_payout=is_payout)
    if not payout:
        return None
    currency = fields.currency(cells, "currency")
    gross, net = (fields.amount(cells, column, currency, unit) for column in ("gross", "net"))
    fee = fields.amount(cells, "fee", currency, unit, blank_is_zero=True)
    kind, charge_id = _KINDS.get(category, LineKind.OTHER), fields.optional_name(cells, "charge_id")
    arrives = _arrives(cells)
    line = SettlementLine(
        line_id=payout if is_payout else fields.name(cells, "balance_transaction_id"),
        settlement_id=payout,
        kind=kind,
        wire_kind=category,
        entity_id=source_id,
        payment_id=source_id if kind == LineKind.PAYMENT else charge_id,
        currency=currency,
        gross_minor=net + fee,
        fee_minor=fee,
        tax_minor=0,
        net_minor=net,
        settled_at=arrives.at,
    )
    problem = "" if gross - fee == net else "net is gross less the fee"
    if not problem and kind == LineKind.PAYMENT and charge_id not in ("", source_id):
        problem = "a charge of another charge"
    return Row(
        line,
        file_line,
        settled=arrives,
        bank_reference=fields.reference(cells, "trace_id"),
        request_reference=fields.optional_name(cells, "payment_intent_id"),
        tax_is_known=False,
        is_payout=is_payout,
        problem=problem or _time_problem(cells, arrives),
    )


def _payout(cells: Fields, source_id: str, *, is_payout: bool) -> str:
    """The payout that contains the row, or that it is itself; empty where none does yet. A row that says both at once
    is refused: it would be passed over."""
    payout = fields.optional_name(cells, "automatic_payout_id")
    if is_payout:
        if not source_id.startswith("po_") or payout not in ("", source_id):
            raise BadField("reporting_category", "a payout, and about something else")
        return source_id
    if not payout and fields.optional(cells, "automatic_payout_effective_at"):
        raise BadField("automatic_payout_id", "paid out at a time, and in no payout")
    return payout


def _arrives(cells: Fields) -> Told:
    """When the payout arrives: by the clock of whoever asked for the report, and, if they wanted it, in UTC beside."""
    certain = times.told_if_any(cells, "automatic_payout_effective_at_utc", UTC)
    return certain or times.told(cells, "automatic_payout_effective_at", None)


def _time_problem(cells: Fields, arrives: Told) -> str:
    created = times.told_if_any(cells, "created_utc", UTC) or times.told_if_any(cells, "created", None)
    return "paid out before it came about" if created and created.since >= arrives.until else ""
