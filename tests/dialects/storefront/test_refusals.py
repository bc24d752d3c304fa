"""Every refusal of a purchase: its status, its exact text, that the first check in documented order answers, and that
nothing at all was written.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from catalog.models import DeliveryMethod, Product, Variant
from tests import shop as shops
from tests.shop import ON_DELIVERY, WITH_PAYMENT, Shop, Shopper, item, order_body, send, text_of, written

type Change = Callable[[dict[str, Any], Shop], None]

HEADPHONES = "Premium Headphones"
PATHS = [WITH_PAYMENT, ON_DELIVERY]


def good_body(shop: Shop, ada: Shopper) -> dict[str, Any]:
    """An order that both routes take."""
    return order_body(ada, shop.cash, item(shop.headphones, 2), notes="Please ring doorbell upon delivery")


def refused(path: str, body: Any, by: Shopper | None, status: int, text: str) -> None:
    """The one answer, and that the database is as it was."""
    before = written()
    response = send("POST", path, body, by=by)
    assert (response.status_code, text_of(response)) == (status, text)
    assert response.content == json.dumps(text, ensure_ascii=False).encode()
    assert "Location" not in response
    assert written() == before


# --- one fault each -------------------------------------------------------------------------------------------------


def _items(*items: dict[str, Any]) -> Change:
    return lambda body, shop: body.update(items=list(items))


def _one(name: str, **fields: Any) -> Change:
    return lambda body, shop: body.update(items=[item(getattr(shop, name), **fields)])


def _set(**fields: Any) -> Change:
    return lambda body, shop: body.update(fields)


def _drop(name: str) -> Change:
    return lambda body, shop: body.pop(name)


def _item_field(name: str, value: Any) -> Change:
    return lambda body, shop: body["items"][0].update({name: value})


def _address(name: str, value: Any) -> Change:
    return lambda body, shop: body.update(deliveryAddress={**body["deliveryAddress"], name: value})


def _shirt(variant: Any) -> Change:
    return lambda body, shop: body.update(items=[{"productId": str(shop.shirt), "variantId": variant, "quantity": 1}])


def _without_variant(body: dict[str, Any], shop: Shop) -> None:
    body["items"] = [{"productId": str(shop.shirt), "quantity": 1}]


def _variant_of_another(body: dict[str, Any], shop: Shop) -> None:
    body["items"][0]["variantId"] = str(shop.cable.variant_id)


def _twice_the_scarce(body: dict[str, Any], shop: Shop) -> None:
    body["items"] = [item(shop.scarce), item(shop.scarce)]


def _deliver_by(name: str) -> Change:
    return lambda body, shop: body.update(deliveryMethodId=str(getattr(shop, name)))


UNKNOWN = str(uuid.UUID(int=7))
SHORT = "Product 'Last Lamp' has insufficient stock. Available: 1, Requested: {}"
NOT_WHOLE = f"The quantity of product '{HEADPHONES}' must be a whole number of at least 1"
NO_QUANTITIES: list[Any] = [0, -1, 1.5, 2.0, "2", "\N{FULLWIDTH DIGIT TWO}", True, None, [], {}, -(2**63)]
REFUSALS: list[tuple[str, Change, int, str]] = [
    ("stock short", _one("scarce", quantity=2), 400, SHORT.format(2)),
    ("the same variant twice adds up", _twice_the_scarce, 400, SHORT.format(2)),
    ("far more than there is", _one("scarce", quantity=2**63 - 1), 400, SHORT.format(2**63 - 1)),
    (
        "price moved",
        _item_field("unitPrice", 189.99),
        400,
        f"The price of product '{HEADPHONES}' has changed. Sent: 189.99, Now: 199.99 USD",
    ),
    (
        "a price in more digits than money has",
        _item_field("unitPrice", 199.991),
        400,
        f"The price of product '{HEADPHONES}' has changed. Sent: 199.991, Now: 199.99 USD",
    ),
    ("variant missing", _without_variant, 400, "Product 'T-Shirt' has variants, choose one with variantId"),
    ("variant null", _shirt(None), 400, "Product 'T-Shirt' has variants, choose one with variantId"),
    ("variant of another product", _variant_of_another, 400, f"Product '{HEADPHONES}' has no such variant"),
    ("variant unknown", _item_field("variantId", UNKNOWN), 400, f"Product '{HEADPHONES}' has no such variant"),
    ("variant no id", _item_field("variantId", "large"), 400, f"Product '{HEADPHONES}' has no such variant"),
    *[(f"quantity {value!r}", _item_field("quantity", value), 400, NOT_WHOLE) for value in NO_QUANTITIES],
    ("no quantity", lambda body, shop: body["items"][0].pop("quantity"), 400, "items[0].quantity is required"),
    ("no items", _items(), 400, "items must have at least one item"),
    ("coupon unknown", _set(couponCode="SAVE10"), 400, "Coupon 'SAVE10' cannot be used"),
    (
        "country not served",
        _address("country", "DE"),
        400,
        "Delivery method 'Cash on delivery' does not deliver to DE",
    ),
    (
        "another currency",
        _one("sari"),
        400,
        "Delivery method 'Cash on delivery' is charged in USD and cannot carry an order in INR",
    ),
    (
        "a kind that it does not carry",
        _one("package"),
        400,
        "Delivery method 'Cash on delivery' cannot carry products of kind 'package'",
    ),
    ("customer is another", _set(customerId=UNKNOWN), 404, "Customer not found"),
    ("customer is no id", _set(customerId="7"), 404, "Customer not found"),
    ("delivery method unknown", _set(deliveryMethodId=UNKNOWN), 404, "Delivery method not found"),
    ("delivery method no id", _set(deliveryMethodId="standard"), 404, "Delivery method not found"),
    ("product unknown", _item_field("productId", UNKNOWN), 404, "Product not found"),
    ("product no id", _item_field("productId", "1"), 404, "Product not found"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("change", "status", "text"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_each_fault_has_its_answer_and_writes_nothing(
    shop: Shop, ada: Shopper, path: str, change: Change, status: int, text: str
) -> None:
    body = good_body(shop, ada)
    change(body, shop)
    refused(path, body, ada, status, text)


def test_too_heavy_for_the_method(shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.express, item(shop.headphones, 8))
    before = shops.left(shop.headphones)
    refused(WITH_PAYMENT, order_body(ada, shop.express, item(shop.headphones, 9)), ada, 400, _too_heavy(2250))
    # The same variant on two lines weighs as much as on one, and exactly the limit is light enough.
    two_lines = [item(shop.headphones, 8), item(shop.cable, 1)]
    refused(WITH_PAYMENT, {**body, "items": two_lines}, ada, 400, _too_heavy(2050))
    assert shops.left(shop.headphones) == before


def _too_heavy(grams: int) -> str:
    return f"Delivery method 'Express' carries at most 2000 g, the order weighs {grams} g"


def test_a_method_without_cash_on_delivery_refuses_it(shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.standard, item(shop.headphones))
    refused(ON_DELIVERY, body, ada, 400, "Delivery method 'Standard' does not offer cash on delivery")


@pytest.mark.parametrize("path", PATHS)
def test_what_was_switched_off_is_not_found(shop: Shop, ada: Shopper, path: str) -> None:
    body = good_body(shop, ada)
    Variant.objects.filter(pk=shop.headphones.variant_id).update(active=False)
    refused(path, body, ada, 404, "Product not found")
    Variant.objects.filter(pk=shop.headphones.variant_id).update(active=True)
    Product.objects.filter(pk=shop.headphones.product_id).update(active=False)
    refused(path, body, ada, 404, "Product not found")
    DeliveryMethod.objects.filter(pk=shop.cash).update(active=False)
    refused(path, body, ada, 404, "Delivery method not found")


@pytest.mark.parametrize("path", PATHS)
def test_another_customer_and_no_customer_are_one_answer(shop: Shop, ada: Shopper, bob: Shopper, path: str) -> None:
    refused(path, good_body(shop, bob), ada, 404, "Customer not found")
    clerk = shops.access_of(shops.hire())
    before = written()
    response = send("POST", path, good_body(shop, ada), by=clerk)
    assert (response.status_code, text_of(response)) == (404, "Customer not found")
    assert written() == before


@pytest.mark.parametrize("path", [*PATHS, f"/api/orders/{UNKNOWN}/paid"])
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic YWRhOmFkYQ==", "Token {}", "Bearer {}x", "Bearer {} {}"],
)
def test_without_a_good_token_nobody_gets_in(shop: Shop, ada: Shopper, path: str, authorization: str | None) -> None:
    before = written()
    headers = {} if authorization is None else {"Authorization": authorization.replace("{}", ada.access)}
    method = "PATCH" if path.endswith("paid") else "POST"
    response = send(method, path, good_body(shop, ada), headers=headers)
    assert (response.status_code, text_of(response)) == (401, "Authentication is required")
    assert response["WWW-Authenticate"] == "Bearer"
    assert written() == before


# --- two faults at once: the first in documented order answers ------------------------------------------------------

CUSTOMER: tuple[Change, str] = (_set(customerId=UNKNOWN), "Customer not found")
DELIVERY: tuple[Change, str] = (_set(deliveryMethodId=UNKNOWN), "Delivery method not found")
COUPON: tuple[Change, str] = (_set(couponCode="NO"), "Coupon 'NO' cannot be used")
FIT: tuple[Change, str] = (
    _address("country", "France"),
    "Delivery method 'Cash on delivery' does not deliver to FR",
)
SHAPE: tuple[Change, str] = (_set(notes=1), "notes must be a string of at most 2000 characters")
# All of one item, in their order; each change leaves room for the next.
PRODUCT: tuple[Change, str] = (_item_field("productId", UNKNOWN), "Product not found")
VARIANT: tuple[Change, str] = (_item_field("variantId", UNKNOWN), f"Product '{HEADPHONES}' has no such variant")
QUANTITY: tuple[Change, str] = (_item_field("quantity", 0), NOT_WHOLE)
PRICE: tuple[Change, str] = (
    _item_field("unitPrice", 1),
    f"The price of product '{HEADPHONES}' has changed. Sent: 1, Now: 199.99 USD",
)
STOCK: tuple[Change, str] = (
    _item_field("quantity", 1001),
    f"Product '{HEADPHONES}' has insufficient stock. Available: 1000, Requested: 1001",
)
IN_ORDER = [SHAPE, CUSTOMER, DELIVERY, PRODUCT, VARIANT, QUANTITY, PRICE, STOCK, COUPON, FIT]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (first, second)
        for place, first in enumerate(IN_ORDER)
        for second in IN_ORDER[place + 1 :]
        # One quantity cannot be both.
        if (first, second) != (QUANTITY, STOCK)
    ],
)
def test_of_two_faults_the_first_in_documented_order_answers(
    shop: Shop, ada: Shopper, path: str, first: tuple[Change, str], second: tuple[Change, str]
) -> None:
    body = good_body(shop, ada)
    second[0](body, shop)
    first[0](body, shop)
    status = 404 if first in (CUSTOMER, DELIVERY, PRODUCT) else 400
    refused(path, body, ada, status, first[1])


def test_the_token_comes_before_everything(shop: Shop, ada: Shopper) -> None:
    refused(WITH_PAYMENT, b"{", None, 401, "Authentication is required")
    refused(WITH_PAYMENT, {"customerId": UNKNOWN}, None, 401, "Authentication is required")


def test_items_are_looked_at_in_turn(shop: Shop, ada: Shopper) -> None:
    """A later item's missing product does not hide an earlier item's short stock."""
    body = order_body(ada, shop.cash, item(shop.scarce, 2), {"productId": UNKNOWN, "quantity": 1})
    refused(ON_DELIVERY, body, ada, 400, SHORT.format(2))
    body["items"].reverse()
    refused(ON_DELIVERY, body, ada, 404, "Product not found")


def test_nothing_is_taken_for_the_lines_that_were_fine(shop: Shop, ada: Shopper) -> None:
    refused(
        ON_DELIVERY,
        order_body(ada, shop.cash, item(shop.headphones), item(shop.cable, 3), item(shop.scarce, 2)),
        ada,
        400,
        SHORT.format(2),
    )
    assert shops.left(shop.headphones) == 1000


def test_credit_is_bought_alone_and_with_money(shop: Shop, ada: Shopper) -> None:
    credit = shops.add_article("Ten dollars of credit", "CREDIT-10", 1000, kind="credit")
    method = shops.add_delivery("By e-mail", 0, kinds=("credit", "physical"), cash_on_delivery=True)
    body = order_body(ada, method, item(credit), item(shop.cable))
    refused(ON_DELIVERY, body, ada, 400, "Prepaid credit is ordered by itself")
    body["items"].pop()
    text = "useCredits: prepaid credit is not bought with credits"
    refused(ON_DELIVERY, {**body, "useCredits": True}, ada, 400, text)


def test_an_amount_that_no_account_holds_is_refused(shop: Shop, ada: Shopper) -> None:
    dear = shops.add_article("Palace", "PALACE", 2**62, weight_grams=0)
    refused(ON_DELIVERY, order_body(ada, shop.cash, item(dear, 2)), ada, 400, "The order's amount is out of range")
