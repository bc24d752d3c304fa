"""A refunded order has given nothing: its days are off again, whatever came on top, in whatever order it is undone."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as schedules
from hypothesis import strategies as st

from customers.memberships import acts, upgrades
from customers.memberships.acts import MembershipRefused, membership_of
from customers.memberships.reversing import reverse
from customers.models import Customer, Membership, MembershipHistory
from kit import clock
from kit.ids import new_id
from tests import books
from tests.customers.test_genealogy import join
from tests.customers.test_memberships import Tiers
from tests.members import DAYS, on_day, open_tiers, standing, story
from tests.shop import written

pytestmark = pytest.mark.without_orders

Orders = list[uuid.UUID]


@pytest.fixture
def tiers(db: None) -> Tiers:
    """Three packages of thirty days."""
    return open_tiers()


@pytest.fixture
def ann(db: None) -> Customer:
    """Who becomes a member."""
    return join("ann")["ann"]


def orders(count: int) -> Orders:
    """So many ids of orders."""
    return [new_id() for _ in range(count)]


def undo(day: float, order_id: uuid.UUID) -> None:
    """The order is refunded on that day."""
    with on_day(day):
        done = reverse(order_id)
    assert done is not None
    assert done.changed


def test_a_beginning_undone_ends_it_now(ann: Customer, tiers: Tiers) -> None:
    (order,) = orders(1)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=order)
    undo(5, order)
    membership = Membership.objects.get()
    assert membership.ended_at is not None
    assert timedelta(days=5) <= membership.ended_at - membership.starts_at < timedelta(days=5, minutes=1)
    assert standing(ann.pk) == [(10, "reversed", 0)]
    assert story(ann.pk) == [(10, "begun", DAYS), (10, "reversed", -DAYS)]
    with on_day(6):
        assert acts.begin(ann.pk, tiers[0], order_id=new_id()).changed


def test_a_renewal_undone_takes_its_days_off_again(ann: Customer, tiers: Tiers) -> None:
    first, second, third = orders(3)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=first)
    with on_day(1):
        acts.renew(ann.pk, tiers[0], order_id=second)
    with on_day(2):
        acts.renew(ann.pk, tiers[0], order_id=third)
    undo(3, second)
    assert standing(ann.pk) == [(10, "active", 2 * DAYS)]
    # What the first has given is gone, too, and a part of it was used: the third's days stand in for it.
    undo(4, first)
    assert standing(ann.pk) == [(10, "active", DAYS)]
    undo(5, third)
    assert standing(ann.pk) == [(10, "reversed", 0)]


def test_an_upgrade_undone_brings_back_what_it_had_replaced(ann: Customer, tiers: Tiers) -> None:
    first, second = orders(2)
    with on_day(0):
        begun = acts.begin(ann.pk, tiers[0], order_id=first).membership
    with on_day(10):
        acts.upgrade(ann.pk, tiers[1], order_id=second)
    with on_day(20):
        done = reverse(second)
    assert done is not None
    assert (done.membership.tier, done.resumed) == (20, begun)
    assert standing(ann.pk) == [(10, "active", DAYS), (20, "reversed", 0)]
    assert story(ann.pk)[-2:] == [(20, "reversed", -DAYS), (10, "resumed", 0)]
    with clock.turned(timedelta(days=DAYS - 1)):
        found = membership_of(ann.pk)
    assert found is not None
    assert found.ends_at == begun.ends_at


def test_an_upgrade_undone_brings_nothing_back_whose_time_is_over(ann: Customer, tiers: Tiers) -> None:
    first, second = orders(2)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=first)
    with on_day(20):
        acts.upgrade(ann.pk, tiers[1], order_id=second)
    undo(40, second)
    assert standing(ann.pk) == [(10, "replaced", DAYS), (20, "reversed", 0)]


def test_an_upgrade_that_was_renewed_since_goes_on_for_the_renewals_days(ann: Customer, tiers: Tiers) -> None:
    first, extra, second, third = orders(4)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=first)
        acts.renew(ann.pk, tiers[0], order_id=extra)
    with on_day(10):
        acts.upgrade(ann.pk, tiers[1], order_id=second)
    with on_day(12):
        acts.renew(ann.pk, tiers[1], order_id=third)
    undo(15, second)
    assert standing(ann.pk) == [(10, "replaced", 2 * DAYS), (20, "active", DAYS)]
    # On day 40 the renewal is used up; what the upgrade had replaced lasts until day 60.
    with on_day(41):
        assert acts.expire(Membership.objects.get(tier=20).pk)
    assert standing(ann.pk) == [(10, "active", 2 * DAYS), (20, "expired", DAYS)]
    assert story(ann.pk)[-2:] == [(20, "expired", 0), (10, "resumed", 0)]


def test_of_two_upgrades_undone_the_first_membership_comes_back(ann: Customer, tiers: Tiers) -> None:
    for sequence in permutations((1, 2)):
        bought = orders(3)
        customer = join(f"c{sequence[0]}")[f"c{sequence[0]}"]
        with on_day(0):
            acts.begin(customer.pk, tiers[0], order_id=bought[0])
        with on_day(1):
            acts.upgrade(customer.pk, tiers[1], order_id=bought[1])
        with on_day(2):
            acts.upgrade(customer.pk, tiers[2], order_id=bought[2])
        for day, number in enumerate(sequence, start=3):
            undo(day, bought[number])
        states = {tier: state for tier, state, _ in standing(customer.pk)}
        assert states[10] == "active"
        assert "active" not in (states[20], states[30])


def test_what_has_ended_stays_as_it_ended(ann: Customer, tiers: Tiers) -> None:
    (order,) = orders(1)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=order)
    undo(50, order)
    assert standing(ann.pk) == [(10, "expired", 0)]
    assert story(ann.pk) == [(10, "begun", DAYS), (10, "expired", 0), (10, "reversed", -DAYS)]


def test_undoing_it_again_changes_nothing_and_the_order_gives_nothing_any_more(ann: Customer, tiers: Tiers) -> None:
    (order,) = orders(1)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=order)
    undo(5, order)
    before, stood = written(), standing(ann.pk)
    for day in (5, 6, 100):
        with on_day(day):
            again = reverse(order)
            assert again is not None
            assert (again.changed, again.resumed) == (False, None)
            assert not acts.begin(ann.pk, tiers[0], order_id=order).changed
    with on_day(7):
        assert reverse(new_id()) is None
    assert (written(), standing(ann.pk)) == (before, stood)


def test_an_upgrade_by_the_shop_itself_has_no_order_to_be_undone_by(ann: Customer, tiers: Tiers) -> None:
    first, second = orders(2)
    with on_day(0):
        acts.begin(ann.pk, tiers[0], order_id=first)
        upgrades.finish_upgrade(upgrades.begin_upgrade(ann.pk, tiers[1]).pk)
        acts.renew(ann.pk, tiers[1], order_id=second)
    undo(1, second)
    undo(2, first)
    assert standing(ann.pk) == [(10, "replaced", 0), (20, "active", DAYS)]


# --- any order of anything ------------------------------------------------------------------------------------------

BUYS = st.lists(
    st.tuples(st.sampled_from(["begin", "renew", "upgrade"]), st.integers(0, 2), st.integers(1, 25)), max_size=8
)


def buy(customer: Customer, tiers: Tiers, bought: list[tuple[str, int, int]]) -> tuple[Orders, int]:
    """What of it the rules allow, one after the other; the orders, and the day on which the last was paid."""
    given, day = Orders(), 0
    for act, tier, later in bought:
        day += later
        order = new_id()
        try:
            with on_day(day):
                getattr(acts, act)(customer.pk, tiers[tier], order_id=order)
        except MembershipRefused:
            continue
        given.append(order)
    return given, day


def left(customer: Customer, day: float) -> tuple[int, int] | None:
    """The tier and the days left on a day."""
    with on_day(day):
        active = acts.find_active(customer.pk)
        return (active.tier, round((active.ends_at - clock.now()) / timedelta(days=1))) if active else None


@schedules(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bought=BUYS, chosen=st.sets(st.integers(0, 7)), chance=st.randoms(use_true_random=False))
def test_in_whatever_order_refunds_come_the_same_is_left(
    tiers: Tiers, bought: list[tuple[str, int, int]], chosen: set[int], chance: object
) -> None:
    outcomes = []
    for turn in range(2):
        name = f"c{new_id().hex}"
        customer = join(name)[name]
        given, day = buy(customer, tiers, bought)
        refunded = [order for number, order in enumerate(given) if number in chosen]
        if turn:
            chance.shuffle(refunded)  # type: ignore[attr-defined]  # a Random of hypothesis's
        for order in refunded:
            undo(day + 1, order)
        outcomes.append([left(customer, later) for later in (day + 1, day + 20, day + 45, day + 400)])
        kept = MembershipHistory.objects.filter(membership__customer=customer, event="reversed")
        assert kept.count() == len(refunded)
    assert outcomes[0] == outcomes[1]
    books.check(with_orders=False)
