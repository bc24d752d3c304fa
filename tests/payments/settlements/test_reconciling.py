"""What the gateways pay out, by their API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.models import F

from kit import clock
from payments.models import Account, LedgerTransfer, TransferKind
from payments.reconciliation.models import Discrepancy, Resolution, RunKind
from payments.reconciliation.resolving import resolve
from payments.reconciliation.windows import default_window
from payments.sandbox.models import BalanceEntry
from payments.settlements import jobs as settlement_jobs
from payments.settlements.models import Settlement, SettlementImport, SettlementLine
from payments.settlements.reconciling import reconcile_gateway
from payments.settlements.staging import Header
from tests import jobs
from tests.concurrency.racing import together
from tests.payments.settlements.conftest import assert_settlements_hold
from tests.payments.settlements.world import (
    World,
    attempt_of,
    balance,
    balances,
    import_rows,
    itemised,
    left_open,
    recon,
    reconcile,
    rows_of,
    silently,
    write_file,
    written,
)
from tests.shop import hire


def test_a_settlement_moves_what_was_collected_to_the_bank_and_to_the_fees(world: World, gateway: str) -> None:
    attempts = [world.sell(gateway), world.sell(gateway, world.shop.cable)]
    paid_out = world.pay_out(gateway)
    captured = sum(attempt.captured_minor for attempt in attempts)

    answer = reconcile("--gateway", gateway)

    settlement = Settlement.objects.get(gateway_settlement_id=paid_out)
    assert (settlement.state, settlement.lines_count, settlement.source) == ("complete", 2, "api")
    assert settlement.net_minor == settlement.amount_minor == captured - settlement.fee_minor - settlement.tax_minor
    moved = {
        ("bank", "USD"): settlement.amount_minor,
        ("gateway_fees", "USD"): settlement.fee_minor,
        ("fee_tax", "USD"): settlement.tax_minor,
        (f"clearing_{gateway}", "USD"): -captured,
    }
    assert balances() == {account: amount for account, amount in moved.items() if amount}
    assert balance(Account(f"clearing_{gateway}")) == 0
    assert LedgerTransfer.objects.filter(kind=TransferKind.SETTLEMENT).count() == 1
    assert set(SettlementLine.objects.values_list("attempt_id", "finding")) == {(a.pk, "matched") for a in attempts}
    assert (answer["state"], answer["open"], left_open()) == ("complete", 0, set())


def test_a_second_reconciliation_changes_nothing(world: World, gateway: str) -> None:
    world.sell(gateway)
    world.pay_out(gateway)
    reconcile()
    before = written()

    answer = reconcile("--since", "2020-01-01")

    assert answer["gateways"][gateway]["new_lines"] == 0
    assert written() == before


def test_a_dry_run_plans_what_is_then_done_and_writes_nothing(world: World, gateway: str) -> None:
    world.sell(gateway)
    world.sell_unheard(gateway)
    world.pay_out(gateway)
    before = written()

    planned = reconcile("--dry-run", code=1)
    assert written() == before
    done = reconcile(code=1)

    assert planned | {"dry_run": False} == done
    assert done["gateways"][gateway]["new_lines"] == 2


def test_a_payment_that_nobody_knows_is_settled_against_suspense_until_it_is_known(world: World, gateway: str) -> None:
    order = world.sell_unheard(gateway)
    world.pay_out(gateway)

    first = reconcile(code=1)

    line = SettlementLine.objects.get()
    assert line.finding in ("unknown", "differs")  # Stripe's intent has told us of no charge, Razorpay's order of none
    assert left_open() == {(f"settlement_line_{line.finding}", line.line_id)}
    assert (balances()["suspense", "USD"], first["gateways"][gateway]["open"]) == (-line.gross_minor, 1)
    assert ("clearing_" + gateway, "USD") not in balances()

    world.sandbox_speaks(order)
    second = reconcile()

    line.refresh_from_db()
    assert (line.finding, line.attempt, line.explained_minor) == ("matched", attempt_of(order), line.gross_minor)
    assert (second["gateways"][gateway]["matched_later"], left_open()) == (1, set())
    assert balances()[f"clearing_{gateway}", "USD"] == -line.gross_minor
    assert ("suspense", "USD") not in balances()
    assert balance(Account(f"clearing_{gateway}")) == 0


def test_refunds_and_refunds_that_failed_are_settled(world: World, gateway: str) -> None:
    kept, sent, failed = (world.sell(gateway, world.shop.cable) for _ in range(3))
    world.refund(sent, 300)
    refund = world.refund(failed, 400)
    world.sandbox.fail_refund(refund)
    jobs.settle_down()
    world.pay_out(gateway)

    reconcile()

    kinds = sorted(SettlementLine.objects.values_list("kind", "gross_minor", "finding"))
    captured = kept.captured_minor
    assert kinds == [
        *[("payment", captured, "matched")] * 3,
        ("refund", -400, "matched"),
        ("refund", -300, "matched"),
        ("refund_failure", 400, "matched"),
    ]
    assert balance(Account(f"clearing_{gateway}")) == 0


def test_a_settlement_below_zero_takes_from_the_bank(world: World, gateway: str) -> None:
    attempt = world.sell(gateway)
    world.pay_out(gateway)
    world.refund(attempt, attempt.captured_minor)
    jobs.settle_down()
    world.pay_out(gateway, negative=True)

    reconcile()

    amounts = sorted(Settlement.objects.values_list("amount_minor", "state"))
    assert amounts[0] == (-attempt.captured_minor, "complete")
    assert balances()["bank", "USD"] == sum(amount or 0 for amount, _ in amounts) < 0
    assert balance(Account(f"clearing_{gateway}")) == 0


def test_a_file_of_a_settlement_below_zero_is_booked_and_confirmed(world: World, gateway: str, tmp_path: Path) -> None:
    attempt = world.sell(gateway)
    world.pay_out(gateway)
    reconcile()
    world.refund(attempt, attempt.captured_minor)
    paid_out = world.pay_out(gateway, negative=True)
    listed = recon() if gateway == "razorpay" else itemised(paid_out)
    rows = [row for row in listed if paid_out in (row.get("settlement_id"), row.get("automatic_payout_id"))]
    silently(world, write_file(tmp_path / "file.csv", rows), gateway)
    settlement = Settlement.objects.get(gateway_settlement_id=paid_out)
    assert (settlement.state, settlement.net_minor) == ("unconfirmed", -attempt.captured_minor)

    assert reconcile("--since", "2020-01-01")["open"] == 0

    settlement.refresh_from_db()
    assert (settlement.state, settlement.amount_minor) == ("complete", -attempt.captured_minor)
    assert balance(Account(f"clearing_{gateway}")) == balance(Account.SUSPENSE) == 0


def test_what_a_dispute_keeps_back_and_gives_back_is_settled(world: World, gateway: str) -> None:
    attempt = world.sell(gateway)
    world.sandbox.dispute(attempt.gateway_payment_id)
    jobs.settle_down()
    world.sell(gateway)
    world.pay_out(gateway)
    reconcile()
    clearing = Account(f"clearing_{gateway}")
    assert (balance(clearing), balance(Account.DISPUTED)) == (0, attempt.captured_minor)

    world.sandbox.dispute(attempt.gateway_payment_id, "win")
    jobs.settle_down()
    world.pay_out(gateway)
    reconcile()

    assert (balance(clearing), balance(Account.DISPUTED)) == (0, 0)
    lines = SettlementLine.objects.exclude(kind="payment").order_by("pk").values_list("kind", "gross_minor", "finding")
    assert list(lines) == [
        ("dispute", -attempt.captured_minor, "matched"),
        ("dispute_reversal", attempt.captured_minor, "matched"),
    ]


def test_money_that_is_never_paid_out_is_put_before_a_person_until_it_is(world: World, gateway: str) -> None:
    attempt = world.sell(gateway)
    assert reconcile()["open"] == 0
    with clock.turned(settings.UNSETTLED_AFTER + timedelta(hours=1)):
        answer = reconcile(code=1)
    assert left_open() == {("unsettled", attempt.gateway_payment_id)}
    assert answer["gateways"][gateway]["unsettled"] == 1

    world.pay_out(gateway)
    with clock.turned(settings.UNSETTLED_AFTER + timedelta(hours=1)):
        assert reconcile()["open"] == 0
    assert left_open() == set()


def test_a_gateway_that_does_not_answer_leaves_the_books_as_they_are(world: World, gateway: str) -> None:
    world.sell(gateway)
    world.pay_out(gateway)
    before = written()
    world.sandbox.arm(gateway, "*", "error_500", times=100)

    answer = reconcile("--gateway", gateway, code=1)

    world.sandbox.arm(gateway, "*", "none")
    assert (answer["state"], answer["gateways"][gateway]["not_reached"]) == (
        "unfinished",
        "no_answer" if gateway == "razorpay" else "had_error",
    )
    assert written() == before
    assert reconcile()["gateways"][gateway]["new_lines"] == 1


def test_a_run_that_was_killed_between_two_settlements_goes_on(world: World, gateway: str) -> None:
    first = world.sell(gateway)
    world.pay_out(gateway)
    second = world.sell(gateway)
    world.pay_out(gateway)
    whole = first.captured_minor + second.captured_minor

    def cut_off(headers: Sequence[Header], what: str) -> Iterator[Header]:
        yield headers[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile_gateway(gateway, default_window(gateway, RunKind.SETTLEMENTS), watch=cut_off)
    assert (Settlement.objects.count(), balances()[f"clearing_{gateway}", "USD"]) == (1, -first.captured_minor)
    assert_settlements_hold()

    assert reconcile()["gateways"][gateway]["settlements"] == 1
    assert balances()[f"clearing_{gateway}", "USD"] == -whole


def test_a_second_run_at_once_says_so_and_leaves(world: World, gateway: str) -> None:
    world.sell(gateway)
    world.pay_out(gateway)
    before = written()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('reconcile_settlements', 0))")
        assert reconcile() == {"state": "already_running"}
        # Nobody else imports the file.
        file = ("--file", "recon.csv", "--gateway", "razorpay")
        assert reconcile(*file, "--wait", "0.1", code=1) == {"state": "already_running"}
    assert written() == before


def test_the_same_file_at_once_is_imported_once(world: World, gateway: str, tmp_path: Path) -> None:
    file = write_file(tmp_path / "file.csv", rows_of(world, gateway))
    told = together([lambda: import_rows(file, gateway)] * 3)
    assert sorted(each["known_file"] for each in told) == [False, True, True]
    assert [each["open"] for each in told] == [0, 0, 0]
    assert SettlementImport.objects.count() == 1
    assert balance(Account(f"clearing_{gateway}")) == 0


def test_a_window_that_is_none_is_refused(world: World) -> None:
    for window in (("--since", "yesterday"), ("--since", "2026-02-01", "--until", "2026-01-01")):
        with pytest.raises(CommandError):
            call_command("reconcile_settlements", *window)


_LINE = "settlement_id, gateway, kind, wire_kind, entity_id, payment_id, currency, gross_minor, fee_minor, tax_minor"
_LINE += ", net_minor, settled_at, finding, explained_minor, told_by"


def test_the_facts_of_settlements_are_written_once(world: World) -> None:
    world.sell("stripe")
    world.pay_out("stripe")
    reconcile()
    table = "settlements_settlementline"
    for attack in (
        "UPDATE settlements_settlement SET amount_minor = amount_minor + 1",
        "UPDATE settlements_settlementline SET gross_minor = gross_minor + 1, net_minor = net_minor + 1",
        "UPDATE settlements_settlementline SET settlement_id = settlement_id + 1",
        "DELETE FROM settlements_settlementline",
        "DELETE FROM settlements_settlement",
        f"INSERT INTO {table} ({_LINE}, line_id) SELECT {_LINE}, 'x' FROM {table}",
    ):
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute(attack)


def test_what_was_written_off_is_money_again_when_its_payment_turns_up(world: World) -> None:
    order = world.sell_unheard("razorpay")
    world.pay_out("razorpay")
    reconcile(code=1)
    line = SettlementLine.objects.get()
    discrepancy = Discrepancy.objects.get(gateway_id=line.line_id)
    clerk = hire()
    resolve(discrepancy.pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="Not ours")
    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF)) == (0, -line.gross_minor)

    world.sandbox_speaks(order)
    reconcile()

    line.refresh_from_db()
    assert (line.finding, line.explained_minor) == ("matched", line.gross_minor)
    for account in (Account.SUSPENSE, Account.WRITE_OFF, Account.CLEARING_RAZORPAY):
        assert balance(account) == 0


def test_a_sum_that_was_written_off_and_is_another_by_now_is_money_again(world: World, tmp_path: Path) -> None:
    """What waited for the gateway's word was given up; the gateway has spoken since."""
    world.sell("razorpay")
    world.pay_out("razorpay")
    silently(world, write_file(tmp_path / "file.csv", recon()), "razorpay")
    waits = Discrepancy.objects.get(kind="settlement_sum_differs")
    resolve(waits.pk, as_=Resolution.WRITTEN_OFF, by=hire().pk, reason="It never came")
    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF)) == (0, -waits.amount_minor)

    reconcile("--since", "2020-01-01")

    assert balance(Account.BANK) == -waits.amount_minor
    for account in (Account.SUSPENSE, Account.WRITE_OFF, Account.CLEARING_RAZORPAY):
        assert balance(account) == 0


