"""Settlement files: what is right is booked once, and whatever is wrong with one is noticed."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as schedules
from hypothesis import strategies as st

from kit.crashpoints import Seam, trapped
from payments.models import Account
from payments.reconciliation.models import RunKind
from payments.reconciliation.windows import asked_window
from payments.settlements.models import Settlement, SettlementImport, SettlementLine
from payments.settlements.reconciling import reconcile_gateway
from tests import jobs
from tests.payments.settlements.conftest import assert_settlements_hold
from tests.payments.settlements.world import (
    INDIA,
    Cells,
    World,
    balance,
    balances,
    forget,
    import_rows,
    itemised,
    left_open,
    recon,
    reconcile,
    write_file,
    written,
)

# Each example is an import or three; the world of orders and payouts is made once for all of them.
EACH = schedules(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows_of(world: World, gateway: str, *, sales: int = 2) -> list[Cells]:
    """A correct file over two settlements: payments, a refund, and one that failed."""
    attempts = [world.sell(gateway, world.shop.cable) for _ in range(sales)]
    world.refund(attempts[0], 300)
    first = world.pay_out(gateway)
    world.sell(gateway)
    world.sandbox.fail_refund(world.refund(attempts[1], 400))
    jobs.settle_down()
    second = world.pay_out(gateway)
    return recon() if gateway == "razorpay" else [*itemised(first), *itemised(second)]


@pytest.fixture
def rows(world: World, gateway: str) -> list[Cells]:
    """A correct file."""
    return rows_of(world, gateway)


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
    assert not SettlementLine.objects.filter(seen_in__isnull=True).exists()
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


def test_rows_in_two_files_are_booked_once(gateway: str, rows: list[Cells], tmp_path: Path) -> None:
    """The first file lacks rows, which is said; the second, with some of them again, brings the rest."""
    half = len(rows) // 2
    first = import_rows(write_file(tmp_path / "1.csv", rows[: half + 1]), gateway, code=1)
    assert {each["kind"] for each in first["discrepancies"]} == {"settlement_sum_differs"}

    second = import_rows(write_file(tmp_path / "2.csv", rows[half:]), gateway)

    assert (second["open"], left_open()) == (0, set())
    assert balance(Account(f"clearing_{gateway}")) == 0


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


# --- what is wrong with a file --------------------------------------------------------------------------------------

RAZORPAY_FIELDS: tuple[str, ...] = (
    "debit",
    "credit",
    "amount",
    "fee",
    "tax",
    "entity_id",
    "type",
    "currency",
    "settlement_id",
)
RAZORPAY_FIELDS += ("settled_at", "settlement_utr")
STRIPE_FIELDS: tuple[str, ...] = (
    "gross",
    "fee",
    "net",
    "balance_transaction_id",
    "source_id",
    "currency",
    "reporting_category",
)
STRIPE_FIELDS += ("automatic_payout_id", "automatic_payout_effective_at")


def mutate(rows: list[Cells], gateway: str, how: st.DataObject) -> list[Cells]:
    """The rows with one thing wrong in one of them."""
    made = [dict(row) for row in rows]
    at = how.draw(st.integers(0, len(rows) - 1), label="row")
    match how.draw(st.sampled_from(["missing", "extra", "doubled", "altered"]), label="mutation"):
        case "missing":
            event("missing")
            del made[at]
        case "doubled":
            event("doubled")
            made.insert(how.draw(st.integers(0, len(rows)), label="where"), dict(made[at]))
        case "extra":
            event("extra")
            made.append(
                made[at]
                | (
                    {"entity_id": "pay_ExtraExtra00", "type": "payment"}
                    if gateway == "razorpay"
                    else {"balance_transaction_id": "txn_extra", "source_id": "ch_extra"}
                )
            )
        case _:
            column = how.draw(st.sampled_from(RAZORPAY_FIELDS if gateway == "razorpay" else STRIPE_FIELDS))
            event(column)
            made[at][column] = altered(made[at], column, how)
    return made


def altered(row: Cells, column: str, how: st.DataObject) -> Any:
    """Another value of a field, of the right form."""
    value = row[column]
    if column in ("type", "reporting_category"):
        return "transfer"
    if column == "currency":
        return "INR"
    if column == "settled_at":
        return value + 3 * 86400
    if column == "automatic_payout_effective_at":
        return "2026-01-02T00:00:00+00:00"
    if column in ("gross", "fee", "net"):
        return value + how.draw(st.sampled_from([1, -1])) * 7
    if isinstance(value, int):
        return value + how.draw(st.integers(1, 10_000))
    return f"{value}X"


@pytest.mark.parametrize("gateway", ["razorpay", "stripe"], indirect=True)
def test_any_single_mutation_of_a_file_is_reported_and_the_books_hold(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    right = balances()

    @EACH
    @given(st.data())
    def check(how: st.DataObject) -> None:
        forget()
        file = write_file(tmp_path / "mutated.csv", mutate(rows, gateway, how))

        told = import_rows(file, gateway, code=1)

        assert told["discrepancies"]
        assert balances() == right
        assert_settlements_hold()
        before = (written(), left_open())
        assert import_rows(file, gateway, code=1)["known_file"]
        assert (written(), left_open()) == before

    check()


@pytest.mark.parametrize("gateway", ["razorpay", "stripe"], indirect=True)
def test_while_the_gateway_is_silent_a_file_is_booked_as_it_is_and_its_mutations_show_later(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    right = balances()

    @EACH
    @given(st.data())
    def check(how: st.DataObject) -> None:
        forget()
        file = write_file(tmp_path / "mutated.csv", mutate(rows, gateway, how))
        world.sandbox.arm(gateway, "*", "error_500", times=100)
        told = import_rows(file, gateway, code=1)
        world.sandbox.arm(gateway, "*", "none")
        assert told["not_reached"]
        assert ("bank", "USD") not in balances()
        assert_settlements_hold()

        reconcile("--since", "2020-01-01", code=1 if left_open_after(gateway) else 0)

        assert_settlements_hold()
        assert balances() == right

    check()


def left_open_after(gateway: str) -> bool:
    """What a reconciliation would leave open."""
    window = asked_window("2020-01-01", None, gateway=gateway, kind=RunKind.SETTLEMENTS)
    return reconcile_gateway(gateway, window, dry_run=True).open > 0


def test_a_file_that_lacks_a_whole_settlement_between_others_is_reported(world: World, tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        world.sell("razorpay", world.shop.cable)
        names.append(world.pay_out("razorpay"))
    rows = recon()
    file = write_file(tmp_path / "file.csv", [row for row in rows if row["settlement_id"] != names[1]])
    import_rows(file, "razorpay", code=1)
    assert left_open() == {("settlement_sum_differs", names[1])}

    import_rows(write_file(tmp_path / "whole.csv", rows), "razorpay")
    assert left_open() == set()


def test_a_correct_file_takes_back_what_an_altered_one_had_said(world: World, tmp_path: Path) -> None:
    rows = rows_of(world, "razorpay")
    altered_rows = [rows[0] | {"tax": rows[0]["tax"] + 1}, *rows[1:]]
    import_rows(write_file(tmp_path / "altered.csv", altered_rows), "razorpay", code=1)
    line_id, settlement_id = f"payment:{rows[0]['entity_id']}", rows[0]["settlement_id"]
    assert left_open() == {("settlement_line_differs", line_id), ("settlement_sum_differs", settlement_id)}
    import_rows(write_file(tmp_path / "right.csv", rows), "razorpay")
    assert left_open() == set()


def test_what_a_gateway_invents_is_kept_as_an_exception_and_the_sums_still_balance(
    world: World, tmp_path: Path
) -> None:
    """A file that the gateway cannot confirm: its settlement is nobody's."""
    base = {"settlement_id": "setl_Unheard0001", "settled_at": 1_790_000_000, "currency": "USD", "tax": 0, "fee": 0}
    kinds = [
        base | {"entity_id": "trf_1", "type": "transfer", "debit": 1010, "credit": 0, "amount": 1000, "fee": 10},
        base | {"entity_id": "adj_1", "type": "adjustment", "debit": 0, "credit": 500, "amount": 500},
        base | {"entity_id": "disp_1", "type": "settlement.ondemand", "debit": 25, "credit": 0, "amount": 25},
    ]
    told = import_rows(write_file(tmp_path / "file.csv", kinds), "razorpay", code=1)
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
    kinds = {"settlement_line_differs", "settlement_line_unknown"}
    assert {kind for kind, _ in left_open()} & kinds
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
    assert 0 < SettlementLine.objects.count() < len(rows)
    assert_settlements_hold()

    reconcile("--since", "2020-01-01")
    assert (balances(), left_open(), SettlementLine.objects.count()) == (right, set(), len(rows))
