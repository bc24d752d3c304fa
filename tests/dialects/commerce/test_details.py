"""order-details: the lines, nested and spelled as in the sample, by a query string, a body on GET, or POST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalog.models import Product
from orders.models import Order
from tests import shop as shops
from tests.commerce import DETAILS, answer_of, call, connect, get, multipart, number_of, refused
from tests.shop import Shop, Shopper
from tests.statements import statements

SAMPLE = [
    "id",
    "product_id",
    "bundle_id",
    "line_item_label",
    "quantity",
    "price",
    "data.price.data",
    "data.price.items.base_price.data",
    "data.price.items.base_price.title",
    "data.price.items.base_price.total",
    "data.price.items.base_price.included",
    "data.price.items.base_price.quantity",
    "data.price.items.base_price.description",
    "data.price.items.base_price.currency_code",
    "data.price.title",
    "data.price.total",
    "data.price.quantity",
    "data.price.description",
    "data.price.currency_code",
    "data.price.revenue_total",
    "data.modules",
    "data.product.sku",
    "data.product.product_type",
    "data.product.product_type_code",
    "data.item_display.items.varient_attributes.title",
    "data.item_display.items.varient_attributes.params.price.value",
    "data.item_display.items.varient_attributes.params.images.value",
    "data.item_display.items.varient_attributes.params.product-name.value",
    "data.item_display.items.varient_attributes.params.whole-sale-price.value",
    "data.item_display.items.varient_attributes.display",
    "data.item_display.items.varient_attributes.description",
    "order_id",
    "currency_code",
    "order_id_id",
    "status",
    "image_path",
]


def _paths(value: Any, at: str = "") -> list[str]:
    if isinstance(value, dict) and value:
        return [path for name, inner in value.items() for path in _paths(inner, f"{at}.{name}" if at else name)]
    return [at]


def _place(shopper: Shopper, shop: Shop) -> Order:
    Product.objects.filter(pk=shop.headphones.product_id).update(description="They keep the noise out.")
    return shops.place(shopper, shop.cash, (shop.headphones, 2), (shop.shirt_large, 1))


def test_a_line_has_every_key_of_the_sample_nested_as_it_is(shop: Shop, ada: Shopper) -> None:
    order = _place(ada, shop)
    response = get(DETAILS, {"order_number": order.number}, key=connect(), by=ada)
    lines = answer_of(response)
    assert [_paths(line) for line in lines] == [SAMPLE, SAMPLE]
    assert lines[0] == {
        "id": order.lines.get(position=1).pk,
        "product_id": number_of(shop.headphones),
        "bundle_id": None,
        "line_item_label": "HEAD-1",
        "quantity": 2,
        "price": "199.99",
        "data": {
            "price": {
                "data": [],
                "items": {
                    "base_price": {
                        "data": [],
                        "title": "Base price",
                        "total": 399.98,
                        "included": False,
                        "quantity": 2,
                        "description": "They keep the noise out.",
                        "currency_code": "USD",
                    }
                },
                "title": "Premium Headphones",
                "total": 399.98,
                "quantity": 2,
                "description": "They keep the noise out.",
                "currency_code": "USD",
                "revenue_total": 399.98,
            },
            "modules": {},
            "product": {"sku": "HEAD-1", "product_type": "Physical", "product_type_code": "physical"},
            "item_display": {
                "items": {
                    "varient_attributes": {
                        "title": "Premium Headphones",
                        "params": {
                            "price": {"value": "199.99"},
                            "images": {"value": ""},
                            "product-name": {"value": "Premium Headphones"},
                            "whole-sale-price": {"value": 199.99},
                        },
                        "display": {},
                        "description": "They keep the noise out.",
                    }
                }
            },
        },
        "order_id": order.number,
        "currency_code": "USD",
        "order_id_id": order.number,
        "status": "Payment Pending",
        "image_path": "",
    }
    assert lines[1]["data"]["item_display"]["items"]["varient_attributes"]["title"] == "SHIRT-L"


def test_the_number_comes_in_the_query_or_in_a_body_of_get_or_post(shop: Shop, ada: Shopper) -> None:
    key, order = connect(), _place(ada, shop)
    wanted = answer_of(get(DETAILS, {"order_number": order.number}, key=key, by=ada))
    raw = json.dumps({"order_number": order.number}).encode()
    text = json.dumps({"order_number": str(order.number)}).encode()
    form, form_type = f"order_number={order.number}".encode(), "application/x-www-form-urlencoded"
    mixed, mixed_type = multipart({"order_number": str(order.number)})
    for method in ("GET", "POST"):
        for body, content_type in (
            (raw, "application/json"),
            (text, ""),
            (form, form_type),
            (mixed, mixed_type),
        ):
            response = call(DETAILS, body, key=key, by=ada, method=method, content_type=content_type)
            assert answer_of(response) == wanted
    assert answer_of(call(f"{DETAILS}?order_number={order.number}", key=key, by=ada)) == wanted


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, "Order Number is required."),
        ({}, "Order Number is required."),
        ({"order_number": None}, "Order Number is required."),
        ({"order_number": ""}, "Order Number maynot be blank."),
        ({"order_number": "  "}, "Order Number maynot be blank."),
        ({"order_number": "x"}, "Invalid order number."),
        ({"order_number": 999999999}, "Invalid order number."),
        ({"order_number": -1}, "Invalid order number."),
        ({"order_number": 9223372036854775807}, "Invalid order number."),
        ({"order_number": True}, "Invalid order number."),
        ({"order_number": [1]}, "Invalid order number."),
    ],
)
def test_each_of_the_three_texts(ada: Shopper, method: str, body: Any, text: str) -> None:
    response = call(DETAILS, body, key=connect(), by=ada, method=method)
    assert refused(response) == {"order_number": [text]}


def test_a_blank_number_in_the_query(ada: Shopper) -> None:
    response = get(DETAILS, {"order_number": ""}, key=connect(), by=ada)
    assert refused(response) == {"order_number": ["Order Number maynot be blank."]}


def test_anothers_order_is_none_and_staff_read_any(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    key, order = connect(), _place(ada, shop)
    response = get(DETAILS, {"order_number": order.number}, key=key, by=bob)
    assert refused(response) == {"order_number": ["Invalid order number."]}
    helper = shops.access_of(shops.hire("helper@example.com"))
    assert get(DETAILS, {"order_number": order.number}, key=key, by=helper).status_code == 400
    clerk = shops.access_of(shops.hire(is_superuser=True))
    assert len(answer_of(get(DETAILS, {"order_number": order.number}, key=key, by=clerk))) == 2


def test_a_long_order_takes_no_more_statements_than_a_short_one(shop: Shop, ada: Shopper) -> None:
    key = connect()
    short = shops.place(ada, shop.cash, (shop.cable, 1))
    goods = [(shops.add_article(f"Thing {index}", f"THING-{index}", 100), 1) for index in range(30)]
    long = shops.place(ada, shop.cash, *goods)
    counts = []
    for order in (short, short, long):
        with statements() as told:
            answer_of(get(DETAILS, {"order_number": order.number}, key=key, by=ada))
        counts.append(len(told))
    assert counts[1] == counts[2]
