"""Each of the six states of an order, reached by a story, and each way of paying as integrators read it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from kit.money import Money
from orders import actors, cancellation, returns
from orders.cash import collect_cash
from orders.models import Order, PaymentTerms, RefundKind
from orders.returns.plans import RefundWish
from payments.models import RefundDestination
from tests import jobs
from tests import shop as shops
from tests.dialects.retrieval.test_sample import pay_by, retrieve
from tests.flyers import CLERK, campaigns, flyer_order, issue_coupon, issue_key, paid_order, report, schedule_all
from tests.gateway_process import SandboxProcess
from tests.orders.test_api_placing import body, line, place
from tests.shop import Shop, Shopper

MONEY = ("status", "total", "net_total", "payment_method", "paypal")


def money(order: Order, by: Shopper) -> tuple[Any, ...]:
    shown = retrieve(order, by)[1]
    return tuple(shown[name] for name in MONEY)


def test_a_flyer_from_the_cart_to_the_last_mail(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    """Payment Pending, Paid, Completed."""
    answer = place(ada, body(line(shop.flyer, 2)))[1]
    order = Order.objects.get()
    assert money(order, ada) == ("Payment Pending", 98, 0, "", 0)
    sandbox.pay(answer["payment"]["client_secret"], last4="0504")
    jobs.settle_down()
    assert money(order, ada) == ("Paid", 98, 98, "Card ending in 0504", 0)
    entered = {"headline": "H", "subject": "S", "list_name": "L", "scheduled": "2030-01-01T00:00:00Z"}
    for number in (1, 2):
        path = f"/api/v1/orders/{order.number}/flyers/{number}/"
        assert shops.send("PATCH", path, entered, by=ada).status_code == 200
    key = issue_key()
    for campaign in schedule_all(order):
        report(campaign, key, delivered=9)
        assert money(order, ada)[0] == "Paid"
        report(campaign, key, percentage_completed=100)
    assert money(order, ada)[0] == "Completed"
    flyers = retrieve(order, ada)[1]["products"]["flyers"]
    assert [(one["status"], one["delivered"], one["percentage_completed"]) for one in flyers] == [
        ("Completed", 9, 100)
    ] * 2


def test_cash_in_two_parts(shop: Shop, ada: Shopper) -> None:
    """Partially Paid."""
    order = flyer_order(ada, shop)
    collect_cash(order.pk, amount=Money(1900, "USD"), receipt=uuid.uuid4(), actor=CLERK)
    assert money(order, ada) == ("Partially Paid", 49, 19, "Cash on Delivery", 0)
    collect_cash(order.pk, amount=Money(3000, "USD"), receipt=uuid.uuid4(), actor=CLERK)
    assert money(order, ada) == ("Paid", 49, 49, "Cash on Delivery", 0)


def test_an_order_that_its_customer_calls_off(shop: Shop, ada: Shopper) -> None:
    """Cancelled, before and after it was paid."""
    unpaid, paid = flyer_order(ada, shop), paid_order(ada, shop)
    for order in (unpaid, paid):
        cancellation.cancel_order(order.pk, actor=actors.customer(ada.user.pk))
        assert retrieve(order, ada)[1]["products"]["flyers"][0]["status"] == "Cancelled"
    assert money(unpaid, ada) == ("Cancelled", 49, 0, "", 0)
    assert money(paid, ada) == ("Cancelled", 49, 0, "Cash on Delivery", 0)


def test_money_that_goes_back_in_part_and_in_full(shop: Shop, ada: Shopper) -> None:
    """Refunded."""
    order = paid_order(ada, shop)
    part = RefundWish(RefundKind.PARTIAL, "late", Money(950, "USD"))
    returns.request_refund(order.pk, part, actor=CLERK)
    assert [str(value) for value in money(order, ada)[:3]] == ["Paid", "49", "39.5"]
    returns.request_refund(order.pk, RefundWish(RefundKind.FULL, "no"), actor=CLERK)
    assert money(order, ada) == ("Refunded", 49, 0, "Cash on Delivery", 0)


@pytest.mark.parametrize(
    ("method", "last4", "shown"),
    [
        ("card", "0504", "Card ending in 0504"),
        ("card", "", "Card ending in XXXX"),
        ("emi", "1111", "Card ending in 1111"),
        ("paypal", "", "PayPal"),
        ("upi", "", "UPI"),
        ("netbanking", "", "Net Banking"),
        ("wallet", "", "Wallet"),
        ("bank_transfer", "", "Bank Transfer"),
    ],
)
def test_each_way_to_pay_has_its_name(shop: Shop, ada: Shopper, method: str, last4: str, shown: str) -> None:
    order = pay_by(flyer_order(ada, shop, terms=PaymentTerms.PREPAID), method, last4)
    assert money(order, ada) == ("Paid", 49, 49, shown, int(method == "paypal"))


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("card", "Card ending in 4242"),
        ("paypal", "PayPal"),
    ],
)
def test_the_sandbox_pays_by_each_of_stripes(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess, method: str, shown: str
) -> None:
    answer = place(ada, body(line(shop.flyer)))[1]
    sandbox.pay(answer["payment"]["client_secret"], method=method)
    jobs.settle_down()
    assert money(Order.objects.get(), ada)[3:] == (shown, int(method == "paypal"))


@pytest.mark.parametrize(("method", "shown"), [("upi", "UPI"), ("netbanking", "Net Banking"), ("wallet", "Wallet")])
def test_the_sandbox_pays_by_each_of_razorpays(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess, method: str, shown: str
) -> None:
    answer = place(ada, body(line(shop.flyer), gateway="razorpay"))[1]
    sandbox.pay(answer["payment"]["gateway_reference"], method=method)
    jobs.settle_down()
    assert money(Order.objects.get(), ada)[3:] == (shown, 0)


def test_a_coupon_that_covers_all(shop: Shop, ada: Shopper) -> None:
    issue_coupon("ALL")
    order = flyer_order(ada, shop, coupon_code="all")
    shown = retrieve(order, ada)[1]
    assert money(order, ada) == ("Paid", 0, 0, "Promotional Code", 0)
    assert (shown["coupon_name"], shown["cost"], shown["discount"]) == ("ALL", 49, 49)
    assert (shown["credits_consumed"], shown["credits_needed"]) == (None, 0)


def _credit(ada: Shopper, shop: Shop, *wanted: tuple[Any, int]) -> None:
    """As much credit as these cost."""
    earlier = paid_order(ada, shop, *wanted)
    wish = RefundWish(RefundKind.FULL, "credit", destination=RefundDestination.CREDIT)
    returns.request_refund(earlier.pk, wish, actor=CLERK)


def test_credits_that_cover_the_rest(shop: Shop, ada: Shopper) -> None:
    _credit(ada, shop, (shop.package, 1))
    order = flyer_order(ada, shop, use_credits=True)
    shown = retrieve(order, ada)[1]
    assert money(order, ada) == ("Paid", 0, 0, "Prepaid Credits", 0)
    assert (shown["credits_consumed"], shown["credits_needed"]) == (49, 0)


def test_credits_that_cover_a_part_and_cash_for_the_rest(shop: Shop, ada: Shopper) -> None:
    _credit(ada, shop, (shop.cable, 2))
    order = flyer_order(ada, shop, (shop.flyer, 1), use_credits=True)
    assert money(order, ada) == ("Payment Pending", 30, 0, "", 0)
    shown = retrieve(order, ada)[1]
    assert (shown["credits_consumed"], shown["credits_needed"]) == (19, 30)
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=CLERK)
    assert money(order, ada) == ("Paid", 30, 30, "Cash on Delivery", 0)


def test_a_gift_is_paid_by_nothing(shop: Shop, ada: Shopper) -> None:
    gift = shops.add_article("Gift", "GIFT", 0, kind="flyer", weight_grams=0)
    order = flyer_order(ada, shop, (gift, 1), content=None)
    assert money(order, ada) == ("Paid", 0, 0, "", 0)
    assert [one.status for one in campaigns(order)] == ["draft"]
