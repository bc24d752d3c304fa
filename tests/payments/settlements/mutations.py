"""Every kind of single mutation of a correct settlement file: a row that is missing, made up, doubled or altered in one
field, and what a broken transfer leaves of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.payments.settlements.world import Cells, write_file

MADE_UP = {"razorpay": "setl_NoSuchThing000", "stripe": "po_NoSuchThing00000"}
_DAY_S = 86_400


@dataclass(frozen=True)
class Mutation:
    """The rows of a file with one thing wrong, or its text. `lines` are those of the file that a report may name: none
    where what is wrong is that a row is not there."""

    name: str
    rows: Sequence[Cells]
    lines: frozenset[int] = frozenset()
    cut: int = 0  # so many bytes are missing at the end

    def write(self, path: Path) -> Path:
        """As a file."""
        write_file(path, self.rows)
        if self.cut:
            path.write_bytes(path.read_bytes()[: -self.cut])
        return path


def all_of(gateway: str, rows: Sequence[Cells]) -> Iterator[Mutation]:
    """Each mutation once for each kind of row that the file has."""
    kinds: dict[str, int] = {}
    for at, row in enumerate(rows):
        kinds.setdefault(_kind(row), at)
    for kind, at in kinds.items():
        yield from _structural(gateway, rows, at, kind)
        for column, value in _alterations(gateway, rows[at], rows):
            if str(value) != str(rows[at][column]):
                changed = [*rows[:at], rows[at] | {column: value}, *rows[at + 1 :]]
                yield Mutation(f"{kind}: {column} {rows[at][column]!r} -> {value!r}", changed, frozenset({at + 2}))
    for length in (40, 400):
        yield Mutation(f"cut off by {length} bytes", rows, frozenset(range(2, len(rows) + 2)), cut=length)


def _kind(row: Cells) -> str:
    return str(row.get("type") or row["reporting_category"])


def _structural(gateway: str, rows: Sequence[Cells], at: int, kind: str) -> Iterator[Mutation]:
    row, end = rows[at], len(rows) + 2
    if kind != "payout":  # Stripe's reports leave that one out
        yield Mutation(f"{kind}: missing", [*rows[:at], *rows[at + 1 :]])
    yield Mutation(f"{kind}: doubled at once", [*rows[: at + 1], row, *rows[at + 1 :]], frozenset({at + 3}))
    yield Mutation(f"{kind}: doubled at the end", [*rows, row], frozenset({end}))
    settlement = "settlement_id" if gateway == "razorpay" else "automatic_payout_id"
    name = "entity_id" if gateway == "razorpay" else "balance_transaction_id"
    yield Mutation(f"{kind}: doubled in another settlement", [*rows, _moved(row, rows, settlement)], frozenset({end}))
    made_up = {name: f"{str(row[name])[:5]}MadeUp0000001"}
    yield Mutation(f"{kind}: made up", [*rows, row | made_up], frozenset({end}))
    if kind != "payout":
        elsewhere = made_up | {settlement: MADE_UP[gateway]}
        yield Mutation(f"{kind}: made up, and its settlement", [*rows, row | elsewhere], frozenset({end}))


def _moved(row: Cells, rows: Sequence[Cells], column: str) -> Cells:
    """The row in the other settlement."""
    other = next(each[column] for each in rows if each[column] != row[column])
    return row | {column: other}


def _alterations(gateway: str, row: Cells, rows: Sequence[Cells]) -> Iterator[tuple[str, Any]]:
    return _of_razorpay(row, rows) if gateway == "razorpay" else _of_stripe(row, rows)


def _of_razorpay(row: Cells, rows: Sequence[Cells]) -> Iterator[tuple[str, Any]]:
    for column in ("debit", "credit", "amount", "fee", "tax"):
        value = row[column]
        for other in (value + 1, value * 10, -value - 1, 0, "", "12.5", "1,000", 10**18):
            # Nothing is a zero as well, where nothing was meant.
            if (other == "" or other == 0) and not value and column != "amount":
                continue
            yield column, other
    for name in ("pay_NoSuchThing000", str(row["entity_id"]).lower(), "", "=1+1", "a b"):
        yield "entity_id", name
    yield "entity_id", next(each["entity_id"] for each in rows if each["entity_id"] != row["entity_id"])
    for kind in ("payment", "refund", "adjustment", "transfer", "of.tomorrow", ""):
        yield "type", kind
    for currency in ("EUR", "JPY", "XXY", ""):
        yield "currency", currency
    for settlement in (MADE_UP["razorpay"], _moved(row, rows, "settlement_id")["settlement_id"], "", None):
        yield "settlement_id", settlement
    at = row["settled_at"]
    for moment in (at + 1, at - 1, at + _DAY_S, "2026-02-31", "yesterday", "", None):
        yield "settled_at", moment
    yield "settlement_utr", "UTROFANOTHER"
    yield "order_id", "order_NoSuchThing0"
    yield "payment_id", "pay_NoSuchThing000"
    yield "dispute_id", "disp_NoSuchThing00"
    for flag in ("false", "perhaps"):
        yield "settled", flag
    yield "on_hold", "true"
    yield "created_at", at + _DAY_S


def _of_stripe(row: Cells, rows: Sequence[Cells]) -> Iterator[tuple[str, Any]]:
    for column in ("gross", "fee", "net"):
        value = Decimal(row[column])
        changes = (Decimal("0.01"), Decimal("-0.01"), value * 9, -2 * value)
        for other in (*(value + change for change in changes), "", "1,000.00", "0.001", 10**16):
            if other == "" and not value and column == "fee":
                continue
            yield column, other
    for column in ("balance_transaction_id", "source_id"):
        if column == "balance_transaction_id" and row["reporting_category"] == "payout":
            # Of the payout's own row it says nothing.
            continue
        for name in (f"{str(row[column])[:3]}NoSuchThing", "", "=1+1", "a b"):
            yield column, name
        yield column, next(each[column] for each in rows if each[column] != row[column])
    for category in ("charge", "refund", "dispute", "fee", "payout", "of_tomorrow", ""):
        yield "reporting_category", category
    for currency in ("eur", "jpy", "xxy", ""):
        yield "currency", currency
    for payout in (MADE_UP["stripe"], _moved(row, rows, "automatic_payout_id")["automatic_payout_id"], ""):
        # The payout's own row names it all the same.
        if payout or row["reporting_category"] != "payout":
            yield "automatic_payout_id", payout
    for moment in ("2020-01-02T00:00:00+00:00", "2026-02-31 00:00:00", "31/02/2026", "yesterday", ""):
        yield "automatic_payout_effective_at", moment
    yield "trace_id", "TRACEOFANOTHER"
    if row["reporting_category"] != "payout":
        yield "payment_intent_id", "pi_NoSuchThing"
        yield "charge_id", "ch_NoSuchThing"
