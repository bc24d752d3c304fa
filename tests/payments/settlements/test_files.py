"""Settlement files, read strictly: a fault anywhere and nothing of the file is believed."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as schedules
from hypothesis import strategies as st

from payments.gateways.base import LineKind
from payments.settlements.files import formats, razorpay, reading, stripe, times
from payments.settlements.files.fields import BadField, Unit, amount
from payments.settlements.files.reading import BadFile
from payments.settlements.staging import Row
from tests.payments.settlements.world import Cells, write_file, written

PAYMENT: Cells = {
    "entity_id": "pay_DEXrnipqTmWVGE",
    "type": "payment",
    "debit": 0,
    "credit": 97100,
    "amount": 100000,
    "currency": "INR",
    "fee": 2900,
    "tax": 442,
    "on_hold": "false",
    "settled": "true",
    "created_at": 1_567_692_556,
    "settled_at": 1_568_176_960,
    "settlement_id": "setl_DGlQ1Rj8os78Ec",
    "posted_at": "null",
    "credit_type": "default",
    "description": "Recurring Payment via Subscription",
    "notes": "{}",
    "payment_id": "null",
    "settlement_utr": "1568176960vxp0rj",
    "order_id": "order_DEXrnRiR3SNDHA",
}
CHARGE: Cells = {
    "automatic_payout_id": "po_1",
    "automatic_payout_effective_at": "2026-11-20 00:00:00",
    "balance_transaction_id": "txn_1",
    "currency": "usd",
    "gross": "12.50",
    "fee": "0.66",
    "net": "11.84",
    "reporting_category": "charge",
    "source_id": "ch_1",
    "charge_id": "ch_1",
}


def read(path: Path, gateway: str = "razorpay", unit: Unit | None = None) -> list[Row | None]:
    """The whole of a file."""
    return list(formats.rows(gateway, path, unit))


def test_a_row_of_razorpays_recon_has_the_tax_in_the_fee_and_the_fee_off_the_credit(tmp_path: Path) -> None:
    (row,) = read(write_file(tmp_path / "recon.csv", [PAYMENT]))
    assert row is not None
    line = row.line
    assert (line.line_id, line.kind, line.entity_id) == (
        "payment:pay_DEXrnipqTmWVGE",
        LineKind.PAYMENT,
        "pay_DEXrnipqTmWVGE",
    )
    assert (line.gross_minor, line.fee_minor, line.tax_minor, line.net_minor) == (100000, 2458, 442, 97100)
    assert (row.bank_reference, row.problem, row.file_line) == ("1568176960vxp0rj", "", 2)
    assert line.settled_at == datetime.fromtimestamp(1_568_176_960, UTC)


def test_a_row_of_stripes_report_is_in_major_units_of_its_currency(tmp_path: Path) -> None:
    yen = CHARGE | {"currency": "jpy", "gross": "1250", "fee": "66", "net": "1184", "balance_transaction_id": "txn_2"}
    first, second = read(write_file(tmp_path / "payout.csv", [CHARGE, yen]), "stripe")
    assert first is not None
    assert second is not None
    assert (first.line.gross_minor, first.line.fee_minor, first.line.net_minor) == (1250, 66, 1184)
    assert (second.line.gross_minor, second.line.currency) == (1250, "JPY")


@pytest.mark.parametrize(
    ("kind", "fields", "gross"),
    [
        (LineKind.REFUND, {"entity_id": "rfnd_1", "type": "refund", "debit": 100, "credit": 0, "amount": 100}, -100),
        (LineKind.REFUND_FAILURE, {"entity_id": "rfnd_1", "type": "adjustment", "credit": 100, "amount": 100}, 100),
        (LineKind.DISPUTE, {"entity_id": "adj_1", "type": "adjustment", "debit": 9, "credit": 0, "amount": 9}, -9),
        (LineKind.DISPUTE_REVERSAL, {"entity_id": "adj_1", "type": "adjustment", "credit": 9, "amount": 9}, 9),
        (LineKind.OTHER, {"entity_id": "adj_1", "type": "adjustment", "credit": 9, "amount": 9}, 9),
        (LineKind.OTHER, {"entity_id": "x_1", "type": "of.tomorrow", "debit": 9, "credit": 0, "amount": 9}, -9),
    ],
)
def test_each_kind_of_row_is_told_apart(tmp_path: Path, kind: LineKind, fields: Cells, gross: int) -> None:
    disputed = "disp_1" if kind in (LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL) else "null"
    cells = PAYMENT | {"fee": "null", "tax": "", "dispute_id": disputed} | fields
    (row,) = read(write_file(tmp_path / "recon.csv", [cells]))
    assert row is not None
    assert (row.line.kind, row.line.gross_minor, row.problem) == (kind, gross, "")
    assert row.line.entity_id == (disputed if disputed != "null" else fields["entity_id"])


@pytest.mark.parametrize(
    "fields",
    [
        {"credit": 97101},
        {"credit": 0, "debit": 97100},
        {"amount": 100001},
        {"fee": 2901},
        {"debit": 5},
        {"credit": -97100, "amount": -100000},
        {"tax": 2901},
        {"type": "refund"},
        {"payment_id": "pay_another"},
        {"on_hold": "true"},
        {"created_at": 1_568_176_961},
    ],
)
def test_a_row_that_contradicts_itself_says_so(fields: Cells) -> None:
    cells = {name: str(value) for name, value in (PAYMENT | fields).items()}
    row = razorpay.row_of(cells, 2, Unit.MINOR)
    assert row is not None
    assert row.problem


def stripe_row(fields: Cells) -> Row | None:
    return stripe.row_of({name: str(value) for name, value in (CHARGE | fields).items()}, 2, Unit.MAJOR)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, ""),
        ({"net": "11.85"}, "net is gross less the fee"),
        ({"charge_id": "ch_2"}, "a charge of another charge"),
        ({"created": "2026-12-20 00:00:00"}, "paid out before it came about"),
    ],
)
def test_a_stripe_row_that_contradicts_itself_says_so(fields: Cells, problem: str) -> None:
    row = stripe_row(fields)
    assert row is not None
    assert row.problem == problem


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"reporting_category": "payout"}, "reporting_category"),
        ({"reporting_category": "payout", "source_id": "po_2"}, "reporting_category"),
        ({"automatic_payout_id": ""}, "automatic_payout_id"),
    ],
)
def test_a_stripe_row_that_would_be_passed_over_by_mistake_is_refused(fields: Cells, column: str) -> None:
    with pytest.raises(BadField) as refused:
        stripe_row(fields)
    assert refused.value.column == column


def test_a_stripe_row_that_is_the_payout_or_in_none_is_told_apart() -> None:
    payout = stripe_row(
        {"reporting_category": "payout", "source_id": "po_1", "charge_id": "", "automatic_payout_id": ""}
    )
    assert payout is not None
    assert (payout.is_payout, payout.line.settlement_id, payout.line.line_id) == (True, "po_1", "po_1")
    assert stripe_row({"automatic_payout_id": "", "automatic_payout_effective_at": ""}) is None


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HALF_PAST_FIVE = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("text", "zone", "since", "length"),
    [
        ("1795176000", None, NOON, timedelta(seconds=1)),
        ("2026-11-20T12:00:00Z", None, NOON, timedelta(seconds=1)),
        ("2026-11-20 17:30:00.75+0530", None, NOON, timedelta(seconds=1)),
        ("2026-11-20T17:30+05:30", HALF_PAST_FIVE, NOON, timedelta(minutes=1)),
        ("2026-11-20 17:30:00", HALF_PAST_FIVE, NOON, timedelta(seconds=1)),
        ("20/11/2026 17:30", HALF_PAST_FIVE, NOON, timedelta(minutes=1)),
        ("2026-11-20", HALF_PAST_FIVE, NOON - timedelta(hours=17, minutes=30), timedelta(days=1)),
        ("20/11/2026", HALF_PAST_FIVE, NOON - timedelta(hours=17, minutes=30), timedelta(days=1)),
        # Whose clock, nobody says.
        ("2026-11-20 12:00:00", None, NOON - timedelta(hours=14), timedelta(hours=28, seconds=1)),
        ("2026-11-20", None, NOON - timedelta(hours=26), timedelta(days=1, hours=28)),
    ],
)
def test_a_time_is_as_exact_as_it_is_written(
    text: str, zone: ZoneInfo | None, since: datetime, length: timedelta
) -> None:
    found = times.told({"settled_at": text}, "settled_at", zone)
    assert (found.since, found.until - found.since) == (since, length)
    assert found.since <= found.at < found.until


def test_amounts_that_the_ledger_could_not_hold_are_refused(db: None, tmp_path: Path) -> None:
    large = PAYMENT | {"fee": 0, "tax": 0, "amount": 10**14, "credit": 10**14}
    rows = [large | {"entity_id": f"pay_{number}"} for number in range(23_100)]
    before = written()
    with pytest.raises(CommandError, match="more than a settlement can be"):
        call_command("reconcile_settlements", file=write_file(tmp_path / "recon.csv", rows), gateway="razorpay")
    assert written() == before


REFUSALS: list[tuple[Cells, str, str]] = [
    ({"credit": "97100.5"}, "credit", "whole number"),
    ({"credit": "97,100"}, "credit", "whole number"),
    ({"credit": "\uff11\uff12"}, "credit", "whole number"),
    ({"credit": "1e5"}, "credit", "whole number"),
    ({"credit": "NaN5"}, "credit", "whole number"),
    ({"amount": "null"}, "amount", "whole number"),
    ({"amount": "9" * 19}, "amount", "more than a line can be"),
    ({"currency": "EURO"}, "currency", "not a currency"),
    ({"currency": "null"}, "currency", "not a currency"),
    ({"entity_id": "null"}, "entity_id", "missing"),
    ({"entity_id": "=cmd|1"}, "entity_id", "not an id"),
    ({"type": ""}, "type", "missing"),
    ({"settled_at": "yesterday"}, "settled_at", "not a date"),
    ({"settled_at": "31/02/2026"}, "settled_at", "not a date"),
    ({"settled_at": "2026-13-01"}, "settled_at", "not a date"),
    ({"settled_at": "0001-01-01"}, "settled_at", "not of this time"),
    ({"settled_at": "null"}, "settled_at", "not a date"),
    ({"settled": "perhaps"}, "settled", "neither true nor false"),
    ({"settled": "false"}, "settled", "not settled, and in a settlement"),
    ({"settlement_id": "null"}, "settlement_id", "settled, and in no settlement"),
    ({"settlement_id": "null", "settled": "null"}, "settled_at", "settled at a time, and in no settlement"),
    ({"settled_at": "20260301"}, "settled_at", "not a date"),
    ({"settled_at": "2026-W10-1"}, "settled_at", "not a date"),
    ({"created_at": "soon"}, "created_at", "not a date"),
    ({"entity_id": ".."}, "entity_id", "not an id"),
    ({"settlement_utr": "x" * 65}, "settlement_utr", "longer"),
]


@pytest.mark.parametrize(("fields", "column", "why"), REFUSALS)
def test_a_field_of_another_form_refuses_the_whole_file_and_says_where(
    db: None, tmp_path: Path, fields: Cells, column: str, why: str
) -> None:
    good = [PAYMENT | {"entity_id": f"pay_{number}"} for number in range(3)]
    file = write_file(tmp_path / "recon.csv", [*good, PAYMENT | fields])
    before = written()
    with pytest.raises(CommandError, match=rf"recon\.csv, line 5, column {column}: .*{why}") as refusal:
        call_command("reconcile_settlements", file=file, gateway="razorpay", stdout=io.StringIO())
    assert refusal.value.returncode == 2
    assert written() == before


def _csv(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


HEADER = ",".join(PAYMENT)
LINE = ",".join(str(value) for value in PAYMENT.values())
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "line 1: no column entity_id"),
    "another file": (b"\x89PNG\r\n\x1a\n\x00\xff", "not UTF-8"),
    "UTF-16": (_csv(HEADER, LINE).decode().encode("utf-16"), "not UTF-8"),
    "no row": (_csv(HEADER), "line 1: no row after the header"),
    "no row but empty lines": (_csv(HEADER, "", ",,,", ""), "line 1: no row after the header"),
    "no credit": (_csv(HEADER.replace("credit,", "crdt,"), LINE), "line 1: no column credit"),
    "a column twice": (_csv(HEADER + ",fee", LINE + ",1"), "line 1: the column fee is there twice"),
    "a field too few": (_csv(HEADER, LINE, LINE.rpartition(",")[0]), "line 3: 19 fields, not 20"),
    "a field too many": (_csv(HEADER, LINE + ",1"), "line 2: 21 fields, not 20"),
    "a quote that nobody closes": (_csv(HEADER, LINE.replace("{}", '"{}')), "line 2: "),
    "text after a quote": (_csv(HEADER, LINE.replace("{}", '"a"b')), "line 2: "),
    "a NUL": (_csv(HEADER, LINE.replace("{}", "\0")), "line 2: a NUL character"),
    "an endless line": (_csv(HEADER, LINE, "x" * 70_000), "line 3: longer than 65536 characters"),
    "too many columns": (_csv(HEADER + ",x" * 300, LINE), "line 1: more than 200 columns"),
    "not UTF-8 further down": (_csv(HEADER, *[LINE] * 3) + b"\xff", "not UTF-8"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_refused_as_a_whole(db: None, tmp_path: Path, name: str) -> None:
    content, why = MALFORMED[name]
    (tmp_path / "recon.csv").write_bytes(content)
    before = written()
    with pytest.raises(CommandError, match=why):
        call_command("reconcile_settlements", file=tmp_path / "recon.csv", gateway="razorpay", stdout=io.StringIO())
    assert written() == before


def test_a_file_that_is_not_there_and_a_file_of_nobody_are_refused(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no\.csv: No such file"):
        call_command("reconcile_settlements", file=tmp_path / "no.csv", gateway="razorpay")
    with pytest.raises(CommandError, match="whose file"):
        call_command("reconcile_settlements", file=tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("971.00", "INR", 97100), ("971,5", "INR", 97150), ("-0.01", "USD", -1), ("7", "JPY", 7), ("1.234", "KWD", 1234)],
)
def test_major_units_are_exact(text: str, currency: str, minor: int) -> None:
    assert amount({"fee": text}, "fee", currency, Unit.MAJOR) == minor


@pytest.mark.parametrize("text", ["1,234.50", "1 234", "1.005", "", "null", "1,234", ".5", "5.", "1e2", "\u0663"])
def test_major_units_that_may_mean_two_things_are_refused(text: str) -> None:
    with pytest.raises(BadField):
        amount({"fee": text}, "fee", "USD", Unit.MAJOR)


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_file(tmp_path / "recon.csv", [PAYMENT] * 3)
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    with pytest.raises(BadFile, match="larger"):
        read(file)
    monkeypatch.setattr(reading, "MOST_BYTES", 10**6)
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    with pytest.raises(BadFile, match="more than 2 rows"):
        read(file)


FUZZ = schedules(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(st.binary(max_size=400))
def test_no_bytes_at_all_are_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "fuzz.csv"
    file.write_bytes(content)
    for gateway in formats.FORMATS:
        with pytest.raises(BadFile):
            read(file, gateway)


@FUZZ
@given(st.sampled_from(list(PAYMENT)), st.text(max_size=30), st.sampled_from(list(Unit)))
def test_no_field_at_all_is_an_error_of_ours(tmp_path: Path, column: str, text: str, unit: Unit) -> None:
    file = write_file(tmp_path / "fuzz.csv", [PAYMENT | {column: text.encode("utf-8", "ignore").decode()}])
    with suppress(BadFile):
        assert len(read(file, unit=unit)) <= 1
