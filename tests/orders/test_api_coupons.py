"""A coupon on a basket, before it is ordered: judged and priced as placing it would, and nothing is written."""

from __future__ import annotations

import json
import uuid
from datetime import date
from typing import Any

import pytest

from catalog.models import TaxRate
from orders.coupons.guessing import UNKNOWN_CODES_PER_CUSTOMER
from tests import shop as shops
from tests.orders.coupons.test_coupons import coupon
from tests.orders.credits.wallet import grant, voucher
from tests.shop import Article, Shop, Shopper, place, send, written

PREVIEW = "/api/v1/coupons/preview/"


def basket(delivery: uuid.UUID | None, *wanted: tuple[Article, int], code: str = "SAVE10", **fields: Any) -> Any:
    """The body of a preview."""
    return {
        "code": code,
        "items": [
            {"product_id": str(article.product_id), "variant_id": str(article.variant_id), "quantity": pieces}
            for article, pieces in wanted
        ],
        "delivery_method_id": str(delivery) if delivery else None,
        "country": "US",
        "state": "NY",
        "postal_code": "10001",
        **fields,
    }


def ask(by: Shopper | None, body: Any) -> tuple[int, Any]:
    """Status and answer; nothing is written, whatever it is, but the count of wrong guesses."""
    before = written()
    response = send("POST", PREVIEW, body, by=by)
    assert written() == before
    return response.status_code, json.loads(response.content)


def fault(answer: Any) -> tuple[str, str, str | None]:
    """The one reason of a refusal: code, text and field."""
    (error,) = answer["errors"]
    return error["code"], error["detail"], error["attr"]


def test_it_costs_what_the_order_would(shop: Shop, ada: Shopper) -> None:
    TaxRate.objects.create(name="New York", country="US", state="NY", rate_ppm=80_000, valid_from=date(2020, 1, 1))
    coupon(kind="percent", percent_ppm=250_000, frees_delivery=True)
    grant(ada, 700)
    wanted = ((shop.cable, 2), (shop.headphones, 1))
    status, told = ask(ada, basket(shop.cash, *wanted, code="save-10", use_credits=True, on_delivery=True))
    assert (status, told) == (
        200,
        {
            "code": "SAVE10",
            "kind": "percent",
            "currency": "USD",
            "products": "218.99",
            "discount": "54.75",
            "delivery": "0.00",
            "delivery_discount": "5.00",
            "tax": "13.14",
            "prices_include_tax": False,
            "credits": "7.00",
            "total": "170.38",
            "lines": [
                {
                    "product_id": str(shop.cable.product_id),
                    "variant_id": str(shop.cable.variant_id),
                    "quantity": 2,
                    "amount": "19.00",
                    "discount": "4.75",
                    "tax": "1.14",
                },
                {
                    "product_id": str(shop.headphones.product_id),
                    "variant_id": str(shop.headphones.variant_id),
                    "quantity": 1,
                    "amount": "199.99",
                    "discount": "50.00",
                    "tax": "12.00",
                },
            ],
        },
    )
    order = place(ada, shop.cash, *wanted, coupon_code="SAVE10", use_credits=True)
    assert str(order.total.major) == told["total"]


def test_a_coupon_that_does_not_fit_is_refused_in_words(shop: Shop, ada: Shopper) -> None:
    coupon(kinds=["flyer"])
    coupon("RICH", minimum_minor=100_000, currency="USD")
    coupon("ONCE", max_uses_per_customer=1)
    place(ada, shop.cash, (shop.cable, 1), coupon_code="ONCE")
    said = {
        code: fault(ask(ada, basket(shop.cash, (shop.cable, 1), code=code))[1])
        for code in ("SAVE10", "RICH", "ONCE", "NONE")
    }
    assert said == {
        "SAVE10": ("coupon_not_usable", "Coupon 'SAVE10' is not for these products.", "coupon"),
        "RICH": (
            "coupon_not_usable",
            "Coupon 'RICH' is for products that cost at least 1000.00 USD together.",
            "coupon",
        ),
        "ONCE": ("coupon_not_usable", "You have used coupon 'ONCE' before.", "coupon"),
        "NONE": ("coupon_not_usable", "Coupon 'NONE' cannot be used.", "coupon"),
    }


