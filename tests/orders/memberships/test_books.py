"""The books find every lie about packages, their orders and what these gave."""

from __future__ import annotations

import pytest

from orders.books.memberships import MEMBERSHIPS
from orders.models import OrderType
from tests.members import open_tiers
from tests.orders.memberships.buying import bought, ordered, place_in_tree
from tests.orders.test_books import lie
from tests.shop import Shopper

_SAYS, _STATUS, _GIVEN, _KNOWN, _PROGRESS, _CREDIT = (name for name, _ in MEMBERSHIPS)

LIES: dict[str, str] = {
    "DELETE FROM orders_packageorder": _SAYS,
    "UPDATE orders_packageorder SET extra_minor = 1": _SAYS,
    "UPDATE orders_packageorder SET outcome = 'waiting'": _STATUS,
    "UPDATE orders_packageorder SET outcome = 'given'": _GIVEN,
    "UPDATE orders_packageorder SET outcome = 'credited' WHERE outcome = 'given'": _GIVEN,
    "UPDATE orders_packageorder SET validity_days = 31": _GIVEN,
    "UPDATE customers_membershiphistory SET order_id = gen_random_uuid()": _KNOWN,
    "UPDATE customers_upgradeprocess SET order_id = gen_random_uuid()": _KNOWN,
    "UPDATE customers_upgradeprocess SET state = 'abandoned', ended_at = now()": _PROGRESS,
    "UPDATE orders_packageorder SET credit_minor = 1": _CREDIT,
    "UPDATE orders_packageorder SET remainder_minor = 1": _CREDIT,
}


@pytest.mark.parametrize(("statement", "noticed"), LIES.items(), ids=list(LIES))
def test_each_lie_is_noticed(ada: Shopper, statement: str, noticed: str) -> None:
    """Of a member with an upgrade that is not paid yet."""
    place_in_tree(ada)
    bronze, silver, _ = open_tiers()
    bought(ada, (bronze, 1))
    ordered(ada, silver, OrderType.UPGRADE)
    assert lie("SELECT 1") == set()
    assert noticed in lie(statement)


def test_every_question_is_lied_to() -> None:
    assert {name for name, _ in MEMBERSHIPS} == set(LIES.values())
