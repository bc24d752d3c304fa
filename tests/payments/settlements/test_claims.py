"""Several files about one settlement: the last one speaks for it, with the parts of the same statement; and what the
gateway says, later or not at all, against what files have claimed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kit.crashpoints import Seam, trapped
from orders.books import find_offenders
from payments.gateways import base
from payments.models import Account
from payments.reconciliation.models import Discrepancy, DiscrepancyState
from payments.sandbox.models import Payout
from payments.settlements import booking, reconciling, staging
from payments.settlements.models import ClaimedRow, Settlement, SettlementClaim, SettlementLine, Source
from tests.payments.settlements.conftest import assert_settlements_hold
from tests.payments.settlements.world import (
    Cells,
    World,
    balance,
    balances,
    forget,
    import_rows,
    itemised,
    left_open,
    lines_of,
    recon,
    reconcile,
    rows_of,
    silently,
    write_file,
    written,
)


def settlement_of(row: Cells) -> str:
    """The settlement that a row is in."""
    return str(row.get("settlement_id") or row["automatic_payout_id"])


def line_of(row: Cells) -> str:
    """The line that a row is about."""
    return str(row.get("balance_transaction_id") or f"{row['type']}:{row['entity_id']}")


def waiting(kind: str) -> Discrepancy:
    """The one of its kind that waits for a person."""
    return Discrepancy.objects.get(state=DiscrepancyState.OPEN, kind=kind)


# --- what a later file lacks ----------------------------------------------------------------------------------------


def test_a_file_that_lacks_a_row_is_reported_though_a_fuller_one_came_before(
    gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    rows = lines_of(rows)
    import_rows(write_file(tmp_path / "whole.csv", rows), gateway)
    right, lines = balances(), set(SettlementLine.objects.values_list("line_id", "superseded_at"))

    told = import_rows(write_file(tmp_path / "short.csv", rows[1:]), gateway, code=1)

    found = waiting("file_lacks_lines")
    kept = SettlementLine.objects.get(line_id=line_of(rows[0]))
    settlement = kept.settlement
    assert (told["open"], found.gateway_id) == (1, settlement.gateway_settlement_id)
    assert found.theirs == {
        "settlement": found.gateway_id,
        "told_by": "file",
        "sha256": SettlementClaim.objects.latest("pk").imported.sha256,
        "file": "short.csv",
        "lines": settlement.lines_count - 1,
        "currency": "USD",
        "net_minor": settlement.net_minor - kept.net_minor,
        "lacks": 1,
    }
    (lacking,) = found.ours["lacking"]
    assert (found.ours["net_minor"], found.amount_minor) == (settlement.net_minor, -kept.net_minor)
    assert kept.attempt is not None
    assert lacking["subject"] == found.ours["subject"] == str(kept.attempt.request.subject_id)
    assert (lacking["line"], lacking["payment"]) == (kept.line_id, kept.attempt.gateway_payment_id)
    assert (lacking["gross_minor"], lacking["net_minor"]) == (kept.gross_minor, kept.net_minor)
    assert (lacking["told_by"], found.proposed) == ("gateway", "check_gateway")
    # Nothing that is certain is booked otherwise.
    assert (balances(), set(SettlementLine.objects.values_list("line_id", "superseded_at"))) == (right, lines)

    import_rows(write_file(tmp_path / "whole again.csv", [*rows[1:], rows[0]]), gateway)
    assert left_open() == set()


def test_a_file_lacks_what_an_earlier_file_alone_had_said(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    rows = lines_of(rows)
    silently(world, write_file(tmp_path / "whole.csv", rows), gateway)
    before = balances()

    silently(world, write_file(tmp_path / "short.csv", rows[1:]), gateway)

    found = waiting("file_lacks_lines")
    assert found.theirs["file"] == "short.csv"
    (lacking,) = found.ours["lacking"]
    assert (lacking["told_by"], lacking["file"], lacking["file_line"]) == ("file", "whole.csv", 2)
    assert balances() == before
    # The gateway says the same as the first: it is the second that lacks a line, still.
    reconcile("--since", "2020-01-01", code=1)
    found.refresh_from_db()
    assert left_open() == {("file_lacks_lines", settlement_of(rows[0]))}
    assert found.theirs["file"] == "short.csv"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_files_that_share_no_row_are_the_parts_of_one_statement(
    gateway: str, rows: list[Cells], tmp_path: Path, order: tuple[int, ...]
) -> None:
    rows = lines_of(rows)
    parts = [rows[number::3] for number in order]
    for number, part in enumerate(parts[:-1]):
        told = import_rows(write_file(tmp_path / f"{number}.csv", part), gateway, code=1)
        assert {each["kind"] for each in told["discrepancies"]} == {"file_lacks_lines"}

    told = import_rows(write_file(tmp_path / "last.csv", parts[-1]), gateway)

    assert (told["open"], left_open(), SettlementLine.objects.count()) == (0, set(), len(rows))
    assert balance(Account(f"clearing_{gateway}")) == 0
    # A part again, in other words, is a part of the same.
    again = [row | {"description": "once more"} for row in parts[0]]
    import_rows(write_file(tmp_path / "again.csv", again), gateway)
    assert left_open() == set()


def test_rows_that_are_in_two_files_are_booked_once_and_neither_file_is_whole(
    gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    right = balances()
    forget()
    name = settlement_of(rows[-1])
    mine = [row for row in lines_of(rows) if settlement_of(row) == name]
    import_rows(write_file(tmp_path / "1.csv", mine[:-1]), gateway, code=1)
    lacking = waiting("file_lacks_lines")
    assert [line["line"] for line in lacking.ours["lacking"]] == [line_of(mine[-1])]

    import_rows(write_file(tmp_path / "2.csv", mine[1:]), gateway, code=1)

    lacking.refresh_from_db()
    assert lacking.theirs["file"] == "2.csv"
    assert [line["line"] for line in lacking.ours["lacking"]] == [line_of(mine[0])]
    assert SettlementLine.objects.count() == len(mine)
    reconcile("--since", "2020-01-01", code=1)
    assert balances() == right


def test_a_file_that_leaves_out_a_whole_settlement_between_others_is_reported(world: World, tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        world.sell("razorpay", world.shop.cable)
        names.append(world.pay_out("razorpay"))
    rows = recon()
    whole = write_file(tmp_path / "whole.csv", rows)
    import_rows(whole, "razorpay")

    import_rows(
        write_file(tmp_path / "gap.csv", [row for row in rows if row["settlement_id"] != names[1]]), "razorpay", code=1
    )

    assert left_open() == {("file_lacks_lines", names[1])}
    found = waiting("file_lacks_lines")
    assert (found.theirs["file"], found.theirs["lines"], found.theirs["net_minor"]) == ("gap.csv", 0, 0)
    import_rows(write_file(tmp_path / "whole again.csv", rows[::-1]), "razorpay")
    assert left_open() == set()


def test_a_wrong_date_accuses_the_file_of_leaving_nothing_out(world: World, tmp_path: Path) -> None:
    paid_out = []
    for _ in range(3):
        world.sell("razorpay", world.shop.cable)
        paid_out.append(world.pay_out("razorpay"))
        # The gateway tells times to the second.
        time.sleep(1)
    row_of = {row["settlement_id"]: row for row in recon()}
    _, second, third = (row_of[settlement] for settlement in paid_out)
    long_ago = second | {"settled_at": second["settled_at"] - 400 * 86_400, "created_at": None}
    import_rows(write_file(tmp_path / "file.csv", [long_ago, third]), "razorpay", code=1)
    assert left_open() == {("file_line_differs", line_of(long_ago))}


def test_a_file_of_one_settlement_says_nothing_about_any_other(world: World, gateway: str, tmp_path: Path) -> None:
    """However close to each other they were paid out."""
    rows = rows_of(world, gateway)
    for name in dict.fromkeys(settlement_of(row) for row in rows):
        mine = [row for row in rows if settlement_of(row) == name]
        assert import_rows(write_file(tmp_path / f"{name}.csv", mine), gateway)["open"] == 0
    assert left_open() == set()


def test_a_line_that_was_replaced_is_missing_in_no_file_that_has_it(world: World, tmp_path: Path) -> None:
    """The gateway says in other words what a file had said: the file has the line all the same."""
    rows = lines_of(rows_of(world, "stripe"))
    first = settlement_of(rows[0])
    part = [row | {"charge_id": None} for row in rows if settlement_of(row) == first and row["gross"] < 0]
    assert part
    silently(world, write_file(tmp_path / "refunds.csv", part), "stripe")
    reconcile("--since", "2020-01-01", code=1)
    assert SettlementLine.objects.filter(superseded_at__isnull=False).count() == len(part)
    assert left_open() == {("file_lacks_lines", first)}

    rest = [row for row in rows if settlement_of(row) == first and row["gross"] > 0]
    import_rows(write_file(tmp_path / "payments.csv", rest), "stripe")

    assert left_open() == set()


def test_a_correct_file_takes_back_what_an_altered_one_had_said(world: World, tmp_path: Path) -> None:
    rows = rows_of(world, "razorpay")
    altered, doubled = rows[0] | {"tax": rows[0]["tax"] + 1}, rows[1]
    wrong = [altered, *rows[1:], doubled, rows[1] | {"entity_id": "pay_MadeUp00000000"}]
    import_rows(write_file(tmp_path / "wrong.csv", wrong), "razorpay", code=1)
    assert left_open() == {
        ("file_line_differs", line_of(altered)),
        ("settled_twice", line_of(doubled)),
        ("file_line_unknown", "payment:pay_MadeUp00000000"),
    }
    found = waiting("file_line_differs")
    ours, theirs = found.ours, found.theirs
    assert (theirs["file"], theirs["file_line"], theirs["settlement"]) == ("wrong.csv", 2, settlement_of(altered))
    assert (theirs["tax_minor"] - ours["tax_minor"], ours["told_by"], ours["line"]) == (1, "gateway", line_of(altered))

    # A part of it that says nothing of the doubled row leaves that where it is.
    import_rows(write_file(tmp_path / "part.csv", rows[:1]), "razorpay", code=1)
    assert ("settled_twice", line_of(doubled)) in left_open()
    assert ("file_line_differs", line_of(altered)) not in left_open()
    import_rows(write_file(tmp_path / "right.csv", rows), "razorpay")
    assert left_open() == set()


def test_two_files_that_contradict_each_other_while_the_gateway_is_silent(world: World, tmp_path: Path) -> None:
    rows = [row for row in rows_of(world, "razorpay") if row["type"] == "payment"]
    more = rows[0] | {"amount": rows[0]["amount"] + 70, "credit": rows[0]["credit"] + 70}
    silently(world, write_file(tmp_path / "wrong.csv", [more, *rows[1:]]), "razorpay")
    before = balances()

    silently(world, write_file(tmp_path / "right.csv", rows), "razorpay")

    found = waiting("file_line_differs")
    assert (found.theirs["file"], found.ours["file"], found.ours["file_line"]) == ("right.csv", "wrong.csv", 2)
    assert (found.amount_minor, balances()) == (-70, before)
    # The gateway knows which of them is right: what the last file says is no longer contradicted.
    reconcile("--since", "2020-01-01", code=None)
    assert "file_line_differs" not in {kind for kind, _ in left_open()}
    assert balance(Account.SUSPENSE) == 0


def test_the_payouts_own_row_says_what_was_paid_out(world: World, tmp_path: Path) -> None:
    world.sell("stripe")
    rows = itemised(world.pay_out("stripe"))
    (payout,) = (row for row in rows if row["reporting_category"] == "payout")
    less = payout | {"gross": payout["gross"] + 1, "net": payout["net"] + 1}
    import_rows(write_file(tmp_path / "wrong.csv", [*lines_of(rows), less]), "stripe", code=1)
    found = waiting("file_line_differs")
    settlement = Settlement.objects.get()
    assert (found.gateway_id, found.amount_minor) == (settlement.gateway_settlement_id, 100)
    assert (found.ours["net_minor"], found.theirs["net_minor"]) == (
        -(settlement.amount_minor or 0),
        100 - (settlement.amount_minor or 0),
    )
    import_rows(write_file(tmp_path / "right.csv", rows), "stripe")
    assert left_open() == set()


# --- settlements that the gateway does not have ---------------------------------------------------------------------


def made_up(rows: list[Cells], gateway: str) -> list[Cells]:
    """The same rows in a settlement that nobody has paid out."""
    column = "settlement_id" if gateway == "razorpay" else "automatic_payout_id"
    name = "setl_NoSuchThing000" if gateway == "razorpay" else "po_NoSuchThing"
    entity = "entity_id" if gateway == "razorpay" else "balance_transaction_id"
    source = {} if gateway == "razorpay" else {"source_id": "ch_MadeUp", "charge_id": None}
    return [row | {column: name, entity: f"{str(row[entity])[:5]}MadeUp{at}", **source} for at, row in enumerate(rows)]


def test_a_made_up_settlement_moves_nothing_when_the_gateway_answers(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    (row,) = made_up(lines_of(rows)[:1], gateway)
    before = written()

    told = import_rows(write_file(tmp_path / "made up.csv", [row]), gateway, code=1)

    name = settlement_of(row)
    assert left_open() == {("file_settlement_unknown", name)}
    assert (told["new_lines"], balances()) == (0, {})
    assert not Settlement.objects.exists()
    changed = {table for table, count in written().items() if count != before[table]}
    assert changed == {
        "settlements_settlementimport",
        "settlements_settlementclaim",
        "settlements_claimedrow",
        "reconciliation_discrepancy",
    }
    found = waiting("file_settlement_unknown")
    assert (found.theirs["file"], found.theirs["file_line"], found.theirs["lines"]) == ("made up.csv", 2, 1)
    net = ClaimedRow.objects.get().net_minor
    assert (found.ours, found.theirs["net_minor"], found.amount_minor) == ({}, net, net)
    assert found.proposed == "check_gateway"
    # It stays where it is, and a run without a file asks for it again.
    reconcile("--since", "2020-01-01", code=1)
    assert left_open() == {("file_settlement_unknown", name)}


def test_a_made_up_settlement_that_was_booked_in_silence_is_found_when_the_gateway_answers(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    reconcile()
    right = balances()
    forget()
    mixed = [*lines_of(rows), *made_up(lines_of(rows)[:1], gateway)]
    name = settlement_of(mixed[-1])
    silently(world, write_file(tmp_path / "mixed.csv", mixed), gateway)
    booked = Settlement.objects.get(gateway_settlement_id=name)
    assert (booked.state, booked.lines_count) == ("unconfirmed", 1)

    reconcile("--since", "2020-01-01", code=1)

    found = waiting("file_settlement_unknown")
    assert (found.gateway_id, found.proposed, found.theirs["file"]) == (name, "take_back", "mixed.csv")
    assert (found.ours["lines"], found.ours["net_minor"]) == (1, booked.net_minor)
    assert {kind for kind, _ in left_open()} == {"file_settlement_unknown", "settlement_line_unknown"}
    # Only a person takes it back; the rest is as the gateway says.
    more = {account: amount - right.get(account, 0) for account, amount in balances().items()}
    assert {account: amount for account, amount in more.items() if amount} == {
        account: amount
        for account, amount in {
            ("gateway_fees", "USD"): booked.fee_minor,
            ("fee_tax", "USD"): booked.tax_minor,
            ("suspense", "USD"): -booked.fee_minor - booked.tax_minor,
        }.items()
        if amount
    }
    facts = (written(), left_open())
    reconcile("--since", "2020-01-01", code=1)
    assert (written(), left_open()) == facts
    # Nor is more of it believed, while the gateway is silent again.
    (second,) = made_up(lines_of(rows)[1:2], gateway)
    silently(world, write_file(tmp_path / "more.csv", [second | {"description": "more"}]), gateway)
    booked.refresh_from_db()
    assert booked.lines_count == 1


def test_the_same_file_again_asks_the_gateway_that_was_silent(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    file = write_file(tmp_path / "file.csv", [*lines_of(rows), *made_up(lines_of(rows)[:1], gateway)])
    silently(world, file, gateway)
    told = import_rows(file, gateway, code=1)
    assert (told["known_file"], told["not_reached"]) == (True, "")
    assert ("file_settlement_unknown", settlement_of(made_up(lines_of(rows)[:1], gateway)[0])) in left_open()
    assert set(Settlement.objects.filter(read_at__isnull=True).values_list("state", flat=True)) == {"unconfirmed"}


def test_a_settlement_that_is_paid_out_later_is_booked_and_compared_then(world: World, tmp_path: Path) -> None:
    """The file came first, with a row altered; and it is far from the window of the run that finds it."""
    world.sell("razorpay")
    world.sell("razorpay")
    paid_out = world.pay_out("razorpay")
    rows = recon()
    # As long as the sandbox calls it otherwise, nobody has paid it out.
    Payout.objects.filter(public_id=paid_out).update(public_id="setl_NotYet0000000")
    altered = rows[0] | {"amount": rows[0]["amount"] + 9, "credit": rows[0]["credit"] + 9}
    import_rows(write_file(tmp_path / "early.csv", [altered, *rows[1:]]), "razorpay", code=1)
    assert left_open() == {("file_settlement_unknown", paid_out)}
    Payout.objects.filter(public_id="setl_NotYet0000000").update(public_id=paid_out)

    reconcile("--since", "2020-01-01", "--until", "2020-02-01", code=1)

    assert Settlement.objects.get().state == "complete"
    assert left_open() == {("file_line_differs", line_of(altered))}
    assert waiting("file_line_differs").theirs["file_line"] == 2
    assert balance(Account.CLEARING_RAZORPAY) == 0


# --- what the gateway says, and says no longer ----------------------------------------------------------------------


def tell(settlement: base.Settlement, lines: list[base.SettlementLine]) -> None:
    """The gateway's own word about a settlement, booked."""
    with reconciling.session():
        staging.tell_settlements("razorpay", [settlement])
        staging.tell_lines("razorpay", lines)
        (header,) = staging.headers("razorpay")
        booking.book("razorpay", header, source=Source.API)


