"""Memberships: beginning, renewing, upgrading, ending; each once for an order, and never two at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.packages import PackageOffer
from customers.memberships import acts, expiry, upgrades
from customers.memberships.acts import Left, MembershipRefused, membership_of
from customers.models import (
    Customer,
    Membership,
    MembershipHistory,
    MembershipNotice,
    MembershipState,
    UpgradeProcess,
    User,
)
from kit import clock
from kit.errors import NotFound
from kit.ids import new_id
from tests.customers.test_genealogy import join
from tests.members import DAYS, on_day, open_tiers, standing, story
from tests.shop import written

pytestmark = pytest.mark.without_orders

Tiers = tuple[PackageOffer, PackageOffer, PackageOffer]
DAY = timedelta(days=1)


@pytest.fixture
def tiers(db: None) -> Tiers:
    """Three packages of thirty days."""
    return open_tiers()


@pytest.fixture
def ann(db: None) -> Customer:
    """Who may become a member."""
    return join("ann")["ann"]


def refused(code: str) -> Any:
    """A refusal for that reason."""
    return pytest.raises(MembershipRefused, match=f"^{code}$")


# --- beginning and renewing -----------------------------------------------------------------------------------------


def test_a_member_is_one_for_the_days_of_the_package(ann: Customer, tiers: Tiers) -> None:
    order = new_id()
    with on_day(0):
        granted = acts.begin(ann.pk, tiers[0], order_id=order, by_id=ann.user_id)
    assert (granted.changed, granted.left) == (True, ())
    membership = membership_of(ann.pk)
    assert membership == granted.membership
    assert membership is not None
    assert membership.product.title == "Bronze Package"
    assert membership.ends_at - membership.starts_at == DAYS * DAY
    assert standing(ann.pk) == [(10, "active", DAYS)]
    (row,) = MembershipHistory.objects.all()
    assert (row.event, row.order_id, row.actor_id, row.ends_from, row.ends_to, row.days) == (
        "begun",
        order,
        ann.user_id,
        None,
        membership.ends_at,
        DAYS,
    )


def test_a_renewal_is_added_behind_the_end(ann: Customer, tiers: Tiers) -> None:
    with on_day(0):
        begun = acts.begin(ann.pk, tiers[0]).membership
    with on_day(12):
        renewed = acts.renew(ann.pk, tiers[0], order_id=new_id()).membership
    assert renewed == begun
    assert renewed.ends_at == begun.ends_at + DAYS * DAY
    assert standing(ann.pk) == [(10, "active", 2 * DAYS)]
    assert story(ann.pk) == [(10, "begun", DAYS), (10, "renewed", DAYS)]


def test_a_renewal_after_the_end_begins_at_once_whether_or_not_the_job_was_there(ann: Customer, tiers: Tiers) -> None:
    other = join("bob")["bob"]
    for customer in (ann, other):
        with on_day(0):
            acts.begin(customer.pk, tiers[0])
    with on_day(35):
        acts.expire(Membership.objects.get(customer=other).pk)
    with on_day(40):
        for customer in (ann, other):
            granted = acts.renew(customer.pk, tiers[0], order_id=new_id())
            assert granted.membership.ends_at - clock.now() > (DAYS - 1) * DAY
    assert standing(ann.pk) == standing(other.pk) == [(10, "expired", DAYS), (10, "active", DAYS)]
    assert story(ann.pk) == story(other.pk) == [(10, "begun", DAYS), (10, "expired", 0), (10, "begun", DAYS)]
    assert membership_of(ann.pk) is not None


def test_somebody_whose_time_is_over_is_no_member_even_before_the_job_comes(ann: Customer, tiers: Tiers) -> None:
    with on_day(0):
        acts.begin(ann.pk, tiers[0])
    with clock.turned(DAYS * DAY - timedelta(minutes=1)):
        assert membership_of(ann.pk) is not None
    with clock.turned(DAYS * DAY + timedelta(minutes=1)):
        assert membership_of(ann.pk) is None
    assert membership_of(uuid.uuid4()) is None


# --- upgrading ------------------------------------------------------------------------------------------------------


def test_an_upgrade_takes_effect_at_once_and_tells_what_was_left(ann: Customer, tiers: Tiers) -> None:
    first, second, third = new_id(), new_id(), new_id()
    with on_day(0):
        begun = acts.begin(ann.pk, tiers[0], order_id=first).membership
    with on_day(5):
        acts.renew(ann.pk, tiers[0], order_id=second)
    with on_day(10):
        granted = acts.upgrade(ann.pk, tiers[2], order_id=third)
    used = granted.membership.starts_at - begun.starts_at
    assert [10 * DAY < used < 10 * DAY + timedelta(minutes=5), granted.membership.replaces] == [True, begun]
    assert granted.left == [Left(first, 30 * DAY, granted.left[0].left), Left(second, 30 * DAY, 30 * DAY)]
    assert abs(granted.left[0].left - (30 * DAY - used)) < timedelta(seconds=5)
    assert standing(ann.pk) == [(10, "replaced", 2 * DAYS), (30, "active", DAYS)]
    assert story(ann.pk)[2:] == [(10, "replaced", 0), (30, "upgraded", DAYS)]
    assert set(MembershipHistory.objects.filter(order_id=third).values_list("event", flat=True)) == {
        "replaced",
        "upgraded",
    }


def test_an_upgrade_of_somebody_whose_time_is_over_is_a_beginning(ann: Customer, tiers: Tiers) -> None:
    with on_day(0):
        acts.begin(ann.pk, tiers[0])
    with on_day(31):
        granted = acts.upgrade(ann.pk, tiers[1], order_id=new_id())
    assert (granted.left, granted.membership.replaces) == ([], None)
    assert standing(ann.pk) == [(10, "expired", DAYS), (20, "active", DAYS)]


# --- refusals, and again --------------------------------------------------------------------------------------------


def test_what_the_membership_does_not_allow_is_refused(ann: Customer, tiers: Tiers) -> None:
    bronze, silver, gold = tiers
    with on_day(0):
        acts.begin(ann.pk, silver)
    before = written()
    for act, package, code in (
        (acts.begin, silver, "already_a_member"),
        (acts.begin, gold, "already_a_member"),
        (acts.renew, bronze, "another_package"),
        (acts.renew, gold, "another_package"),
        (acts.upgrade, silver, "tier_not_higher"),
        (acts.upgrade, bronze, "tier_not_higher"),
    ):
        with refused(code), transaction.atomic():
            act(ann.pk, package, order_id=new_id())
    assert written() == before
    with pytest.raises(NotFound), transaction.atomic():
        acts.begin(uuid.uuid4(), bronze)


def test_an_act_outside_a_transaction_is_a_bug(ann: Customer, tiers: Tiers) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        acts.begin(ann.pk, tiers[0])


Act = Callable[[uuid.UUID, PackageOffer, uuid.UUID], acts.Granted]


@pytest.mark.parametrize(
    ("act", "package"),
    [
        (lambda who, package, order: acts.begin(who, package, order_id=order), 0),
        (lambda who, package, order: acts.renew(who, package, order_id=order), 0),
        (lambda who, package, order: acts.upgrade(who, package, order_id=order), 1),
    ],
    ids=["begin", "renew", "upgrade"],
)
def test_an_order_has_its_effect_once(ann: Customer, tiers: Tiers, act: Act, package: int, request: Any) -> None:
    if "begin" not in request.node.callspec.id:
        with on_day(0):
            acts.begin(ann.pk, tiers[0])
    order = new_id()
    with on_day(1):
        first = act(ann.pk, tiers[package], order)
    before, stood = written(), standing(ann.pk)
    for day in (1, 2, 300):
        with on_day(day):
            again = act(ann.pk, tiers[package], order)
        assert (again.changed, again.left, again.membership) == (False, (), first.membership)
    assert (written(), standing(ann.pk)) == (before, stood)


# --- upgrades on their way ------------------------------------------------------------------------------------------


@pytest.fixture
def member(ann: Customer, tiers: Tiers) -> Customer:
    """A member of the lowest tier."""
    with on_day(0):
        acts.begin(ann.pk, tiers[0])
    return ann


def test_an_ordered_upgrade_is_in_progress_until_it_is_paid(member: Customer, tiers: Tiers) -> None:
    order = new_id()
    with on_day(1):
        process = upgrades.begin_upgrade(member.pk, tiers[1], order_id=order)
        assert upgrades.begin_upgrade(member.pk, tiers[1], order_id=order) == process
    assert (process.kind, upgrades.upgrade_in_progress(member.pk)) == ("ordered", process)
    assert standing(member.pk) == [(10, "active", DAYS)]
    with on_day(2):
        granted = upgrades.finish_upgrade(process.pk)
    assert [len(granted.left), granted.membership.tier] == [1, 20]
    assert upgrades.upgrade_in_progress(member.pk) is None
    with on_day(3):
        assert upgrades.finish_upgrade(process.pk) == acts.Granted(granted.membership, False)
        assert not upgrades.abandon_upgrade(process.pk, reason="too late")
    assert standing(member.pk) == [(10, "replaced", DAYS), (20, "active", DAYS)]


def test_the_order_of_an_upgrade_finishes_it_by_whichever_door(member: Customer, tiers: Tiers) -> None:
    order = new_id()
    with on_day(1):
        process = upgrades.begin_upgrade(member.pk, tiers[1], order_id=order)
        acts.upgrade(member.pk, tiers[1], order_id=order)
    process.refresh_from_db()
    assert process.state == "finished"


def test_an_automatic_upgrade_has_a_reason_and_no_order(member: Customer, tiers: Tiers) -> None:
    with on_day(1):
        process = upgrades.begin_upgrade(member.pk, tiers[2], reason="5,000 USD within 30 days")
    assert (process.kind, process.order_id, process.reason) == ("automatic", None, "5,000 USD within 30 days")
    with on_day(1):
        upgrades.finish_upgrade(process.pk)
    row = MembershipHistory.objects.get(event="upgraded")
    assert (row.upgrade, row.order_id, row.actor) == (process, None, None)


def test_an_upgrade_that_comes_to_nothing_makes_room_for_another(member: Customer, tiers: Tiers) -> None:
    with on_day(1):
        process = upgrades.begin_upgrade(member.pk, tiers[1], order_id=new_id())
        assert upgrades.abandon_upgrade(process.pk, reason="the order expired")
        assert not upgrades.abandon_upgrade(process.pk, reason="again")
        another = upgrades.begin_upgrade(member.pk, tiers[2])
    process.refresh_from_db()
    assert (process.state, process.reason) == ("abandoned", "the order expired")
    assert upgrades.upgrade_in_progress(member.pk) == another
    # Its money comes late: it was ordered, and it is lower than the other.
    with on_day(2):
        assert upgrades.finish_upgrade(process.pk).changed
    with on_day(3):
        assert upgrades.finish_upgrade(another.pk).membership.tier == 30


@pytest.mark.parametrize("kind", ["ordered", "automatic"])
def test_nobody_has_two_upgrades_in_progress(member: Customer, tiers: Tiers, kind: str) -> None:
    with on_day(1):
        upgrades.begin_upgrade(member.pk, tiers[1], order_id=new_id() if kind == "ordered" else None)
    before = written()
    for order in (new_id(), None):
        with pytest.raises(MembershipRefused) as refusal, on_day(1):
            upgrades.begin_upgrade(member.pk, tiers[2], order_id=order)
        assert (refusal.value.first.code, refusal.value.first.facts) == ("upgrade_in_progress", {"kind": kind})
    assert written() == before


def test_only_members_upgrade_and_only_upwards(member: Customer, tiers: Tiers) -> None:
    nobody = join("bob")["bob"]
    before = written()
    with refused("not_a_member"), on_day(1):
        upgrades.begin_upgrade(nobody.pk, tiers[1])
    with refused("tier_not_higher"), on_day(1):
        upgrades.begin_upgrade(member.pk, tiers[0])
    assert written() == before


# --- the database's own word ----------------------------------------------------------------------------------------

_BEGIN = """
INSERT INTO customers_membership (id, customer_id, product_id, tier, state, starts_at, ends_at, end_set_at)
SELECT gen_random_uuid(), customer_id, product_id, 20, 'active', starts_at, ends_at, end_set_at
FROM customers_membership
"""


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (_BEGIN, "membership_one_active_per_customer"),
        ("UPDATE customers_membership SET ends_at = ends_at + interval '1 year'", "not as its history says"),
        ("UPDATE customers_membership SET state = 'expired', ended_at = now()", "not as its history says"),
        ("UPDATE customers_membership SET state = 'expired'", "membership_has_ended_or_is_active"),
        ("UPDATE customers_membership SET ended_at = now()", "membership_has_ended_or_is_active"),
        ("UPDATE customers_membership SET state = 'frozen', ended_at = now()", "membership_state_known"),
        ("UPDATE customers_membership SET tier = 30", "append-only"),
        ("UPDATE customers_membership SET starts_at = now() - interval '1 year'", "append-only"),
        ("DELETE FROM customers_membership", "append-only"),
        ("UPDATE customers_membershiphistory SET days = 60", "append-only"),
        ("DELETE FROM customers_membershiphistory", "append-only"),
        ("DELETE FROM customers_upgradeprocess", "append-only"),
        ("UPDATE customers_upgradeprocess SET tier = 30", "append-only"),
        ("UPDATE customers_upgradeprocess SET state = 'in_progress', ended_at = NULL", "append-only"),
    ],
)
def test_no_membership_changes_without_a_word(member: Customer, tiers: Tiers, statement: str, why: str) -> None:
    with on_day(0):
        upgrades.finish_upgrade(upgrades.begin_upgrade(member.pk, tiers[1]).pk)
    before = list(Membership.objects.order_by("pk").values()), list(UpgradeProcess.objects.values())
    with pytest.raises(IntegrityError, match=why), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (list(Membership.objects.order_by("pk").values()), list(UpgradeProcess.objects.values())) == before


def test_a_history_without_its_membership_is_refused(member: Customer) -> None:
    made_up = (
        "INSERT INTO customers_membershiphistory (membership_id, event, state, days, ends_from, ends_to, at) "
        "SELECT id, 'renewed', 'active', 30, ends_at, ends_at + interval '30 days', now() FROM customers_membership"
    )
    with pytest.raises(IntegrityError, match="not as its history says"), connection.cursor() as cursor:
        cursor.execute(made_up)
    assert MembershipHistory.objects.count() == 1


def test_who_did_it_and_by_which_order_stands_in_the_history(member: Customer, tiers: Tiers) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    order = new_id()
    with on_day(1):
        acts.renew(member.pk, tiers[0], order_id=order, by_id=clerk.pk)
    row = MembershipHistory.objects.get(event="renewed")
    assert row.ends_from is not None
    assert (row.order_id, row.actor, row.ends_to - row.ends_from) == (order, clerk, DAYS * DAY)


# --- ending ---------------------------------------------------------------------------------------------------------


def test_a_membership_ends_when_its_time_is_over_and_not_before(member: Customer) -> None:
    membership = Membership.objects.get()
    with on_day(DAYS - 0.01):
        assert not acts.expire(membership.pk)
    assert standing(member.pk) == [(10, "active", DAYS)]
    with on_day(DAYS + 3):
        assert acts.expire(membership.pk)
        assert not acts.expire(membership.pk)
    membership.refresh_from_db()
    assert (membership.state, membership.ended_at) == (MembershipState.EXPIRED, membership.ends_at)
    assert MembershipNotice.objects.get().kind == "membership_ended"


def test_one_that_cannot_be_ended_keeps_no_other_waiting(
    member: Customer, tiers: Tiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    for name in ("bob", "cy", "dee"):
        with on_day(0):
            acts.begin(join(name)[name].pk, tiers[0])
    poison = Membership.objects.get(customer__first_name="Bob")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$; "
            "CREATE TRIGGER poison BEFORE UPDATE ON customers_membership FOR EACH ROW "
            f"WHEN (OLD.id = '{poison.pk}') EXECUTE FUNCTION poison()"
        )
    try:
        with clock.turned((DAYS + 1) * DAY):
            assert list(expiry.expire_all(clock.now())) == ["expired", "failed", "expired", "expired"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON customers_membership; DROP FUNCTION poison()")
    with clock.turned((DAYS + 1) * DAY):
        assert list(expiry.expire_all(clock.now())) == ["expired"]
