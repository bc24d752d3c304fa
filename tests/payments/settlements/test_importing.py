"""Settlement files that are right, and files while the gateway is silent; `test_mutations` has those that are wrong."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.crashpoints import Seam, trapped
from payments.models import Account
from payments.settlements.models import Settlement, SettlementClaim, SettlementImport, SettlementLine
from tests.payments.settlements.conftest import assert_settlements_hold
from tests.payments.settlements.world import (
    INDIA,
    Cells,
    World,
    balance,
    balances,
    forget,
    import_rows,
    left_open,
    lines_of,
    recon,
    reconcile,
    rows_of,
    write_file,
    written,
)

# --- what is right --------------------------------------------------------------------------------------------------


def test_a_file_is_booked_like_the_gateways_own_word(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    by_the_api = balances()
    forget()

    told = import_rows(write_file(tmp_path / "file.csv", rows), gateway)

    assert balances() == by_the_api
    assert (told["open"], told["not_reached"], left_open()) == (0, "", set())
    assert set(Settlement.objects.values_list("state", flat=True)) == {"complete"}
    assert not SettlementClaim.objects.filter(judged_at__isnull=True).exists()
    assert balance(Account(f"clearing_{gateway}")) == 0


def test_the_same_file_twice_is_once(gateway: str, rows: list[Cells], tmp_path: Path) -> None:
    file = write_file(tmp_path / "file.csv", rows)
    import_rows(file, gateway)
    before = written()

    again = import_rows(file, gateway)
    renamed = import_rows(file.rename(tmp_path / "other.csv"), gateway)

    assert (again["known_file"], renamed["known_file"]) == (True, True)
    assert written() == before


def test_a_file_after_the_api_and_the_api_after_a_file_change_nothing(
    gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    before = balances()
    assert import_rows(write_file(tmp_path / "file.csv", rows), gateway)["new_lines"] == 0
    assert reconcile("--since", "2020-01-01")["open"] == 0
    assert (balances(), left_open()) == (before, set())


def test_a_dry_run_of_a_file_plans_what_is_then_done(gateway: str, rows: list[Cells], tmp_path: Path) -> None:
    file = write_file(tmp_path / "file.csv", [*rows[1:], rows[1]])
    before = written()
    planned = import_rows(file, gateway, "--dry-run", code=1)
    assert written() == before
    assert planned == import_rows(file, gateway, code=1)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_are_read_whatever_program_has_saved_them(world: World, tmp_path: Path, separator: str, end: str) -> None:
    rows = rows_of(world, "razorpay")
    looks: list[Any] = [None, "", "{}", {"a": 1}, 'said "yes", twice', "line\nbreak"]
    for row, notes in zip(rows, looks, strict=False):
        row |= {
            "notes": notes,
            "a column of tomorrow": "1",
            "settlement_utr": notes if not notes else row["settlement_utr"],
        }
    file = write_file(tmp_path / "file.csv", rows, separator=separator, start="\ufeff", end=end)
    assert import_rows(file, "razorpay")["open"] == 0
    assert left_open() == set()


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("pattern", ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S"])
def test_a_dashboards_file_has_major_units_and_days(world: World, tmp_path: Path, comma: bool, pattern: str) -> None:
    rows = rows_of(world, "razorpay")
    for row in rows:
        for column in ("debit", "credit", "amount", "fee", "tax"):
            major = f"{row[column] // 100}.{row[column] % 100:02}"
            row[column] = major.replace(".", ",") if comma else major
        row["settled_at"] = day(row["settled_at"], pattern)
    file = write_file(tmp_path / "file.csv", rows, separator=";")
    assert import_rows(file, "razorpay", "--amounts", "major")["open"] == 0
    assert left_open() == set()


def day(seconds: int, pattern: str) -> str:
    """A time as a dashboard shows it."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(INDIA).strftime(pattern)


# --- what a file alone says ------------------------------------------------------------------------------------------


def test_what_a_gateway_invents_is_kept_as_an_exception_and_the_sums_still_balance(
    world: World, tmp_path: Path
) -> None:
    """A file that the gateway cannot confirm, because it is silent."""
    base = {"settlement_id": "setl_Unheard0001", "settled_at": 1_790_000_000, "currency": "USD", "tax": 0, "fee": 0}
    kinds = [
        base | {"entity_id": "trf_1", "type": "transfer", "debit": 1010, "credit": 0, "amount": 1000, "fee": 10},
        base | {"entity_id": "adj_1", "type": "adjustment", "debit": 0, "credit": 500, "amount": 500},
        base | {"entity_id": "disp_1", "type": "settlement.ondemand", "debit": 25, "credit": 0, "amount": 25},
    ]
    world.sandbox.arm("razorpay", "*", "error_500", times=100)
    told = import_rows(write_file(tmp_path / "file.csv", kinds), "razorpay", code=1)
    world.sandbox.arm("razorpay", "*", "none")
    assert {each["kind"] for each in told["discrepancies"]} == {"settlement_line_unknown", "settlement_sum_differs"}
    assert list(SettlementLine.objects.values_list("wire_kind", "gross_minor", "finding")) == [
        ("transfer", -1000, "unknown"),
        ("adjustment", 500, "unknown"),
        ("settlement.ondemand", -25, "unknown"),
    ]
    # Unconfirmed, nothing is in the bank: what was paid for fees is all that is certain.
    assert balances() == {("gateway_fees", "USD"): 10, ("suspense", "USD"): -10}


