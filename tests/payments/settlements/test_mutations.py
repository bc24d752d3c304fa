"""For every single mutation of a correct file: it is reported, imported once and never by half, and the books hold."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from customers.models import User
from orders.books import find_offenders
from payments.reconciliation.models import Discrepancy, DiscrepancyState, Resolution
from payments.reconciliation.resolving import resolve
from tests.payments.settlements.mutations import MADE_UP, Mutation, all_of
from tests.payments.settlements.world import (
    World,
    balances,
    forget,
    import_rows,
    left_open,
    reconcile,
    rows_of,
    write_file,
    written,
)
from tests.shop import hire

ABOUT_FILES = {
    "settled_twice",
    "file_settlement_unknown",
    "file_line_unknown",
    "file_line_differs",
    "file_lacks_lines",
}


def attempt(path: Path, gateway: str) -> str:
    """Import a file; why it was refused, or nothing. What is not refused leaves something open."""
    out = io.StringIO()
    with pytest.raises((CommandError, SystemExit)) as left:
        call_command("reconcile_settlements", file=path, gateway=gateway, json=True, stdout=out)
    if isinstance(left.value, CommandError):
        assert left.value.returncode == 2
        return str(left.value)
    assert isinstance(left.value, SystemExit)
    assert left.value.code == 1
    assert json.loads(out.getvalue())["open"] > 0
    return ""


def assert_reported(mutation: Mutation, file_name: str) -> None:
    """What waits for a person names the file, the settlement, and the row that is wrong or the lines that are missing,
    with the amounts."""
    waiting = list(Discrepancy.objects.filter(state=DiscrepancyState.OPEN))
    assert {each.kind for each in waiting} <= ABOUT_FILES
    named = set()
    for each in waiting:
        assert each.theirs["file"] == file_name
        assert each.theirs["settlement"]
        assert "net_minor" in each.theirs
        if each.kind == "file_lacks_lines":
            assert [line["line"] for line in each.ours["lacking"]]
            assert each.amount_minor == each.theirs["net_minor"] - each.ours["net_minor"]
        else:
            named.add(each.theirs["file_line"])
    assert named & mutation.lines or (not mutation.lines and "file_lacks_lines" in {each.kind for each in waiting})


def accept_what_is_not_paid_out(clerk: User, gateway: str) -> None:
    """A correct file takes everything back but settlements that nobody has paid out: a person has to."""
    for each in Discrepancy.objects.filter(state=DiscrepancyState.OPEN):
        assert (each.kind, each.gateway_id) == ("file_settlement_unknown", MADE_UP[gateway])
        resolve(each.pk, as_=Resolution.ACCEPTED, by=clerk.pk, reason="Made up")


@pytest.mark.parametrize("gateway", ["razorpay", "stripe"], indirect=True)
def test_every_single_mutation_is_reported_and_a_correct_file_takes_it_back(
    world: World, gateway: str, tmp_path: Path
) -> None:
    """A fuller file was always there before, and another comes after."""
    rows, clerk = rows_of(world, gateway), hire()
    reconcile()
    right, seen, refused = balances(), set(), 0
    for number, mutation in enumerate(all_of(gateway, rows)):
        correct = [row | {"description": str(number)} for row in rows]
        import_rows(write_file(tmp_path / f"{number} right.csv", correct), gateway, code=None)
        accept_what_is_not_paid_out(clerk, gateway)
        before, file = written(), mutation.write(tmp_path / f"{number} wrong.csv")
        if file.read_bytes() in seen:
            continue
        seen.add(file.read_bytes())

        refusal = attempt(file, gateway)

        if refusal:
            refused += 1
            assert any(f"line {line}" in refusal for line in mutation.lines), (mutation.name, refusal)
            assert written() == before, mutation.name
            continue
        assert_reported(mutation, file.name)
        assert balances() == right, mutation.name
        assert [check.name for check in find_offenders() if check.offenders] == [], mutation.name
        facts = (written(), left_open())
        assert attempt(file, gateway) == "", mutation.name
        assert (written(), left_open()) == facts, mutation.name
    assert len(seen) > 100
    assert 0 < refused < len(seen)


@pytest.mark.parametrize("gateway", ["razorpay", "stripe"], indirect=True)
def test_mutations_that_were_booked_while_the_gateway_was_silent_are_reported_when_it_speaks(
    world: World, gateway: str, tmp_path: Path
) -> None:
    """One of six: what is booked of a file goes through the whole road, and so may be booked by half nowhere."""
    rows = rows_of(world, gateway)
    reconcile()
    right, booked = balances(), 0
    for number, mutation in enumerate(all_of(gateway, rows)):
        if number % 6:
            continue
        forget()
        before, file = written(), mutation.write(tmp_path / f"{number}.csv")
        world.sandbox.arm(gateway, "*", "error_500", times=100)
        refusal = attempt(file, gateway)
        world.sandbox.arm(gateway, "*", "none")
        if refusal:
            assert written() == before, mutation.name
            continue
        booked += 1
        assert ("bank", "USD") not in balances(), mutation.name
        assert [check.name for check in find_offenders() if check.offenders] == [], mutation.name

        reconcile("--since", "2020-01-01", code=1)

        assert_reported(mutation, file.name)
        assert balances() == right, mutation.name
        assert [check.name for check in find_offenders() if check.offenders] == [], mutation.name
        facts = (written(), left_open())
        reconcile("--since", "2020-01-01", code=1)
        assert (written(), left_open()) == facts, mutation.name
    assert booked > 10
