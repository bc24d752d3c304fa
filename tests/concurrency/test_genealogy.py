"""Two moves that are right alone and close a circle together: one of them is refused, at any isolation level."""

from __future__ import annotations

import importlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from customers.genealogy import tree
from customers.genealogy.placing import PlacementRefused, move, place
from customers.models import Placement, PlacementMove, User, Waiting
from tests import shop as shops
from tests.concurrency.racing import (
    PATIENCE_S,
    no_deadlocks,
    outcome,
    together,
    wait_until_somebody_waits_for_a_lock,
)

type Ids = tuple[uuid.UUID, uuid.UUID]

_MOVE = "UPDATE {table} SET sponsor_id = %s WHERE customer_id = %s"
_WRITE_DOWN = """
INSERT INTO customers_placementmove (placement_id, to_sponsor_id, reason, moved_by_id) VALUES (%s, %s, 'a race', %s)
"""


@pytest.fixture
def clerk(db: None) -> User:
    """Who moves people."""
    return shops.hire()


@pytest.fixture
def pair(db: None) -> Ids:
    """Two at the top, side by side."""
    ids = shops.sign_up("a@example.com").customer.pk, shops.sign_up("b@example.com").customer.pk
    for customer_id in ids:
        place(customer_id, sponsor_id=None, by_id=None)
    return ids


