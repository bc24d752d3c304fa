"""Upgrades and renewals from the order to their effect, and back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from catalog.models import Package
from catalog.packages import PackageOffer
from customers.memberships import acts
from customers.memberships.upgrades import begin_upgrade, upgrade_in_progress
from customers.models import UpgradeProcess
from kit import clock
from kit.money import Money
from orders import actors, cancellation
from orders.approval_limits import read_limits
from orders.checks import OrderRefused
from orders.memberships.ordering import PackageRefused, order_package
from orders.models import Order, OrderType, PaymentTerms, RefundKind
from orders.placement import place_order
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from payments import ledger, queries
from payments.ledger import Leg
from payments.models import Account, PaymentRequest, TransferKind
from tests.members import DAYS, on_day, open_tiers, standing, story
from tests.orders.invoices.test_issuing import pay
from tests.orders.memberships.buying import bought, on, ordered, outcome, place_in_tree, wish
from tests.payments.reports import payment, report
from tests.shop import Shopper, give_back, written

Tiers = tuple[PackageOffer, PackageOffer, PackageOffer]
UPGRADE, RENEWAL = OrderType.UPGRADE, OrderType.RENEWAL


@pytest.fixture
def tiers(ada: Shopper) -> Tiers:
    """The packages; Ada is placed."""
    place_in_tree(ada)
    return open_tiers()


@pytest.fixture
def member(ada: Shopper, tiers: Tiers) -> Order:
    """Ada has bought the lowest package."""
    return bought(ada, (tiers[0], 1))


def refused(ada: Shopper, package: PackageOffer, order_type: OrderType) -> list[str]:
    """With which codes; nothing was written."""
    before = written()
    with pytest.raises(PackageRefused) as caught:
        order_package(wish(ada, (package, 1), order_type=order_type))
    assert written() == before
    return [fault.code for fault in caught.value.faults]


def credit(ada: Shopper) -> int:
    return queries.credit_minor(ada.customer.pk, "USD")


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_package_that_is_none_for_the_customer_is_refused(ada: Shopper, tiers: Tiers) -> None:
    bronze, silver, gold = tiers
    assert refused(ada, silver, UPGRADE) == ["tier_not_higher"]
    assert refused(ada, bronze, RENEWAL) == ["package_differs"]
    bought(ada, (silver, 1))
    assert refused(ada, silver, UPGRADE) == ["same_package"]
    assert refused(ada, bronze, UPGRADE) == ["tier_not_higher"]
    assert refused(ada, gold, RENEWAL) == ["package_differs"]


def test_a_renewal_is_taken_from_thirty_days_before_the_end(ada: Shopper, tiers: Tiers, settings: Any) -> None:
    settings.MEMBERSHIP_RENEWAL_DAYS = 10
    bought(ada, (tiers[0], 1))
    with on(19.9):
        assert refused(ada, tiers[0], RENEWAL) == ["already_a_member"]
    with on(20.1):
        pay(ordered(ada, tiers[0], RENEWAL))
    assert story(ada.customer.pk) == [(10, "begun", DAYS), (10, "renewed", DAYS)]


def test_what_is_over_is_taken_up_again_by_a_renewal(ada: Shopper, tiers: Tiers, member: Order) -> None:
    with on(31):
        pay(ordered(ada, tiers[0], RENEWAL))
    assert standing(ada.customer.pk) == [(10, "expired", DAYS), (10, "active", DAYS)]


def test_who_waits_for_a_place_orders_no_upgrade(bob: Shopper, ada: Shopper, tiers: Tiers) -> None:
    bought(bob, (tiers[0], 1))
    assert refused(bob, tiers[1], UPGRADE) == ["not_placed"]


def test_an_upgrade_that_is_ordered_or_the_shops_own_keeps_from_another(
    ada: Shopper, tiers: Tiers, member: Order
) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    assert refused(ada, tiers[2], UPGRADE) == ["upgrade_in_progress"]
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    with on_day(0):
        begin_upgrade(ada.customer.pk, tiers[1])
    assert refused(ada, tiers[2], UPGRADE) == ["auto_upgrade_in_progress"]


def test_an_unpaid_package_keeps_from_another_and_other_orders_do_not(
    ada: Shopper, tiers: Tiers, member: Order
) -> None:
    with on(5):
        waiting = Order.objects.get(pk=place_order(wish(ada, (tiers[0], 1))).id)
        assert refused(ada, tiers[1], UPGRADE) == ["previous_purchase_unpaid"]
        pay(waiting)
        ordered(ada, tiers[1], UPGRADE)


def test_a_refund_that_waits_for_a_second_person_keeps_from_an_upgrade(
    ada: Shopper, tiers: Tiers, member: Order, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:1")
    wanted = RefundWish(RefundKind.PARTIAL, "asked", Money(1_000, "USD"))
    request_refund(member.pk, wanted, actor=actors.staff(ada.user.pk))
    assert refused(ada, tiers[1], UPGRADE) == ["refund_request_active"]


def test_an_upgrade_is_of_one_package(ada: Shopper, tiers: Tiers, member: Order) -> None:
    with pytest.raises(OrderRefused) as caught:
        order_package(wish(ada, (tiers[1], 2), order_type=UPGRADE))
    assert caught.value.first.code == "quantity_invalid"
    with pytest.raises(ValueError, match="one package"):
        order_package(wish(ada, (tiers[1], 1)))


# --- what payment does -----------------------------------------------------------------------------------------------


def test_an_upgrade_takes_effect_when_it_is_paid(ada: Shopper, tiers: Tiers, member: Order) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    assert standing(ada.customer.pk) == [(10, "active", DAYS)]
    pay(order)
    assert standing(ada.customer.pk) == [(10, "replaced", DAYS), (20, "active", DAYS)]
    assert outcome(order) == ("given", 0)
    assert UpgradeProcess.objects.get().state == "finished"


def test_several_pieces_of_a_package_add_up(ada: Shopper, tiers: Tiers) -> None:
    bought(ada, (tiers[0], 3))
    assert standing(ada.customer.pk) == [(10, "active", 3 * DAYS)]


def test_of_several_packages_the_highest_counts_and_the_rest_is_credit(ada: Shopper, tiers: Tiers) -> None:
    order = bought(ada, (tiers[0], 1), (tiers[1], 1))
    assert standing(ada.customer.pk) == [(20, "active", DAYS)]
    assert outcome(order) == ("given", 4_900)
    assert credit(ada) == 4_900


@pytest.mark.parametrize("meanwhile", ["nothing", "a higher tier"])
def test_an_expired_order_abandons_its_upgrade_and_late_money_has_an_outcome(
    ada: Shopper, tiers: Tiers, member: Order, meanwhile: str
) -> None:
    order = ordered(ada, tiers[1], UPGRADE, terms=PaymentTerms.PREPAID)
    request = PaymentRequest.objects.get(subject_id=order.pk)
    PaymentRequest.objects.filter(pk=request.pk).update(state="open", gateway_reference="cs_1")
    request.refresh_from_db()
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=2))
    assert upgrade_in_progress(ada.customer.pk) is None
    assert outcome(order) == ("called_off", 0)
    if meanwhile == "a higher tier":
        with on_day(0):
            acts.upgrade(ada.customer.pk, tiers[2])
    order = settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    assert order.status == "paid"
    if meanwhile == "nothing":
        assert (outcome(order), standing(ada.customer.pk)[-1]) == (("given", 0), (20, "active", DAYS))
    else:
        assert (outcome(order), standing(ada.customer.pk)[-1]) == (("credited", 14_900), (30, "active", DAYS))


def test_an_upgrade_that_credit_pays_for_takes_effect_at_once(ada: Shopper, tiers: Tiers, member: Order) -> None:
    spend(ada, -20_000)
    order = ordered(ada, tiers[1], UPGRADE, use_credits=True)
    assert (order.status, order.total_minor, outcome(order)) == ("paid", 0, ("given", 0))
    assert standing(ada.customer.pk)[-1] == (20, "active", DAYS)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert (credit(ada), standing(ada.customer.pk)[0]) == (20_000, (10, "active", DAYS))


def test_what_a_package_gives_is_what_it_was_when_it_was_ordered(ada: Shopper, tiers: Tiers, member: Order) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    Package.objects.filter(tier=20).update(validity_days=90, tier=25)
    pay(order)
    assert standing(ada.customer.pk)[-1] == (20, "active", DAYS)


def test_an_upgrade_that_came_by_another_way_meanwhile_is_a_renewal(ada: Shopper, tiers: Tiers, member: Order) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    with on_day(0):
        acts.upgrade(ada.customer.pk, tiers[1])
    pay(order)
    assert standing(ada.customer.pk)[-1] == (20, "active", 2 * DAYS)
    assert UpgradeProcess.objects.get().state == "abandoned"


def test_money_for_an_upgrade_that_became_impossible_is_credit(ada: Shopper, tiers: Tiers, member: Order) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    with on_day(0):
        acts.upgrade(ada.customer.pk, tiers[2])
    assert pay(order).status == "paid"
    assert (outcome(order), credit(ada)) == (("credited", 14_900), 14_900)
    assert standing(ada.customer.pk)[-1] == (30, "active", DAYS)
    give_back(order.pk, Money(14_900, "USD"))
    assert (outcome(order), credit(ada)) == (("undone", 0), 0)


def test_what_a_refund_has_undone_is_not_taken_up_again(ada: Shopper, tiers: Tiers, member: Order) -> None:
    order = pay(ordered(ada, tiers[1], UPGRADE))
    give_back(order.pk, order.total)
    with on(31):
        assert refused(ada, tiers[1], RENEWAL) == ["package_differs"]
        pay(ordered(ada, tiers[0], RENEWAL))
    assert standing(ada.customer.pk)[-1] == (10, "active", DAYS)


def test_who_has_been_given_all_the_money_back_has_nothing_to_renew(ada: Shopper, tiers: Tiers, member: Order) -> None:
    give_back(member.pk, member.total)
    assert refused(ada, tiers[0], RENEWAL) == ["package_differs"]


def test_credit_for_a_package_is_never_more_than_what_is_left_of_its_money(
    ada: Shopper, tiers: Tiers, member: Order
) -> None:
    order = ordered(ada, tiers[1], UPGRADE)
    with on_day(0):
        acts.upgrade(ada.customer.pk, tiers[2])
    pay(order)
    give_back(order.pk, Money(14_000, "USD"))
    assert (outcome(order), credit(ada)) == (("credited", 900), 900)


# --- what is left over -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "due"), [("none", 0), ("pro_rata", 4_900 * 20 // 30)])
def test_what_an_upgrade_leaves_of_a_paid_period_is_credited_by_the_shops_rule(
    ada: Shopper, tiers: Tiers, settings: Any, rule: str, due: int
) -> None:
    settings.MEMBERSHIP_REMAINDER = rule
    first = bought(ada, (tiers[0], 1))
    with on(10):
        order = pay(ordered(ada, tiers[1], UPGRADE))
        assert (outcome(first), credit(ada)) == (("given", due), due)
    with on(11):
        give_back(order.pk, order.total)
    assert credit(ada) == 0
    assert [outcome(one) for one in (first, order)] == [("given", 0), ("undone", 0)]
    assert standing(ada.customer.pk) == [(10, "active", DAYS), (20, "reversed", 0)]


def test_credit_that_is_spent_is_taken_back_as_far_as_it_is_there(
    ada: Shopper, tiers: Tiers, member: Order, settings: Any
) -> None:
    settings.MEMBERSHIP_REMAINDER = "pro_rata"
    order = pay(ordered(ada, tiers[1], UPGRADE))
    given = credit(ada)
    assert 4_890 <= given <= 4_900
    spend(ada, given - 100)
    give_back(order.pk, order.total)
    assert credit(ada) == 0
    assert outcome(member) == ("given", given - 100)


def test_a_refund_of_what_was_upgraded_takes_its_remainder_back(
    ada: Shopper, tiers: Tiers, member: Order, settings: Any
) -> None:
    settings.MEMBERSHIP_REMAINDER = "pro_rata"
    pay(ordered(ada, tiers[1], UPGRADE))
    give_back(member.pk, member.total)
    assert (outcome(member), credit(ada)) == (("undone", 0), 0)
    assert standing(ada.customer.pk)[-1] == (20, "active", DAYS)


def test_a_paid_package_that_is_cancelled_or_refunded_gives_nothing(ada: Shopper, tiers: Tiers, member: Order) -> None:
    cancellation.cancel_order(member.pk, actor=actors.SYSTEM)
    assert standing(ada.customer.pk) == [(10, "reversed", 0)]
    assert outcome(member) == ("undone", 0)


def spend(ada: Shopper, amount_minor: int) -> None:
    """Some credit is gone elsewhere; below zero, some has come."""
    with on_day(0):
        ledger.post(
            source=f"spent:{uuid.uuid4()}",
            kind=TransferKind.PACKAGE_CREDIT,
            currency="USD",
            legs=(
                Leg(Account.CUSTOMER_CREDIT, amount_minor, customer_id=ada.customer.pk),
                Leg(Account.REFUNDS, -amount_minor),
            ),
        )