def test_a_basket_that_could_not_be_ordered_is_refused(shop: Shop, ada: Shopper) -> None:
    coupon()
    short = ask(ada, basket(shop.cash, (shop.scarce, 2)))
    assert (short[0], fault(short[1])[:2]) == (
        400,
        ("stock_short", "Product 'Last Lamp' has insufficient stock. Available: 1, Requested: 2"),
    )
    far = ask(ada, basket(shop.cash, (shop.cable, 1), country="Germany"))
    text = "Delivery method 'Cash on delivery' does not deliver to DE."
    assert fault(far[1]) == ("delivery_unfit", text, "delivery_method")
    credit = ask(ada, basket(None, (voucher(), 1), use_credits=True))
    assert [error["code"] for error in credit[1]["errors"]] == ["coupon_not_usable", "credits_not_usable"]
    assert credit[1]["errors"][1]["detail"] == "Prepaid credit is not bought with credits."


def test_nothing_need_be_delivered(shop: Shop, ada: Shopper) -> None:
    coupon()
    status, told = ask(ada, basket(None, (shop.package, 1)))
    assert (status, told["total"], told["delivery"]) == (200, "62.10", "0.00")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "x" * 65}, "code"),
        ({"items": []}, "items"),
        ({"items": [{"product_id": "x", "quantity": 0}]}, "items.0.quantity"),
        ({"items": [{"product_id": "x", "quantity": "1"}]}, "items.0.quantity"),
        ({"country": "Atlantis"}, "country"),
        ({"use_credits": "yes"}, "use_credits"),
        ({"couponCode": "SAVE10"}, "couponCode"),
    ],
)
def test_what_is_no_basket_is_refused(shop: Shop, ada: Shopper, change: dict[str, Any], field: str) -> None:
    status, told = ask(ada, {**basket(shop.cash, (shop.cable, 1)), **change})
    assert (status, told["errors"][0]["attr"]) == (400, field)


def test_guessing_is_slowed_down_as_in_placing(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    coupon()
    for number in range(UNKNOWN_CODES_PER_CUSTOMER):
        if number % 2:
            body = shops.order_body(ada, shop.cash, shops.item(shop.cable), couponCode=f"GUESS{number}")
            assert send("POST", shops.ON_DELIVERY, body, by=ada).status_code == 400
        else:
            assert ask(ada, basket(shop.cash, (shop.cable, 1), code=f"GUESS{number}"))[0] == 400
    body = basket(shop.cash, (shop.cable, 1))
    refused = send("POST", PREVIEW, body, by=ada)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert ask(bob, body)[0] == 200
    order = shops.order_body(ada, shop.cash, shops.item(shop.cable), couponCode="SAVE10")
    assert send("POST", shops.ON_DELIVERY, order, by=ada).status_code == 429


def test_taxes_that_nobody_knows_are_no_error_of_ours(shop: Shop, ada: Shopper, settings: Any) -> None:
    coupon()
    settings.TAX_SERVICE = "tests.orders.taxes.test_orders.Nobody"
    status, told = ask(ada, basket(shop.cash, (shop.cable, 1)))
    assert (status, fault(told)[0]) == (503, "taxes_unavailable")


def test_only_customers_have_baskets(shop: Shop) -> None:
    assert ask(None, basket(shop.cash, (shop.cable, 1)))[0] == 401


def test_the_order_names_its_coupon(shop: Shop, ada: Shopper) -> None:
    coupon(kind="free_delivery")
    order = place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    whole = json.loads(send("GET", f"/api/v1/orders/{order.pk}/", by=ada).content)
    assert (whole["coupon_code"], whole["discount"], whole["delivery"], whole["delivery_discount"]) == (
        "SAVE10",
        "0.00",
        "0.00",
        "5.00",
    )
