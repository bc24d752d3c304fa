"""Each invariant of people finds what it is for."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from customers.books import INVARIANTS
from customers.genealogy.placing import move, place
from customers.memberships import acts, upgrades
from customers.memberships.reversing import reverse
from customers.models import User
from kit.ids import new_id
from tests.customers.test_genealogy import join
from tests.members import on_day, open_tiers

pytestmark = pytest.mark.without_orders

PLACES, MOVES = "customers_placement", "customers_placementmove"
MEMBERS, HISTORY, UPGRADES = "customers_membership", "customers_membershiphistory", "customers_upgradeprocess"
# What is broken, around all guards, and the invariants that must notice it.
LIES: dict[str, tuple[str, ...]] = {
    f"UPDATE {PLACES} p SET sponsor_id = c.customer_id FROM {PLACES} c "
    "WHERE c.sponsor_id = p.customer_id AND p.sponsor_id IS NOT NULL": (
        "the genealogy is a tree: everybody placed stands below the top on some level, and nobody below themselves",
    ),
    f"UPDATE {PLACES} SET sponsor_id = gen_random_uuid() WHERE sponsor_id IS NOT NULL": (
        "the genealogy is a tree: everybody placed stands below the top on some level, and nobody below themselves",
        "a sponsor is the one of the last move, and every move begins where the one before ended",
    ),
    "DELETE FROM customers_waiting": ("a customer either waits or is placed",),
    f"INSERT INTO customers_waiting (customer_id) SELECT customer_id FROM {PLACES}": (
        "a customer either waits or is placed",
    ),
    f"UPDATE {PLACES} SET sponsor_id = NULL": (
        "a sponsor is the one of the last move, and every move begins where the one before ended",
    ),
    f"DELETE FROM {MOVES} WHERE id = (SELECT min(id) + 1 FROM {MOVES})": (
        "a sponsor is the one of the last move, and every move begins where the one before ended",
    ),
    f"UPDATE {MOVES} SET from_sponsor_id = to_sponsor_id": (
        "a sponsor is the one of the last move, and every move begins where the one before ended",
    ),
    f"DROP INDEX membership_one_active_per_customer; UPDATE {MEMBERS} SET state = 'active', ended_at = NULL": (
        "a customer has at most one active membership",
    ),
    f"UPDATE {MEMBERS} SET starts_at = '2020-01-01', ends_at = '2020-02-01'": (
        "no membership is active an hour after its end",
    ),
    f"UPDATE {MEMBERS} SET ends_at = ends_at + interval '1 day'": (
        "a membership stands as its history says, and ends as many days after its beginning as it was given",
    ),
    f"UPDATE {MEMBERS} SET starts_at = starts_at - interval '1 day'": (
        "a membership stands as its history says, and ends as many days after its beginning as it was given",
    ),
    f"DELETE FROM {HISTORY}": (
        "a membership stands as its history says, and ends as many days after its beginning as it was given",
    ),
    f"UPDATE {HISTORY} SET ends_from = ends_from + interval '1 day'": (
        "each line of a membership's history begins where the one before ended, and moves the end by its days",
    ),
    f"UPDATE {HISTORY} SET order_id = gen_random_uuid() WHERE event = 'reversed'": (
        "what is undone was given by the same order, to the same membership, for as long",
    ),
    f"UPDATE {MEMBERS} SET replaces_id = NULL": (
        "a membership that is replaced was replaced by another of the same customer, of a higher tier",
    ),
    f"UPDATE {MEMBERS} SET tier = 1 WHERE replaces_id IS NOT NULL": (
        "a membership that is replaced was replaced by another of the same customer, of a higher tier",
        "an upgrade that is finished has given what it promised, and no other has given anything",
    ),
    f"UPDATE {UPGRADES} SET state = 'abandoned'": (
        "an upgrade that is finished has given what it promised, and no other has given anything",
    ),
    f"UPDATE {HISTORY} SET upgrade_id = NULL": (
        "an upgrade that is finished has given what it promised, and no other has given anything",
    ),
}


@pytest.fixture
def people(db: None) -> None:
    """A tree with moves in it, a member who was upgraded twice, and an order that was undone."""
    people = join("ann", "bob", "cy", "dee")
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    place(people["ann"].pk, sponsor_id=None, by_id=None)
    for name in ("bob", "cy"):
        place(people[name].pk, sponsor_id=people["ann"].pk, by_id=None)
    for sponsor in ("bob", "ann", "bob"):
        move(people["cy"].pk, sponsor_id=people[sponsor].pk, reason="why not", by_id=clerk.pk)
    bronze, silver, gold = open_tiers()
    ann, undone = people["ann"].pk, new_id()
    with on_day(0):
        acts.begin(ann, bronze, order_id=new_id())
        acts.renew(ann, bronze, order_id=undone)
    with on_day(0):
        upgrades.finish_upgrade(upgrades.begin_upgrade(ann, silver, order_id=new_id()).pk)
        acts.upgrade(ann, gold, order_id=new_id())
        reverse(undone)


def lie(statement: str) -> set[str]:
    """The invariants that do not hold after a statement, which is then taken back."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = replica; {statement}")
        found = set()
        for name, question in INVARIANTS:
            cursor.execute(question)
            if cursor.fetchall():
                found.add(name)
        transaction.set_rollback(True)
        return found


@pytest.mark.parametrize(("statement", "noticed"), LIES.items(), ids=[key[:60] for key in LIES])
def test_each_lie_is_noticed(people: None, statement: str, noticed: tuple[str, ...]) -> None:
    assert lie("SELECT 1") == set()
    assert lie(statement) >= set(noticed)


def test_every_invariant_is_broken_by_some_lie() -> None:
    assert {name for name, _ in INVARIANTS} == {name for noticed in LIES.values() for name in noticed}
