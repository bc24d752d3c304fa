"""Acts of one customer come one after the other: two upgrades at once are one, and no order gives twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError

from catalog.models import Package
from customers.memberships import acts, upgrades
from customers.memberships.acts import Granted, MembershipRefused
from customers.memberships.reversing import Reversed, reverse
from customers.models import Membership, MembershipHistory, UpgradeProcess
from kit.ids import new_id
from tests import shop as shops
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, outcome, together
from tests.members import DAYS, on_day, open_tiers, standing
from tests.shop import Shopper

pytestmark = pytest.mark.without_orders

CROWD = 6


@pytest.fixture
def member(ada: Shopper) -> uuid.UUID:
    """A member of the lowest tier."""
    with on_day(0):
        acts.begin(ada.customer.pk, open_tiers()[0])
    return ada.customer.pk


def in_transaction[Answer](act: Callable[[], Answer]) -> Callable[[], Answer | Exception]:
    """The act as the layers above call it."""

    def run() -> Answer:
        with on_day(0):
            return act()

    return outcome(run)


def test_of_many_who_begin_at_once_one_does(ada: Shopper) -> None:
    bronze = open_tiers()[0]
    with no_deadlocks():
        answers = together([in_transaction(lambda: acts.begin(ada.customer.pk, bronze, order_id=new_id()))] * CROWD)
    refusals = [answer for answer in answers if isinstance(answer, MembershipRefused)]
    assert [len(answers) - len(refusals), {refusal.first.code for refusal in refusals}] == [1, {"already_a_member"}]
    assert standing(ada.customer.pk) == [(10, "active", DAYS)]


def test_one_order_that_is_paid_many_times_at_once_gives_once(member: uuid.UUID) -> None:
    silver, order = Package.objects.get(tier=20), new_id()
    with no_deadlocks():
        answers = together([in_transaction(lambda: acts.upgrade(member, silver, order_id=order))] * CROWD)
    assert sum(isinstance(answer, Granted) and answer.changed for answer in answers) == 1
    assert all(isinstance(answer, Granted) for answer in answers)
    assert standing(member) == [(10, "replaced", DAYS), (20, "active", DAYS)]


def test_many_renewals_at_once_all_count(member: uuid.UUID) -> None:
    bronze = Package.objects.get(tier=10)
    with no_deadlocks():
        together([in_transaction(lambda: acts.renew(member, bronze, order_id=new_id()))] * CROWD)
    assert standing(member) == [(10, "active", DAYS * (1 + CROWD))]


def test_two_upgrades_that_are_ordered_at_once_are_one(member: uuid.UUID) -> None:
    silver = Package.objects.get(tier=20)
    with no_deadlocks():
        answers = together([in_transaction(lambda: upgrades.begin_upgrade(member, silver, order_id=new_id()))] * CROWD)
    refusals = [answer for answer in answers if isinstance(answer, MembershipRefused)]
    assert {refusal.first.code for refusal in refusals} == {"upgrade_in_progress"}
    assert [len(refusals), UpgradeProcess.objects.count()] == [CROWD - 1, 1]


def test_a_refund_that_is_told_many_times_at_once_undoes_once(member: uuid.UUID) -> None:
    order = new_id()
    with on_day(0):
        acts.upgrade(member, Package.objects.get(tier=20), order_id=order)
    with no_deadlocks():
        answers = together([in_transaction(lambda: reverse(order))] * CROWD)
    assert sum(isinstance(answer, Reversed) and answer.changed for answer in answers) == 1
    assert standing(member) == [(10, "active", DAYS), (20, "reversed", 0)]


def test_an_upgrade_and_the_refund_of_what_it_replaces_never_wait_in_a_circle(ada: Shopper) -> None:
    bronze, silver, _ = open_tiers()
    order = new_id()
    with on_day(0):
        acts.begin(ada.customer.pk, bronze, order_id=order)
    with no_deadlocks():
        answers = together(
            [
                in_transaction(lambda: acts.upgrade(ada.customer.pk, silver, order_id=new_id())),
                in_transaction(lambda: reverse(order)),
            ]
        )
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert {state for tier, state, _ in standing(ada.customer.pk) if tier == 20} == {"active"}


def test_orders_are_placed_while_a_membership_is_being_changed(ada: Shopper) -> None:
    """The customer's lock is none that a foreign key waits for."""
    shop = shops.open_shop()
    bronze = open_tiers()[0]
    is_locked, is_placed = threading.Event(), threading.Event()

    def change() -> bool:
        with on_day(0):
            acts.begin(ada.customer.pk, bronze)
            is_locked.set()
            return is_placed.wait(PATIENCE_S)

    def place() -> bool:
        is_locked.wait(PATIENCE_S)
        shops.place(ada, shop.cash, (shop.cable, 1))
        is_placed.set()
        return True

    assert together([change, place]) == [True, True]


# --- what would happen without ---------------------------------------------------------------------------------------


@contextmanager
def no_lock(monkeypatch: pytest.MonkeyPatch, parties: int) -> Iterator[None]:
    """Nobody waits for the customer; everybody has looked before anybody writes."""
    everybody_has_looked = threading.Barrier(parties)
    real = acts.find_active

    def look(customer_id: uuid.UUID) -> Membership | None:
        found = real(customer_id)
        everybody_has_looked.wait(PATIENCE_S)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(acts, "lock_customer", lambda customer_id: None)
        patch.setattr(acts, "find_active", look)
        yield


def test_without_the_lock_only_the_constraint_keeps_from_two_memberships(
    ada: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze = open_tiers()[0]
    with no_lock(monkeypatch, 2):
        answers = together([in_transaction(lambda: acts.begin(ada.customer.pk, bronze, order_id=new_id()))] * 2)
    (error,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(error, IntegrityError)
    assert "membership_one_active_per_customer" in str(error)


def test_without_the_lock_a_renewal_is_lost_and_the_guard_refuses_the_second(
    member: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the same end and write the same one; only that history and end must agree at commit finds it."""
    bronze = Package.objects.get(tier=10)
    with no_lock(monkeypatch, 2):
        answers = together([in_transaction(lambda: acts.renew(member, bronze, order_id=new_id()))] * 2)
    (error,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(error, IntegrityError)
    assert "is not as its history says" in str(error)
    assert MembershipHistory.objects.filter(event="renewed").count() == 1
