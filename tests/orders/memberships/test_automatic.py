"""Upgrades that the shop gives by its own rule: who has bought enough, told by one statement, looked at by staff, and
carried out."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.packages import PackageOffer
from customers.memberships import acts
from customers.memberships.upgrades import abandon_upgrade
from customers.models import UpgradeProcess
from kit import clock
from orders.memberships import automatic
from orders.memberships.volume import read_rules
from payments import queries
from tests.members import DAYS, on_day, open_tiers, standing
from tests.orders.credits.wallet import buy_credit
from tests.orders.invoices.test_issuing import pay
from tests.orders.memberships.buying import bought, on, place_in_tree
from tests.shop import Shop, Shopper, place, sign_up

Tiers = tuple[PackageOffer, PackageOffer, PackageOffer]


@pytest.fixture
def tiers(ada: Shopper, shop: Shop, settings: Any) -> Tiers:
    """Ada is a member of the lowest tier and has bought for 61.00 USD in all; silver is for 60."""
    settings.AUTO_UPGRADES = read_rules("20=60 USD, 30=500 USD")
    place_in_tree(ada)
    tiers = open_tiers()
    bought(ada, (tiers[0], 1))
    pay(place(ada, shop.cash, (shop.cable, 1)))
    return tiers


def run(day: float) -> list[str]:
    """What the job does on a day."""
    with on(day):
        now = clock.now()
        return [outcome.value for outcome in (*automatic.carry_out_all(now), *automatic.begin_all(now))]


def test_who_has_bought_enough_is_upgraded_after_a_while(ada: Shopper, tiers: Tiers) -> None:
    assert run(1) == ["begun"]
    process = UpgradeProcess.objects.get()
    assert (process.kind, process.state, process.tier) == ("automatic", "in_progress", 20)
    assert process.reason.startswith("Bought for 6")
    assert run(1.01) == []
    assert run(2) == ["finished"]
    assert standing(ada.customer.pk) == [(10, "replaced", DAYS), (20, "active", DAYS)]
    assert run(2.1) == []


def test_what_it_leaves_of_a_paid_period_is_credited_too(ada: Shopper, tiers: Tiers, settings: Any) -> None:
    settings.MEMBERSHIP_REMAINDER = "pro_rata"
    run(9)
    run(10)
    assert queries.credit_minor(ada.customer.pk, "USD") == 4_900 * 20 // 30


def test_who_has_bought_too_little_or_too_long_ago_is_not(
    ada: Shopper, bob: Shopper, tiers: Tiers, settings: Any
) -> None:
    settings.AUTO_UPGRADE_PERIOD = timedelta(days=5)
    assert run(6) == []
    settings.AUTO_UPGRADES = read_rules("20=600 USD,30=600 USD")
    assert run(1) == []
    settings.AUTO_UPGRADES = ()
    assert run(1) == []


def test_credit_counts_when_it_is_spent_and_not_when_it_is_bought(
    ada: Shopper, shop: Shop, tiers: Tiers, settings: Any
) -> None:
    settings.AUTO_UPGRADES = read_rules("20=75 USD")
    buy_credit(ada, shop.standard, 6_000)
    assert run(1) == []
    assert place(ada, shop.cash, (shop.cable, 1), use_credits=True).total_minor == 0
    assert run(1) == ["begun"]


def test_one_that_staff_have_ended_is_not_begun_again_in_the_period(ada: Shopper, tiers: Tiers) -> None:
    run(1)
    with on_day(1.01):
        abandon_upgrade(UpgradeProcess.objects.get().pk, reason="No")
    assert run(2) == []
    assert standing(ada.customer.pk) == [(10, "active", DAYS)]


def test_one_that_is_no_upgrade_any_more_is_abandoned(ada: Shopper, tiers: Tiers) -> None:
    run(1)
    with on_day(1.01):
        acts.upgrade(ada.customer.pk, tiers[1])
    assert run(2) == ["abandoned"]


def test_many_are_found_by_one_statement(ada: Shopper, tiers: Tiers) -> None:
    others = [sign_up(f"member{number}@example.com") for number in range(3)]
    place_in_tree(*others)
    for other in others:
        bought(other, (tiers[0], 2))
    with on(1), CaptureQueriesContext(connection) as captured:
        found = automatic.find_qualified(clock.now())
    assert {one.customer_id for one in found} == {one.customer.pk for one in (ada, *others)}
    assert len(captured) == 1


def test_the_command_says_who_would_be_and_does_it(ada: Shopper, tiers: Tiers) -> None:
    out = StringIO()
    call_command("upgrade_members", "--dry-run", "--json", stdout=out)
    assert [row["tier"] for row in json.loads(out.getvalue())["members"]] == [20]
    assert not UpgradeProcess.objects.exists()
    out = StringIO()
    call_command("upgrade_members", "--json", stdout=out)
    assert json.loads(out.getvalue())["begun"] == 1


@pytest.mark.parametrize("text", ["20", "20=x USD", "20=10 XXQ", "0=10 USD", "20=0 USD", "20=1 USD,20=2 USD"])
def test_a_rule_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="AUTO_UPGRADES"):
        read_rules(text)
