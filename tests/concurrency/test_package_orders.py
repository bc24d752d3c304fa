"""Of two upgrades or renewals that are ordered at once, one is placed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from catalog.packages import PackageOffer
from customers.models import UpgradeProcess
from orders import placement
from orders.memberships import judging, ordering
from orders.memberships.ordering import PackageRefused, order_package
from orders.models import Order, OrderType
from orders.placement import PlacedOrder
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, outcome, together
from tests.members import open_tiers, standing
from tests.orders.invoices.test_issuing import pay
from tests.orders.memberships.buying import bought, ordered, place_in_tree, wish
from tests.shop import Shopper

CROWD = 4
Act = Callable[[], PlacedOrder | Exception]


@pytest.fixture
def tiers(ada: Shopper, settings: Any) -> tuple[PackageOffer, PackageOffer, PackageOffer]:
    """Ada is a member of the lowest tier, which can be renewed at any time."""
    settings.MEMBERSHIP_RENEWAL_DAYS = 3_660
    place_in_tree(ada)
    tiers = open_tiers()
    bought(ada, (tiers[0], 1))
    return tiers


def ordering_of(ada: Shopper, package: PackageOffer, order_type: OrderType) -> Act:
    return outcome(lambda: order_package(wish(ada, (package, 1), order_type=order_type)))


@pytest.mark.parametrize(
    ("tier", "order_type", "code"),
    [(1, OrderType.UPGRADE, "upgrade_in_progress"), (0, OrderType.RENEWAL, "previous_purchase_unpaid")],
)
def test_one_of_many_at_once_is_placed(
    ada: Shopper, tiers: tuple[PackageOffer, ...], tier: int, order_type: OrderType, code: str
) -> None:
    with no_deadlocks():
        answers = together([ordering_of(ada, tiers[tier], order_type)] * CROWD)
    refusals = [answer for answer in answers if isinstance(answer, PackageRefused)]
    assert [len(refusals), {refusal.first.code for refusal in refusals}] == [CROWD - 1, {code}]
    assert Order.objects.filter(order_type=order_type).count() == 1
    assert UpgradeProcess.objects.count() == (order_type == OrderType.UPGRADE)


def test_an_upgrade_that_is_paid_while_another_is_ordered_never_waits_in_a_circle(
    ada: Shopper, tiers: tuple[PackageOffer, ...], settings: Any
) -> None:
    settings.MEMBERSHIP_REMAINDER = "pro_rata"
    first = ordered(ada, tiers[1], OrderType.UPGRADE)
    with no_deadlocks():
        answers = together([outcome(lambda: pay(first)), ordering_of(ada, tiers[2], OrderType.UPGRADE)])
    assert isinstance(answers[0], Order)
    assert isinstance(answers[1], PlacedOrder | PackageRefused)
    assert standing(ada.customer.pk)[1][:2] == (20, "active")


def test_of_an_upgrade_and_a_renewal_at_once_one_is_placed(ada: Shopper, tiers: tuple[PackageOffer, ...]) -> None:
    with no_deadlocks():
        answers = together(
            [ordering_of(ada, tiers[1], OrderType.UPGRADE), ordering_of(ada, tiers[0], OrderType.RENEWAL)]
        )
    assert sorted(type(answer).__name__ for answer in answers) == ["PackageRefused", "PlacedOrder"]
    assert Order.objects.exclude(order_type=OrderType.PURCHASE).count() == 1


def test_without_the_lock_an_upgrade_and_a_renewal_are_placed_at_once(
    ada: Shopper, tiers: tuple[PackageOffer, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody_has_looked = threading.Barrier(2)
    real = judging.judge

    def look(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        if "besides" in named:
            everybody_has_looked.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(placement, "lock_customer", lambda customer_id: None)
    monkeypatch.setattr(ordering, "judge", look)
    together([ordering_of(ada, tiers[1], OrderType.UPGRADE), ordering_of(ada, tiers[0], OrderType.RENEWAL)])
    assert Order.objects.exclude(order_type=OrderType.PURCHASE).count() == 2
