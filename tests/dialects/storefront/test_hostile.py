"""Bodies, headers, methods and paths that no honest client sends: always a 4xx in the dialect's shape, never a 500."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from orders.models import Order
from tests import shop as shops
from tests.shop import ON_DELIVERY, WITH_PAYMENT, Shop, Shopper, item, order_body, send, text_of, written

PATHS = [WITH_PAYMENT, ON_DELIVERY]

MALFORMED: list[tuple[str, bytes, str]] = [
    ("an opening brace", b"{", "The body is not JSON: Expecting property name enclosed in double quotes at position 1"),
    ("empty", b"", "The body is empty"),
    ("blank", b"  \n", "The body is not JSON: Expecting value at position 3"),
    ("a form", b"customerId=1", "The body is not JSON: Expecting value at position 0"),
    ("two values", b"{} {}", "The body is not JSON: Extra data at position 3"),
    ("NaN", b'{"items": NaN}', "NaN is not JSON"),
    ("Infinity", b'{"items": Infinity}', "Infinity is not JSON"),
    ("minus Infinity", b'{"items": -Infinity}', "-Infinity is not JSON"),
    ("1e400", b'{"items": 1e400}', "A number does not fit into 64 bits"),
    ("1e-400", b'{"items": 1e-400}', "A number does not fit into 64 bits"),
    ("2^63", b'{"items": 9223372036854775808}', "A number does not fit into 64 bits"),
    ("-2^63 - 1", b'{"items": -9223372036854775809}', "A number does not fit into 64 bits"),
    ("5000 digits", b'{"items": ' + b"9" * 5000 + b"}", "A number does not fit into 64 bits"),
    ("5000 decimals", b'{"items": 1.' + b"9" * 5000 + b"}", "A number has too many digits"),
    ("a NUL", b'{"notes": "a\\u0000b"}', "A text contains a NUL character"),
    ("a NUL in a key", b'{"a\\u0000b": 1}', "A text contains a NUL character"),
    ("a raw NUL", b'{"notes": "a\x00b"}', "The body is not JSON: Invalid control character at at position 12"),
    ("a lone surrogate", b'{"notes": "\\ud800"}', "A text contains a lone surrogate"),
    ("a lone low surrogate", b'{"notes": "x\\udfffx"}', "A text contains a lone surrogate"),
    ("not UTF-8", b'{"notes": "\xff"}', "The body is not UTF-8"),
    ("UTF-16", '{"notes": "a"}'.encode("utf-16"), "The body is not UTF-8"),
    ("a surrogate as UTF-8", b'{"notes": "\xed\xa0\x80"}', "The body is not UTF-8"),
    ("nested deeply", b"[" * 33 + b"]" * 33, "The JSON is nested deeper than 32 levels"),
    ("nested absurdly", b"[" * 100_000, "The JSON is nested deeper than 32 levels"),
    ("nested objects", b'{"a":' * 50_000 + b"1", "The JSON is nested deeper than 32 levels"),
    ("the same key twice", b'{"notes": "a", "notes": "b"}', "An object has the same key twice"),
    ("an array", b"[]", "The body must be a JSON object"),
    ("a string", b'"order"', "The body must be a JSON object"),
    ("null", b"null", "The body must be a JSON object"),
    ("a number", b"1", "The body must be a JSON object"),
    ("true", b"true", "The body must be a JSON object"),
    ("an empty object", b"{}", "customerId is required and must be a string"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("body", "text"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_what_is_not_the_documented_json_is_refused_with_a_reason(
    shop: Shop, ada: Shopper, path: str, body: bytes, text: str
) -> None:
    before = written()
    response = send("POST", path, body, by=ada)
    assert (response.status_code, text_of(response)) == (400, text)
    assert written() == before


REQUIRED_ID = "{} is required and must be a string"
REQUIRED_TEXT = "deliveryAddress.{} is required and must be a string of at most {} characters"
NO_COUNTRY = "deliveryAddress.country must be an ISO 3166 code or an English name of a country"
NOT_TEXT: list[Any] = [1, 1.5, True, False, [], {}, ["a"]]
TEXTS = (("street", 200), ("city", 120), ("state", 120), ("zipCode", 20))


def _each(field: str, values: list[Any], text: str) -> list[tuple[str, Any, str]]:
    return [(field, value, text) for value in values]


WRONG: list[tuple[str, Any, str]] = [
    *_each("customerId", [None, *NOT_TEXT], REQUIRED_ID.format("customerId")),
    *_each("deliveryMethodId", [None, *NOT_TEXT], REQUIRED_ID.format("deliveryMethodId")),
    *_each("deliveryAddress", [None, "here", 1, True, []], "deliveryAddress is required and must be an object"),
    *[
        row
        for name, longest in TEXTS
        for row in _each(
            f"deliveryAddress.{name}",
            [*NOT_TEXT, "x" * (longest + 1), *([] if name == "state" else [None])],
            REQUIRED_TEXT.format(name, longest),
        )
    ],
    *[
        (f"deliveryAddress.{name}", blank, f"deliveryAddress.{name} must not be empty")
        for name in ("street", "city", "zipCode")
        for blank in ("", " \t")
    ],
    *_each(
        "deliveryAddress.country",
        [None, *NOT_TEXT, "", "Atlantis", "XX", "U", "x" * 5000],
        NO_COUNTRY,
    ),
    *_each("items", [None, {}, "all", 1, True], "items is required and must be a list"),
    *_each("items[0]", [None, "a", 1, True, []], "items[0] must be an object"),
    *_each("items[0].productId", [None, *NOT_TEXT], REQUIRED_ID.format("items[0].productId")),
    *_each("items[0].variantId", NOT_TEXT, "items[0].variantId must be a string or null"),
    *_each(
        "items[0].unitPrice",
        ["199.99", "\N{FULLWIDTH DIGIT ONE}99", True, False, [], {}],
        "items[0].unitPrice must be a number",
    ),
    *_each("notes", [*NOT_TEXT, "x" * 2001], "notes must be a string of at most 2000 characters"),
    *_each("couponCode", [*NOT_TEXT, "x" * 65], "couponCode must be a string of at most 64 characters"),
    *_each("useCredits", [0, 1, 1.0, "true", [], {}], "useCredits must be true or false"),
    *_each(
        "paymentProvider",
        [1, True, [], {}, "", "Stripe", "offline", "paypal"],
        "paymentProvider must be stripe or razorpay",
    ),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("field", "value", "text"), WRONG, ids=[f"{field} {repr(value)[:20]}" for field, value, _ in WRONG]
)
def test_each_field_is_of_its_type_or_named(
    shop: Shop, ada: Shopper, path: str, field: str, value: Any, text: str
) -> None:
    body: Any = order_body(ada, shop.cash, item(shop.headphones))
    body["deliveryAddress"] = dict(body["deliveryAddress"])
    parents, _, name = field.replace("[0]", ".0").rpartition(".")
    parent = body
    for step in filter(None, parents.split(".")):
        parent = parent[int(step) if step.isdigit() else step]
    parent[int(name) if name.isdigit() else name] = value
    before = written()
    response = send("POST", path, body, by=ada)
    assert (response.status_code, text_of(response)) == (400, text)
    assert written() == before


def test_more_items_than_an_order_may_have(shop: Shop, ada: Shopper) -> None:
    response = send("POST", ON_DELIVERY, order_body(ada, shop.cash, *[item(shop.cable)] * 501), by=ada)
    assert (response.status_code, text_of(response)) == (400, "items must have at most 500 items")


def test_what_is_not_documented_is_not_looked_at(shop: Shop, ada: Shopper) -> None:
    """Nobody sets a price, a status or an amount by sending it."""
    order = shops.order_on_delivery(
        ada, shop, item(shop.cable, price=0.01, total=0), total=0, status="paid", paid=True, currency="JPY", id=1
    )
    assert (order.total_minor, order.currency, order.status, order.collected_minor) == (
        1450,
        "USD",
        "payment_pending",
        0,
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [None, "key"])
def test_a_body_over_the_limit_is_not_read(shop: Shop, ada: Shopper, path: str, key: str | None) -> None:
    body = order_body(ada, shop.cash, item(shop.cable), notes="x" * settings.MAX_BODY_BYTES)
    before = written()
    response = send("POST", path, body, by=ada, key=key)
    assert (response.status_code, text_of(response)) == (413, "The body is too large.")
    assert written() == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml", "x"]
)
def test_another_content_type_is_unsupported(shop: Shop, ada: Shopper, path: str, content_type: str) -> None:
    body = order_body(ada, shop.cash, item(shop.cable))
    before = written()
    response = send("POST", path, body, by=ada, content_type=content_type)
    assert (response.status_code, text_of(response)) == (415, "The body must be application/json")
    assert written() == before


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_announced_with_parameters(shop: Shop, ada: Shopper, content_type: str) -> None:
    body = order_body(ada, shop.cash, item(shop.cable))
    assert send("POST", ON_DELIVERY, body, by=ada, content_type=content_type).status_code == 204


ROUTES = [(WITH_PAYMENT, "POST"), (ON_DELIVERY, "POST"), (f"/api/orders/{uuid.UUID(int=7)}/paid", "PATCH")]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("path", "allowed"), ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "POST", "TRACE", "BREW"])
def test_other_methods_are_told_which_one_it_is(ada: Shopper, path: str, allowed: str, method: str, slash: str) -> None:
    response = send(method, path + slash, b"{}", by=ada)
    if method == allowed:
        assert response.status_code in (400, 404)
        return
    assert (response.status_code, response["Allow"]) == (405, allowed)
    assert response.content == (b"" if method == "HEAD" else f'"Method {method} is not allowed here"'.encode())


def test_a_browser_of_an_allowed_origin_may_ask_first(db: None, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    response = Client().options(
        WITH_PAYMENT,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,apikey,content-type,idempotency-key",
        },
    )
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    for name in ("authorization", "apikey", "content-type", "idempotency-key"):
        assert name in response["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_trailing_slash_is_optional(shop: Shop, ada: Shopper, slash: str) -> None:
    response = send("POST", ON_DELIVERY + slash, order_body(ada, shop.cash, item(shop.cable)), by=ada)
    assert response.status_code == 204
    order = shops.order_at(response["Location"])
    response = send("PATCH", f"/api/orders/{order.pk}/paid{slash}", by=ada)
    assert (response.status_code, text_of(response)) == (400, "The order is paid on delivery and has not been paid yet")


def test_ids_are_read_in_upper_case_and_in_no_other_disguise(shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.cash, item(shop.cable))
    shouted = {**body, "customerId": body["customerId"].upper(), "deliveryMethodId": body["deliveryMethodId"].upper()}
    assert send("POST", ON_DELIVERY, shouted, by=ada).status_code == 204
    known = body["customerId"]
    for disguise in (f"{{{known}}}", f"urn:uuid:{known}", known.replace("-", ""), f" {known}", f"{known}\n", ""):
        response = send("POST", ON_DELIVERY, {**body, "customerId": disguise}, by=ada)
        assert (response.status_code, text_of(response)) == (404, "Customer not found"), disguise


@pytest.mark.parametrize(
    "order_id",
    [
        "1",
        "{0}",
        "x",
        "%00",
        "%F0%9F%98%80",
        "\N{FULLWIDTH DIGIT ONE}",
        "9" * 5000,
        str(uuid.UUID(int=7)),
        "..",
        "%ff",
        "a%2Fb",
    ],
)
def test_an_order_id_that_is_none_is_not_found(shop: Shop, ada: Shopper, order_id: str) -> None:
    response = send("PATCH", f"/api/orders/{order_id}/paid", by=ada)
    assert response.status_code == 404
    if order_id != "a%2Fb":
        assert text_of(response) == "Order not found"


def test_a_newline_after_the_path_is_another_path(shop: Shop, ada: Shopper) -> None:
    response = send("POST", f"{ON_DELIVERY}%0A", order_body(ada, shop.cash, item(shop.cable)), by=ada)
    assert response.status_code == 404
    assert not Order.objects.exists()


def test_texts_come_back_as_they_were_sent(shop: Shop, ada: Shopper) -> None:
    notes = "Zwölf \N{GRINNING FACE} \N{RIGHT-TO-LEFT OVERRIDE}abc\u200b <b>{{ 7*7 }}</b> ' ; DROP TABLE x --"
    order = shops.order_on_delivery(ada, shop, item(shop.cable), notes=notes)
    assert order.notes == notes
    assert json.loads(json.dumps(order.notes)) == notes


@pytest.mark.parametrize("country", ["US", "us", "USA", "usa", "United States", "united states of america", " U.S. "])
def test_a_country_is_stored_as_its_code(shop: Shop, ada: Shopper, country: str) -> None:
    address = {**shops.ADDRESS, "country": country}
    assert shops.order_on_delivery(ada, shop, item(shop.cable), deliveryAddress=address).country == "US"


def test_an_address_without_a_state_is_one(shop: Shop, ada: Shopper) -> None:
    address = {name: value for name, value in shops.ADDRESS.items() if name != "state"}
    assert shops.order_on_delivery(ada, shop, item(shop.cable), deliveryAddress=address).state == ""
