"""What the database holds of entries in events, and what the books notice when somebody gets around it."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, connection

from catalog.models import Stock
from customers.models import EventProfile
from orders.books.entries import ENTRIES
from orders.checks import OrderRefused
from orders.models import Order
from tests.concurrency.racing import outcome, together
from tests.events import add_event, add_profile, enter_for_cash
from tests.orders.test_books import lie
from tests.shop import Shopper, sign_up, written

STANDS, PAID_FOR, PAYS = (name for name, _ in ENTRIES)


@pytest.fixture
def profile(db: None, ada: Shopper) -> EventProfile:
    """An entry that is paid for."""
    profile = add_profile(ada, add_event())
    enter_for_cash(profile)
    profile.refresh_from_db()
    return profile


@pytest.mark.parametrize(
    ("statement", "noticed"),
    [
        ("UPDATE customers_eventprofile SET entered_by = NULL, entered_at = NULL", {STANDS}),
        ("UPDATE orders_entryorder SET ended_at = now()", {STANDS}),
        ("UPDATE orders_order SET status = 'refunded'", {STANDS}),
        ("UPDATE customers_eventprofile SET entered_by = gen_random_uuid()", {STANDS, PAID_FOR}),
        ("DELETE FROM orders_entryorder", {PAID_FOR, PAYS}),
        ("UPDATE orders_order SET order_type = 'purchase'", {PAYS}),
    ],
)
def test_each_lie_is_noticed(profile: EventProfile, statement: str, noticed: set[str]) -> None:
    assert lie("SELECT 1") == set()
    assert lie(statement) >= noticed


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM orders_entryorder",
        "UPDATE orders_entryorder SET profile_id = gen_random_uuid()",
        "UPDATE customers_eventprofile SET entered_at = NULL",
        "UPDATE orders_order SET order_type = 'purchase'",
        "UPDATE catalog_event SET slug = '2020'",
        "UPDATE catalog_event SET closes_at = opens_at",
    ],
)
def test_the_database_refuses(profile: EventProfile, attack: str) -> None:
    before = written()
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(attack)
    assert written() == before


def _race(profile: EventProfile, times: int) -> tuple[int, int]:
    """How many of so many orders for one profile at once were placed, and how many were refused by the database."""
    results = together([outcome(partial(enter_for_cash, profile))] * times)
    placed = [result for result in results if isinstance(result, Order)]
    return len(placed), sum(isinstance(result, IntegrityError) for result in results)


def test_a_profile_has_one_live_order_whatever_runs_at_once(db: None, ada: Shopper) -> None:
    event = add_event()
    for _ in range(5):
        assert _race(add_profile(ada, event), 4) == (1, 3)
    assert Stock.objects.get().reserved == 5


def test_without_the_index_a_profile_would_pay_twice(db: None, ada: Shopper) -> None:
    """The negative control of the test above."""
    event = add_event()
    profile = add_profile(ada, event)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_order_per_profile")
        try:
            placed, _ = _race(profile, 4)
            assert placed > 1
            # The books are made whole again before the index is.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "DELETE FROM orders_entryorder e WHERE e.order_id <> "
                "(SELECT entered_by FROM customers_eventprofile WHERE id = e.profile_id)"
            )
            cursor.execute(
                "UPDATE orders_order SET order_type = 'purchase' WHERE id NOT IN "
                "(SELECT order_id FROM orders_entryorder)"
            )
            cursor.execute("RESET session_replication_role")
        finally:
            cursor.execute(
                "CREATE UNIQUE INDEX one_live_order_per_profile ON orders_entryorder (profile_id) "
                "WHERE ended_at IS NULL"
            )


def test_no_more_enter_than_there_are_places(db: None) -> None:
    event = add_event(places=3)
    profiles = [add_profile(sign_up(f"runner{number}@example.com"), event) for number in range(8)]
    results = together([outcome(partial(enter_for_cash, profile)) for profile in profiles])
    assert sum(isinstance(result, Order) for result in results) == 3
    assert sum(isinstance(result, OrderRefused) for result in results) == 5
    assert EventProfile.objects.filter(entered_by__isnull=False).count() == 3
