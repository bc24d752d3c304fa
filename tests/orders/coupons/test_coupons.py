"""Coupons in orders: what they take off, how they are counted, and that they come back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from catalog.models import Product
from kit import clock
from kit.ids import new_id
from orders import actors, cancellation
from orders.cash import collect_cash
from orders.checks import OrderRefused
from orders.coupons.finding import WhyNot
from orders.coupons.guessing import UNKNOWN_CODES_PER_CUSTOMER
from orders.models import Coupon, CouponCode, CouponUse, Order, OrderStatus, PaymentTerms, RefundKind
from orders.placement import place_order
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from payments.models import RefundDestination
from payments.queries import credit_minor
from tests import shop as shops
from tests.shop import Shop, Shopper, order_body, place, send, text_of, written
from tests.statements import statements


def coupon(code: str = "SAVE10", *, code_uses: int | None = None, **fields: Any) -> Coupon:
    """A coupon under one code: ten percent off everything, unless it says otherwise."""
    given: dict[str, Any] = {"kind": "percent", "percent_ppm": 100_000} if "kind" not in fields else {}
    made = Coupon.objects.create(name=code, **{**given, **fields})
    CouponCode.objects.create(code=code, coupon=made, max_uses=code_uses)
    return made


def why_not(shopper: Shopper, shop: Shop, code: str = "SAVE10", *wanted: Any) -> str:
    """Why a coupon cannot be used."""
    before = written()
    with pytest.raises(OrderRefused) as refused:
        place(shopper, shop.cash, *(wanted or ((shop.cable, 1),)), coupon_code=code)
    (fault,) = refused.value.faults
    assert (fault.code, fault.at) == ("coupon_not_usable", ("coupon",))
    assert written() == before
    return str(fault.facts["why"])


def discounts(order: Order) -> list[int]:
    """What was taken off each line."""
    return [line.discount_minor for line in order.lines.order_by("position")]


def test_a_percentage_is_rounded_once_and_shared_out_to_the_last_cent(shop: Shop, ada: Shopper) -> None:
    used = coupon(percent_ppm=333_333, kind="percent")
    order = place(ada, shop.cash, (shop.cable, 1), (shop.cable, 1), (shop.headphones, 1), coupon_code="save-10")
    # A third of 218.99, of which 9.50, 9.50 and 199.99.
    assert (order.discount_minor, discounts(order)) == (7300, [317, 317, 6666])
    assert (order.total_minor, order.coupon_code) == (21899 - 7300 + 500, "SAVE10")
    used.refresh_from_db()
    assert (used.used, used.spent_minor) == (1, 7300)
    use = CouponUse.objects.get()
    assert (use.order_id, use.customer_id, use.discount_minor) == (order.pk, ada.customer.pk, 7300)
    assert use.terms == {
        "kind": "percent",
        "percent_ppm": 333333,
        "amount_minor": None,
        "lines": [317, 317, 6666],
        "delivery": 0,
    }


def test_an_amount_is_taken_off_what_it_is_for_and_no_more(shop: Shop, ada: Shopper) -> None:
    made = coupon(kind="amount", amount_minor=2500, currency="USD")
    made.products.add(Product.objects.get(pk=shop.cable.product_id))
    order = place(ada, shop.cash, (shop.headphones, 1), (shop.cable, 2), coupon_code="SAVE10")
    assert (discounts(order), order.total_minor) == ([0, 1900], 19999 + 1900 - 1900 + 500)


def test_free_delivery_lowers_the_delivery_and_is_no_discount(shop: Shop, ada: Shopper) -> None:
    coupon(kind="free_delivery")
    order = place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    assert (order.discount_minor, order.delivery_minor, order.delivery_discount_minor) == (0, 0, 500)
    assert order.total_minor == 950


def test_a_coupon_that_covers_everything_pays_the_order_without_a_gateway(shop: Shop, ada: Shopper) -> None:
    coupon(percent_ppm=1_000_000, kind="percent")
    free = shops.add_delivery("Free", 0)
    body = order_body(ada, free, shops.item(shop.cable), couponCode="SAVE10")
    response = send("POST", shops.WITH_PAYMENT, body, by=ada)
    assert response.status_code == 200
    assert (json.loads(response.content)["clientSecret"], json.loads(response.content)["totalAmount"]) == (None, 0)
    assert Order.objects.get().status == OrderStatus.PAID


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False}, WhyNot.UNKNOWN),
        ({"starts_at": timedelta(minutes=1)}, WhyNot.NOT_YET),
        ({"ends_at": timedelta(minutes=-1)}, WhyNot.OVER),
        ({"max_uses": 0}, WhyNot.USED_UP),
        ({"code_uses": 0}, WhyNot.USED_UP),
        ({"max_uses_per_customer": 0}, WhyNot.USED_BEFORE),
        ({"budget_minor": 94, "currency": "USD"}, WhyNot.USED_UP),
        ({"currency": "EUR"}, WhyNot.CURRENCY),
        ({"minimum_minor": 951, "currency": "USD"}, WhyNot.MINIMUM),
        ({"kinds": ["flyer"]}, WhyNot.NOTHING_ELIGIBLE),
    ],
)
def test_a_coupon_that_does_not_fit_is_refused_by_name(
    shop: Shop, ada: Shopper, fields: dict[str, Any], reason: WhyNot
) -> None:
    moments = {name: clock.now() + value for name, value in fields.items() if isinstance(value, timedelta)}
    coupon(**{**fields, **moments})
    assert why_not(ada, shop) == reason


def test_unknown_codes_are_all_alike(shop: Shop, ada: Shopper) -> None:
    for code in ("NO", "", "%", "x" * 64, "sav€10"):
        assert why_not(ada, shop, code) == WhyNot.UNKNOWN


def test_each_limit_holds_and_what_is_cancelled_may_be_used_again(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    made = coupon(max_uses=2, max_uses_per_customer=1, code_uses=2)
    first = place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    assert why_not(ada, shop) == WhyNot.USED_BEFORE
    place(bob, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    cancellation.cancel_order(first.pk, actor=actors.SYSTEM)
    made.refresh_from_db()
    assert (made.used, made.spent_minor) == (1, 95)
    place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    cat = shops.sign_up("cat@example.com")
    assert why_not(cat, shop) == WhyNot.USED_UP


def test_what_expires_gives_its_coupon_back(shop: Shop, ada: Shopper) -> None:
    made = coupon(code_uses=1)
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, coupon_code="SAVE10")
    with clock.turned(timedelta(hours=2)):
        assert cancellation.expire_order(order.pk)
    made.refresh_from_db()
    assert (made.used, CouponUse.objects.get().given_back_at is None) == (0, False)
    settle(order.pk, actor=actors.SYSTEM)
    cancelled = Order.objects.get(pk=order.pk)
    assert (cancelled.status, cancelled.coupon_code) == ("cancelled", "SAVE10")


def test_whoever_guesses_codes_is_slowed_down_and_only_they(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    coupon()
    body = order_body(ada, shop.cash, shops.item(shop.cable), couponCode="GUESS")
    for _ in range(UNKNOWN_CODES_PER_CUSTOMER):
        assert send("POST", shops.ON_DELIVERY, body, by=ada).status_code == 400
    before = written()
    response = send("POST", shops.ON_DELIVERY, {**body, "couponCode": "SAVE10"}, by=ada)
    assert (response.status_code, text_of(response)) == (
        429,
        "Too many coupon codes that do not exist, please try again later",
    )
    assert int(response["Retry-After"]) > 0
    assert written() == before
    assert send("POST", shops.ON_DELIVERY, {**body, "couponCode": None}, by=ada).status_code == 204
    other = {**body, "customerId": str(bob.customer.pk), "couponCode": "SAVE10"}
    assert send("POST", shops.ON_DELIVERY, other, by=bob).status_code == 204


def test_a_coupon_costs_four_statements_more(shop: Shop, ada: Shopper) -> None:
    """The count of wrong guesses, the coupon itself, its use; BEGIN and all else are the order's own."""
    coupon()
    place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    wanted = shops.purchase(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    with statements() as told:
        place_order(wanted)
    assert len(told) == 9, told


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE orders_coupon SET used = 1",
        "UPDATE orders_coupon SET spent_minor = 1",
        "UPDATE orders_couponcode SET used = 1",
        "UPDATE orders_couponcustomer SET used = 7",
        "UPDATE orders_couponuse SET discount_minor = 1",
        "UPDATE orders_couponuse SET given_back_at = NULL",
        "DELETE FROM orders_couponuse",
        "DELETE FROM orders_coupon",
        "INSERT INTO orders_couponuse (order_id, coupon_id, code_id, customer_id, currency, discount_minor, terms)"
        " SELECT order_id, coupon_id, code_id, customer_id, currency, discount_minor, terms FROM orders_couponuse",
    ],
)
def test_the_database_counts_by_itself_and_refuses_what_does_not_add_up(shop: Shop, ada: Shopper, attack: str) -> None:
    coupon(code_uses=1)
    cancelled = place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    cancellation.cancel_order(cancelled.pk, actor=actors.SYSTEM)
    place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    before = written()
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(attack)
    assert written() == before


def test_credits_pay_what_they_can(shop: Shop, ada: Shopper) -> None:
    """A refund to credit is spent by the next order, and is back when that is called off."""
    paid = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(paid.pk, amount=paid.total, receipt=new_id(), actor=actors.SYSTEM)
    request_refund(
        paid.pk, RefundWish(RefundKind.FULL, "spoiled", destination=RefundDestination.CREDIT), actor=actors.SYSTEM
    )
    assert credit_minor(ada.customer.pk, "USD") == 1450
    order = place(ada, shop.cash, (shop.headphones, 1), use_credits=True)
    assert (order.credits_minor, order.total_minor, credit_minor(ada.customer.pk, "USD")) == (1450, 20499 - 1450, 0)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert credit_minor(ada.customer.pk, "USD") == 1450
    free = shops.add_delivery("Free", 0, cash_on_delivery=True)
    covered = place(ada, free, (shop.cable, 1), use_credits=True)
    assert (covered.status, covered.credits_minor, covered.total_minor) == ("paid", 950, 0)
    assert credit_minor(ada.customer.pk, "USD") == 500