def by_hand(who: uuid.UUID, sponsor: uuid.UUID, clerk: User) -> None:
    """A move as somebody makes it who knows nothing of our acts."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_DOWN, [who, sponsor, clerk.pk])
        cursor.execute(_MOVE.format(table="customers_placement"), [sponsor, who])


def first_then(first: Callable[[], None], second: Callable[[], None], isolation: str) -> list[Exception | None]:
    """The second begins before the first has ended, and sees nothing of it; the first ends once the second waits."""
    is_done, has_looked = threading.Event(), threading.Event()

    def lead() -> None:
        has_looked.wait(PATIENCE_S)
        with transaction.atomic():
            first()
            is_done.set()
            wait_until_somebody_waits_for_a_lock()

    def follow() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
                cursor.execute("SELECT count(*) FROM customers_placement")
            has_looked.set()
            is_done.wait(PATIENCE_S)
            second()

    return together([outcome(lead), outcome(follow)])


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_two_moves_by_hand_that_close_a_circle_together_are_one(pair: Ids, clerk: User, isolation: str) -> None:
    a, b = pair
    with no_deadlocks():
        done, refusal = first_then(lambda: by_hand(a, b, clerk), lambda: by_hand(b, a, clerk), isolation)
    assert done is None
    if isolation == "READ COMMITTED":
        assert isinstance(refusal, IntegrityError)
        assert "would stand below itself" in str(refusal)
    else:
        assert isinstance(refusal, OperationalError)
        assert isinstance(refusal.__cause__, psycopg.errors.SerializationFailure)
    assert dict(Placement.objects.values_list("pk", "sponsor_id")) == {a: b, b: None}
    assert PlacementMove.objects.count() == 1


def test_two_acts_that_close_a_circle_together_are_one(pair: Ids, clerk: User) -> None:
    a, b = pair
    acts = [
        lambda who=who, sponsor=sponsor: move(who, sponsor_id=sponsor, reason="a race", by_id=clerk.pk)
        for who, sponsor in ((a, b), (b, a))
    ]
    for _ in range(10):
        with no_deadlocks():
            answers = together([outcome(act) for act in acts])
        (refusal,) = [answer for answer in answers if isinstance(answer, Exception)]
        assert isinstance(refusal, PlacementRefused)
        assert refusal.first.code == "below_itself"
        assert tree.is_below(a, b) is not tree.is_below(b, a)
        below = a if tree.is_below(a, b) else b
        move(below, sponsor_id=None, reason="once more", by_id=clerk.pk)


def test_many_moves_at_once_leave_a_tree(db: None, clerk: User) -> None:
    """Everybody comes below everybody else, from four sides; the books judge what is left."""
    ids = [shops.sign_up(f"c{number}@example.com").customer.pk for number in range(6)]
    for customer_id in ids:
        place(customer_id, sponsor_id=None, by_id=None)

    def mover(step: int) -> Callable[[], int]:
        def act() -> int:
            done = 0
            for number in range(12):
                who, sponsor = ids[number % 6], ids[(number + step) % 6]
                try:
                    move(who, sponsor_id=sponsor, reason="a race", by_id=clerk.pk)
                    done += 1
                except PlacementRefused as refusal:
                    if refusal.first.code not in ("below_itself", "not_moved"):
                        raise
            return done

        return act

    with no_deadlocks():
        moved = together([mover(step) for step in (1, 2, 3, 5)])
    assert sum(moved) == PlacementMove.objects.count() > 0
    assert all(len(tree.path_to_root(customer_id, most=50)) < 6 for customer_id in ids)


def test_somebody_placed_below_a_branch_that_moves_goes_along(pair: Ids, clerk: User) -> None:
    a, b = pair
    newcomer = shops.sign_up("c@example.com").customer.pk
    both = [
        outcome(lambda: move(b, sponsor_id=a, reason="a race", by_id=clerk.pk)),
        outcome(lambda: place(newcomer, sponsor_id=b, by_id=None)),
    ]
    with no_deadlocks():
        answers = together(both)
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert tree.is_below(newcomer, a)


def test_two_who_place_the_same_customer_place_them_once(pair: Ids) -> None:
    newcomer = shops.sign_up("c@example.com").customer.pk
    same = together([outcome(lambda: place(newcomer, sponsor_id=pair[0], by_id=None))] * 4)
    assert {getattr(answer, "sponsor_id", answer) for answer in same} == {pair[0]}
    another = shops.sign_up("d@example.com").customer.pk
    acts = [lambda sponsor=sponsor: place(another, sponsor_id=sponsor, by_id=None) for sponsor in pair]
    (refusal,) = [answer for answer in together([outcome(act) for act in acts]) if isinstance(answer, Exception)]
    assert isinstance(refusal, PlacementRefused)
    assert refusal.first.code == "already_placed"
    assert not Waiting.objects.exists()


# --- what would happen without ---------------------------------------------------------------------------------------


@contextmanager
def a_table_without_the_lock(ids: Ids) -> Iterator[str]:
    """A table with the guard's own function, but for what makes moves wait for each other."""
    guard = importlib.import_module("customers.migrations.0005_guards").STANDS_BELOW_NOBODY_BELOW
    body = guard.replace("customers_keep_the_tree", "race_control_keep").replace("customers_placement", "race_control")
    lock = body[body.index("    INSERT INTO customers_genealogy") : body.index("    WHILE above")]
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE race_control (customer_id uuid PRIMARY KEY, sponsor_id uuid)")
        cursor.execute("INSERT INTO race_control VALUES (%s, NULL), (%s, NULL)", list(ids))
        cursor.execute(body.replace(lock, ""))
        cursor.execute(
            "CREATE TRIGGER race_control_moves BEFORE UPDATE OF sponsor_id ON race_control "
            "FOR EACH ROW EXECUTE FUNCTION race_control_keep()"
        )
    try:
        yield "race_control"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE race_control; DROP FUNCTION race_control_keep()")


def test_without_the_lock_two_moves_that_are_right_alone_close_a_circle(pair: Ids) -> None:
    a, b = pair
    both_have_moved = threading.Barrier(2)
    with a_table_without_the_lock(pair) as table:

        def mover(who: uuid.UUID, sponsor: uuid.UUID) -> Callable[[], None]:
            def act() -> None:
                with transaction.atomic():
                    with connection.cursor() as cursor:
                        cursor.execute(_MOVE.format(table=table), [sponsor, who])
                    both_have_moved.wait(PATIENCE_S)

            return act

        together([mover(a, b), mover(b, a)])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT customer_id, sponsor_id FROM {table}")
            assert dict(cursor.fetchall()) == {a: b, b: a}
            # Alone, the same function refuses it.
            cursor.execute(f"UPDATE {table} SET sponsor_id = NULL WHERE customer_id = %s", [b])
            with pytest.raises(IntegrityError, match="would stand below itself"):
                cursor.execute(_MOVE.format(table=table), [a, b])