def test_rows_that_are_not_settled_yet_are_left_for_later(world: World, tmp_path: Path) -> None:
    rows = rows_of(world, "razorpay")
    waiting = rows[0] | {
        "entity_id": "pay_Waiting000001",
        "settlement_id": None,
        "settled": "false",
        "settled_at": None,
    }
    told = import_rows(write_file(tmp_path / "file.csv", [*rows, waiting]), "razorpay")
    assert (told["rows"], told["rows_not_settled"], told["open"]) == (len(rows), 1, 0)


def test_a_file_of_many_rows_is_booked_in_chunks(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.settlements.staging._LINES_OF_CHUNK", 2)
    monkeypatch.setattr("payments.settlements.staging._BATCH", 3)
    monkeypatch.setattr("payments.settlements.judging._ROWS", 2)
    rows = rows_of(world, "razorpay", sales=5)
    random.Random(7).shuffle(rows)
    import_rows(write_file(tmp_path / "file.csv", rows), "razorpay")
    assert (SettlementLine.objects.count(), left_open()) == (len(rows), set())
    assert balance(Account.CLEARING_RAZORPAY) == 0
    assert SettlementImport.objects.get().finished_at is not None


# --- the gateway's word after a file's --------------------------------------------------------------------------------

LIES: dict[str, Cells] = {
    "currency": {"currency": "EUR"},
    "fee": {"fee": 1, "tax": 0},
    "gross": {"amount": 5000, "credit": 4900, "fee": 100, "tax": 0},
    "settlement": {"settlement_id": "setl_NoSuchThing0"},
    "payment": {"entity_id": "pay_NoSuchThing00"},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_only_a_file_had_said_gives_way_to_the_gateway(world: World, tmp_path: Path, lie: str) -> None:
    world.sell("razorpay")
    world.pay_out("razorpay")
    (row,) = recon()
    reconcile()
    right = balances()
    forget()
    told = row | LIES[lie]
    told |= {"credit": told["amount"] - told["fee"]}
    world.sandbox.arm("razorpay", "*", "error_500", times=100)
    import_rows(write_file(tmp_path / "file.csv", [told]), "razorpay", code=1)
    world.sandbox.arm("razorpay", "*", "none")

    reconcile("--since", "2020-01-01", code=1)

    assert balances() == right
    settlement = Settlement.objects.get(gateway_settlement_id=row["settlement_id"])
    assert (settlement.state, settlement.currency) == ("complete", row["currency"])
    assert SettlementLine.objects.filter(superseded_at__isnull=False).count() == 1
    line_id = f"payment:{told['entity_id']}"
    assert left_open() == {
        "settlement": {("file_settlement_unknown", "setl_NoSuchThing0")},
        "payment": {("file_line_unknown", line_id), ("file_lacks_lines", row["settlement_id"])},
    }.get(lie, {("file_line_differs", line_id)})
    assert_settlements_hold()
    before = (written(), left_open())
    reconcile("--since", "2020-01-01", code=1)
    assert (written(), left_open()) == before


def test_an_import_that_was_killed_inside_one_settlement_goes_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: str
) -> None:
    monkeypatch.setattr("payments.settlements.staging._LINES_OF_CHUNK", 2)
    rows = rows_of(world, gateway, sales=5)
    reconcile()
    right = balances()
    forget()
    passed = []

    def cut_off(seam: Seam) -> None:
        passed.append(seam)
        if len(passed) == 2:
            raise KeyboardInterrupt

    with trapped(cut_off), pytest.raises(KeyboardInterrupt):
        import_rows(write_file(tmp_path / "file.csv", rows), gateway)
    assert passed == [Seam.SETTLEMENT_BOOKED] * 2
    assert 0 < SettlementLine.objects.count() < len(lines_of(rows))
    assert_settlements_hold()

    reconcile("--since", "2020-01-01")
    assert (balances(), left_open(), SettlementLine.objects.count()) == (right, set(), len(lines_of(rows)))
