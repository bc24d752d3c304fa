"""Stripe's itemised payout reconciliation report: balance transactions, in major units, fees with their tax."""

from __future__ import annotations

from datetime import UTC

from payments.gateways.base import LineKind, SettlementLine
from payments.settlements.files import fields
from payments.settlements.files.fields import Fields, Unit
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
# docs.stripe.com/reports/reporting-categories; the payout itself is no line of it.
_PAYOUTS = {"payout", "payout_reversal"}
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
    """A row, or None for one that no payout contains yet and for a payout itself. Raises BadField."""
    payout, category = fields.optional_name(cells, "automatic_payout_id"), fields.name(cells, "reporting_category")
    if not payout or category in _PAYOUTS:
        return None
    currency = fields.currency(cells, "currency")
    gross, net = (fields.amount(cells, column, currency, unit) for column in ("gross", "net"))
    fee = fields.amount(cells, "fee", currency, unit, blank_is_zero=True)
    kind, source_id = _KINDS.get(category, LineKind.OTHER), fields.optional_name(cells, "source_id")
    line = SettlementLine(
        line_id=fields.name(cells, "balance_transaction_id"),
        settlement_id=payout,
        kind=kind,
        wire_kind=category,
        entity_id=source_id,
        payment_id=source_id if kind == LineKind.PAYMENT else fields.optional_name(cells, "charge_id"),
        currency=currency,
        gross_minor=net + fee,
        fee_minor=fee,
        tax_minor=0,
        net_minor=net,
        settled_at=fields.moment(cells, "automatic_payout_effective_at", UTC),
    )
    problem = "" if gross - fee == net else "net is gross less the fee"
    return Row(line, file_line, fields.reference(cells, "trace_id"), tax_is_known=False, problem=problem)
