"""What a file alone had booked is taken back by a person, once, when the gateway has no such settlement."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection

from orders.books import find_offenders
from payments.models import Account
from payments.reconciliation.models import Discrepancy, DiscrepancyAct, Resolution
from payments.reconciliation.resolving import NotResolvable, resolve
from payments.sandbox.models import Payout
from payments.settlements.models import Settlement, SettlementLine
from payments.settlements.taking_back import can_be_taken_back, take_back
from tests.concurrency.racing import outcome, together, wait_until_somebody_waits_for_a_lock
from tests.payments.settlements.world import (
    Cells,
    World,
    balance,
    balances,
    import_rows,
    left_open,
    recon,
    reconcile,
    silently,
    write_file,
    written,
)
from tests.shop import hire

NAME = "setl_NoSuchThing000"
ROW: Cells = {
    "settlement_id": NAME,
    "settled_at": 1_790_000_000,
    "type": "payment",
    "entity_id": "pay_MadeUp00000000",
    "currency": "USD",
    "debit": 0,
    "credit": 880,
    "amount": 1000,
    "fee": 120,
    "tax": 20,
}


@pytest.fixture
def booked(world: World, tmp_path: Path) -> Settlement:
    """A settlement that a file alone names, booked in silence."""
    world.sell("razorpay")
    silently(world, write_file(tmp_path / "made up.csv", [ROW]), "razorpay")
    return Settlement.objects.get()


@pytest.fixture
def found(booked: Settlement) -> Discrepancy:
    """What is filed once the gateway has said that it has no such settlement."""
    reconcile("--since", "2020-01-01", code=1)
    return Discrepancy.objects.get(kind="file_settlement_unknown", state="open")


def test_what_a_file_alone_had_booked_is_taken_back(booked: Settlement, found: Discrepancy) -> None:
    clerk = hire()
    assert balances() == {("gateway_fees", "USD"): 100, ("fee_tax", "USD"): 20, ("suspense", "USD"): -120}
    assert can_be_taken_back(found)

    take_back(found.pk, by=clerk.pk, reason="Somebody's idea of a joke")

    booked.refresh_from_db()
    found.refresh_from_db()
    assert (balances(), booked.state, booked.lines_count) == ({}, "taken_back", 0)
    assert (booked.net_minor, booked.fee_minor, booked.tax_minor) == (0, 0, 0)
    assert SettlementLine.objects.get().superseded_at is not None
    assert (found.state, found.resolution, found.reason) == ("resolved", "taken_back", "Somebody's idea of a joke")
    act = DiscrepancyAct.objects.get(discrepancy=found)
    assert (act.deed, act.by, act.after) == ("taken_back", clerk, {"state": "resolved", "resolution": "taken_back"})
    assert left_open() == set()
    # It stays so, and the run after it has nothing to say.
    assert reconcile("--since", "2020-01-01")["open"] == 0
    assert [check.name for check in find_offenders() if check.offenders] == []


def test_what_was_written_off_of_it_meanwhile_is_posted_back_too(world: World, tmp_path: Path) -> None:
    """A payment of ours, and a settlement that there never was."""
    clerk, attempt = hire(), world.sell("razorpay")
    paid = {"entity_id": attempt.gateway_payment_id, "amount": attempt.captured_minor}
    row = ROW | paid | {"credit": attempt.captured_minor, "fee": 0, "tax": 0}
    silently(world, write_file(tmp_path / "made up.csv", [row]), "razorpay")
    whole = Discrepancy.objects.get(kind="settlement_sum_differs")
    assert (whole.amount_minor, balance(Account.SUSPENSE)) == (-attempt.captured_minor, attempt.captured_minor)
    resolve(whole.pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="It never came")
    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF)) == (0, attempt.captured_minor)
    reconcile("--since", "2020-01-01", code=1)
    found = Discrepancy.objects.get(kind="file_settlement_unknown")

    take_back(found.pk, by=clerk.pk, reason="No such thing")

    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF), balances()) == (0, 0, {})
    assert balance(Account.CLEARING_RAZORPAY) == attempt.captured_minor


def test_the_gateway_may_pay_it_out_after_all(world: World, booked: Settlement, found: Discrepancy) -> None:
    take_back(found.pk, by=hire().pk, reason="No such thing")
    paid_out = world.pay_out("razorpay")
    (row,) = recon()
    Payout.objects.filter(public_id=paid_out).update(public_id=NAME)

    reconcile("--since", "2020-01-01", code=1)

    booked.refresh_from_db()
    assert (booked.state, booked.lines_count, booked.amount_minor) == ("complete", 1, row["credit"])
    assert balances()["bank", "USD"] == row["credit"]
    # The file had something else in it.
    assert left_open() == {("file_line_unknown", "payment:pay_MadeUp00000000"), ("file_lacks_lines", NAME)}


def refusal_of(discrepancy: Discrepancy, clerk: uuid.UUID, reason: str = "No such thing") -> str:
    """Why it is not taken back; nothing was written."""
    before = (written(), balances())
    with pytest.raises(NotResolvable) as refused:
        take_back(discrepancy.pk, by=clerk, reason=reason)
    assert (written(), balances()) == before
    return refused.value.first.code


def test_only_what_is_booked_and_open_is_taken_back_and_only_with_a_reason(
    world: World, booked: Settlement, found: Discrepancy
) -> None:
    clerk = hire().pk
    assert refusal_of(found, clerk, reason="  ") == "no_reason"
    other = Discrepancy.objects.get(kind="settlement_line_unknown")
    assert refusal_of(other, clerk) == "not_booked"
    assert not can_be_taken_back(other)
    with pytest.raises(ValueError, match="takes something back"):
        resolve(found.pk, as_=Resolution.TAKEN_BACK, by=clerk, reason="I say so")
    take_back(found.pk, by=clerk, reason="No such thing")
    assert refusal_of(found, clerk) == "not_open"
    assert not can_be_taken_back(found)


def test_what_is_not_booked_is_not_taken_back(world: World, tmp_path: Path) -> None:
    import_rows(write_file(tmp_path / "made up.csv", [ROW]), "razorpay", code=1)
    found = Discrepancy.objects.get()
    assert not can_be_taken_back(found)
    assert refusal_of(found, hire().pk) == "not_booked"


def _gateway_speaks_meanwhile(found: Discrepancy, *, around: Callable[..., Any] | None) -> object:
    """Somebody takes a settlement back while the gateway's own word is being written down; what comes of it."""
    clerk = hire().pk

    def act() -> object:
        if around is None:
            return outcome(lambda: take_back(found.pk, by=clerk, reason="No such thing"))()
        with connection.execute_wrapper(around):
            return outcome(lambda: take_back(found.pk, by=clerk, reason="No such thing"))()

    def speak() -> object:
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT FROM settlements_settlement FOR UPDATE")
            barrier_passed.append(True)
            wait_until_somebody_waits_for_a_lock()
            other.execute("UPDATE settlements_settlement SET amount_minor = net_minor, state = 'complete'")
        return None

    barrier_passed: list[bool] = []

    def act_when_it_speaks() -> object:
        while not barrier_passed:
            pass
        return act()

    answer, _ = together([act_when_it_speaks, speak])
    return answer


def test_the_gateways_word_and_a_person_do_not_cross(booked: Settlement, found: Discrepancy) -> None:
    answer = _gateway_speaks_meanwhile(found, around=None)
    assert isinstance(answer, NotResolvable)
    assert answer.first.code == "not_booked"
    booked.refresh_from_db()
    assert (booked.state, booked.lines_count) == ("complete", 1)
    # As if it had been said in the ledger as well.
    _unsay(booked)


def test_without_the_lock_the_database_is_the_last_wall(booked: Settlement, found: Discrepancy) -> None:
    """The negative control: what was read is no longer so when it is written."""

    def unlocked(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        return run(sql.replace(" FOR UPDATE", ""), parameters, many, context)

    answer = _gateway_speaks_meanwhile(found, around=unlocked)
    assert isinstance(answer, IntegrityError)
    _unsay(booked)


def _unsay(settlement: Settlement) -> None:
    """The books as they would be without what the race alone has written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; UPDATE settlements_settlement SET amount_minor = NULL, "
            "state = 'unconfirmed'; RESET session_replication_role"
        )
