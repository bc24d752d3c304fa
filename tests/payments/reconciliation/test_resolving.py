"""What people do about discrepancies: with a reason, once, and never without a line of audit."""

from __future__ import annotations

import pytest

from customers.models import User
from payments import ledger
from payments.ledger import Leg
from payments.models import Account, LedgerEntry, TransferKind
from payments.reconciliation import discrepancies
from payments.reconciliation.models import (
    Discrepancy,
    DiscrepancyAct,
    DiscrepancyKind,
    ProposedAct,
    Resolution,
)
from payments.reconciliation.resolving import NotResolvable, assign, can_be_written_off, note_looked, resolve
from tests.shop import hire, written


@pytest.fixture
def clerk(db: None) -> User:
    """Somebody in accounting."""
    return hire()


def found(kind: DiscrepancyKind = DiscrepancyKind.PAYMENT_UNKNOWN, amount_minor: int = 500) -> Discrepancy:
    discrepancies.file(
        kind=kind,
        gateway="stripe",
        gateway_id="ch_1",
        currency="USD",
        amount_minor=amount_minor,
        ours={},
        theirs={"captured_minor": amount_minor},
        proposed=ProposedAct.CHECK_GATEWAY,
    )
    return Discrepancy.objects.get()


def put_in_suspense(amount_minor: int) -> None:
    """So much came that nobody can explain; below zero, so much was kept back."""
    legs = (Leg(Account.BANK, amount_minor), Leg(Account.SUSPENSE, -amount_minor))
    ledger.post(source="found:1", kind=TransferKind.RESOLUTION, currency="USD", legs=legs)


def balance(account: Account) -> int:
    return sum(LedgerEntry.objects.filter(account=account).values_list("amount_minor", flat=True))


def test_who_takes_it_on_is_on_it_and_in_the_audit(clerk: User) -> None:
    discrepancy = assign(found().pk, to=clerk.pk)
    assert discrepancy.assigned_to == clerk
    act = DiscrepancyAct.objects.get()
    assert (act.deed, act.by) == ("assigned", clerk)
    assert (act.before, act.after) == ({"assigned_to": None}, {"assigned_to": str(clerk.pk)})


@pytest.mark.parametrize("resolution", [Resolution.ACCEPTED, Resolution.CLOSED])
def test_it_is_resolved_with_a_reason_by_somebody(clerk: User, resolution: Resolution) -> None:
    discrepancy = resolve(found().pk, as_=resolution, by=clerk.pk, reason=" it is the till's ")
    discrepancy.refresh_from_db()
    assert (discrepancy.state, discrepancy.resolution) == ("resolved", resolution)
    assert discrepancy.reason == "it is the till's"
    assert (discrepancy.resolved_by, discrepancy.resolved_at is not None) == (clerk, True)
    act = DiscrepancyAct.objects.get()
    assert (act.deed, act.before, act.after["resolution"]) == (resolution, {"state": "open"}, resolution)
    assert not LedgerEntry.objects.exists()


def test_without_a_reason_nothing_is_resolved(clerk: User) -> None:
    discrepancy, before = found(), written()
    with pytest.raises(NotResolvable, match="no_reason"):
        resolve(discrepancy.pk, as_=Resolution.CLOSED, by=clerk.pk, reason="  ")
    assert written() == before
    assert Discrepancy.objects.get().state == "open"


def test_what_is_resolved_is_not_resolved_or_assigned_again(clerk: User) -> None:
    discrepancy = resolve(found().pk, as_=Resolution.CLOSED, by=clerk.pk, reason="done")
    before = written()
    with pytest.raises(NotResolvable, match="not_open"):
        resolve(discrepancy.pk, as_=Resolution.ACCEPTED, by=clerk.pk, reason="again")
    with pytest.raises(NotResolvable, match="not_open"):
        assign(discrepancy.pk, to=clerk.pk)
    assert written() == before


@pytest.mark.parametrize("amount_minor", [500, -500])
def test_what_settlements_left_in_suspense_is_written_off_there(clerk: User, amount_minor: int) -> None:
    put_in_suspense(amount_minor)
    discrepancy = found(DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN, amount_minor)
    assert can_be_written_off(discrepancy)

    resolve(discrepancy.pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="too small to ask")

    assert (balance(Account.SUSPENSE), balance(Account.WRITE_OFF)) == (0, -amount_minor)
    assert DiscrepancyAct.objects.get().deed == "written_off"


@pytest.mark.parametrize(
    ("kind", "amount_minor", "held"),
    [
        (DiscrepancyKind.PAYMENT_UNKNOWN, 500, 500),  # the ledger has never heard of it
        (DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN, 500, 499),  # somebody has explained some of it
        (DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN, -500, 500),  # the other way round
        (DiscrepancyKind.SETTLEMENT_SUM_DIFFERS, 500, 0),
    ],
)
def test_what_does_not_lie_in_suspense_cannot_be_written_off(
    clerk: User, kind: DiscrepancyKind, amount_minor: int, held: int
) -> None:
    if held:
        put_in_suspense(held)
    discrepancy, before = found(kind, amount_minor), written()
    assert not can_be_written_off(discrepancy)
    with pytest.raises(NotResolvable, match="not_in_suspense"):
        resolve(discrepancy.pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="gone")
    assert written() == before


def test_looking_again_leaves_a_line_of_audit(clerk: User) -> None:
    note_looked(found(), by=clerk.pk)
    act = DiscrepancyAct.objects.get()
    assert (act.deed, act.by, act.after["state"]) == ("looked_again", clerk, "open")