@pytest.mark.parametrize("given_up", [False, True])
def test_a_line_that_is_explained_in_part_by_now_is_one_discrepancy_about_the_rest(
    world: World, given_up: bool
) -> None:
    order = world.sell_unheard("razorpay")
    more = {"amount_minor": F("amount_minor") + 500, "net_minor": F("net_minor") + 500}
    BalanceEntry.objects.update(**more)
    world.pay_out("razorpay")
    reconcile(code=1)
    line, first = SettlementLine.objects.get(), Discrepancy.objects.get()
    assert (line.finding, first.kind, first.amount_minor) == ("unknown", "settlement_line_unknown", line.gross_minor)
    if given_up:
        resolve(first.pk, as_=Resolution.WRITTEN_OFF, by=hire().pk, reason="Not ours")

    world.sandbox_speaks(order)
    reconcile(code=1)

    captured = attempt_of(order).captured_minor
    assert left_open() == {("settlement_line_differs", line.line_id)}
    found = Discrepancy.objects.get(state="open")
    assert (found.amount_minor, found.ours["gross_minor"], found.theirs["gross_minor"]) == (
        500,
        captured,
        captured + 500,
    )
    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF)) == (-500, 0)


def test_the_nightly_job_does_what_the_command_does(world: World) -> None:
    world.sell("stripe")
    world.pay_out("stripe")
    settlement_jobs.reconcile_settlements(timestamp=0)
    assert Settlement.objects.count() == 1
    settlement_jobs.reconcile_settlements(timestamp=0)
    assert Settlement.objects.count() == 1