def test_a_line_that_the_gateway_lists_no_longer_stays_booked_and_is_put_before_a_person(world: World) -> None:
    attempts = [world.sell("razorpay") for _ in range(2)]
    at = attempts[0].created_at.replace(microsecond=0)
    lines = [
        base.SettlementLine(
            line_id=f"payment:{attempt.gateway_payment_id}",
            settlement_id="setl_1",
            kind=base.LineKind.PAYMENT,
            wire_kind="payment",
            entity_id=attempt.gateway_payment_id,
            payment_id=attempt.gateway_payment_id,
            currency="USD",
            gross_minor=attempt.captured_minor,
            fee_minor=100,
            tax_minor=0,
            net_minor=attempt.captured_minor - 100,
            settled_at=at,
        )
        for attempt in attempts
    ]
    # It does not add up, so that it is read again.
    settlement = base.Settlement("setl_1", lines[0].net_minor, "USD", at, "UTR1", at)
    tell(settlement, lines)
    before = balances()

    tell(settlement, lines[:1])

    found = waiting("line_no_longer_listed")
    assert (found.gateway_id, found.amount_minor) == (lines[1].line_id, -lines[1].net_minor)
    assert (found.ours["settlement"], found.ours["net_minor"]) == ("setl_1", lines[1].net_minor)
    assert (balances(), SettlementLine.objects.filter(superseded_at__isnull=True).count()) == (before, 2)
    assert_settlements_hold()
    tell(settlement, lines)
    assert "line_no_longer_listed" not in {kind for kind, _ in left_open()}


def test_a_file_whose_import_was_killed_is_compared_by_the_next_run(
    world: World, gateway: str, rows: list[Cells], tmp_path: Path
) -> None:
    """It was kept as a whole, and booked in part."""
    wrong = lines_of(rows)
    wrong = [wrong[0], wrong[0], *wrong[2:]]

    def cut_off(seam: Seam) -> None:
        raise KeyboardInterrupt

    with trapped(cut_off), pytest.raises(KeyboardInterrupt):
        silently(world, write_file(tmp_path / "wrong.csv", wrong), gateway)
    assert ClaimedRow.objects.count() == len(wrong)
    assert [check.name for check in find_offenders() if check.offenders] == []

    reconcile("--since", "2020-01-01", code=1)

    lacking = waiting("file_lacks_lines")
    assert [line["line"] for line in lacking.ours["lacking"]] == [line_of(lines_of(rows)[1])]
    assert ("settled_twice", line_of(wrong[0])) in left_open()
    assert balance(Account(f"clearing_{gateway}")) == 0
