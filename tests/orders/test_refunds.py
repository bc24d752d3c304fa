"""Money back for an order that stands. Cash here; refunds at gateways are in the stories and beside the settlement."""

from __future__ import annotations

import uuid

import pytest

from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.models import Order
from orders.settlement import settle
from payments.models import Refund
from tests import shop as shops
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, give_back, place, written

CLERK = actors.SYSTEM


@pytest.fixture
def paid(shop: Shop, ada: Shopper) -> Order:
    """An order of 14.50 USD that was paid in cash, 10.00 and 4.50."""
    order = place(ada, shop.cash, (shop.cable, 1))
    for minor in (1000, 450):
        collect_cash(order.pk, amount=Money(minor, "USD"), receipt=uuid.uuid4(), actor=CLERK)
    return order


def back(order: Order, minor: int, currency: str = "USD") -> Order:
    """Staff give money back."""
    give_back(order.pk, Money(minor, currency))
    order.refresh_from_db()
    return order


def test_a_part_keeps_it_paid_and_its_goods_reserved(shop: Shop, paid: Order) -> None:
    back(paid, 500)
    assert (paid.status, paid.refunded_minor, shops.left(shop.cable)) == ("paid", 500, 999)
    # From the newest payment first, then from the older one.
    amounts = Refund.objects.order_by("amount_minor").values_list("amount_minor", "state", "reason")
    assert list(amounts) == [(50, "succeeded", "spoiled"), (450, "succeeded", "spoiled")]


def test_all_of_it_ends_in_refunded_and_frees_the_goods(shop: Shop, paid: Order) -> None:
    back(paid, 1000)
    back(paid, 450)
    assert (paid.status, paid.refunded_minor, shops.left(shop.cable)) == ("refunded", 1450, 1000)


def test_delivered_goods_stay_delivered(shop: Shop, paid: Order) -> None:
    send_order(paid.pk, actor=CLERK)
    deliver_order(paid.pk, actor=CLERK)
    assert back(paid, 1449).status == "completed"
    assert back(paid, 1).status == "refunded"
    assert (paid.fulfilment, shops.left(shop.cable)) == ("delivered", 999)


@pytest.mark.parametrize(("minor", "currency"), [(0, "USD"), (-1, "USD"), (1451, "USD"), (100, "EUR")])
def test_what_the_order_does_not_keep_does_not_go_back(paid: Order, minor: int, currency: str) -> None:
    before = written()
    with pytest.raises(DomainError) as refused:
        back(paid, minor, currency)
    assert (refused.value.first.code, refused.value.first.facts["kept"]) == ("amount_not_left", Money(1450, "USD"))
    assert written() == before


def test_what_the_gateway_keeps_failing_to_send_back_is_not_promised_again(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    failed = tuple(refund(request, name, 100, "failed") for name in "abc")
    first = payment(request, "captured", "1", amount_minor=1000, captured_minor=1000, refunds=failed)
    rest = order.total_minor - 1000
    second = payment(request, "captured", "2", amount_minor=rest, captured_minor=rest)
    settle(order.pk, actor=CLERK, report=report(request, first, second))
    before = written()

    with pytest.raises(DomainError) as refused:
        back(order, order.total_minor)

    assert (refused.value.first.code, refused.value.first.facts["refundable"]) == ("not_refundable", Money(rest, "USD"))
    assert written() == before
    back(order, rest)
    assert Refund.objects.get(state="approved").amount_minor == rest


def test_never_more_in_parts_than_in_one(paid: Order) -> None:
    back(paid, 1000)
    with pytest.raises(DomainError):
        back(paid, 451)
    assert back(paid, 450).refunded_minor == 1450
