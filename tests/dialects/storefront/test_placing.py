"""Orders that are taken: what the answers say, to the byte, and what they cost in SQL."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from catalog.models import Variant
from kit import clock
from kit.money import Money
from orders.checkout import Checkout
from orders.jobs import expire_orders
from orders.models import Order
from orders_project.dialects.storefront import wire
from payments import gateways
from payments.models import PaymentRequest
from tests import shop as shops
from tests.gateway_process import SandboxProcess
from tests.shop import ON_DELIVERY, WITH_PAYMENT, Shop, Shopper, item, order_body, send, text_of
from tests.statements import statements


def test_an_order_with_payment_answers_as_documented(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    body = order_body(ada, shop.standard, item(shop.headphones, 2, variantId=None), notes="Please ring")
    response = send("POST", WITH_PAYMENT, body, by=ada)
    assert response.status_code == 200
    answer = json.loads(response.content)
    order = Order.objects.get()
    assert answer == {
        "orderId": str(order.pk),
        "clientSecret": PaymentRequest.objects.get().client_secret,
        "totalAmount": 459.98,
        "currency": "USD",
        "paymentProvider": "stripe",
    }
    assert re.fullmatch(r"pi_\w+_secret_\w+", answer["clientSecret"])
    assert b'"totalAmount": 459.98,' in response.content
    assert response["Content-Type"] == "application/json"
    assert (order.status, order.customer_id, order.notes, order.country) == (
        "payment_pending",
        ada.customer.pk,
        "Please ring",
        "US",
    )
    assert (order.products_minor, order.delivery_minor, order.total_minor) == (39998, 6000, 45998)
    assert order.expires_at == order.placed_at + settings.ORDER_EXPIRES_AFTER
    assert shops.left(shop.headphones) == 998


def test_razorpay_gets_its_order_id_and_key_instead_of_a_secret(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    address = {**shops.ADDRESS, "country": "India"}
    body = order_body(ada, shop.indian, item(shop.sari), deliveryAddress=address, paymentProvider="razorpay")
    response = send("POST", WITH_PAYMENT, body, by=ada)
    assert response.status_code == 200, response.content
    assert json.loads(response.content) == {
        "orderId": str(Order.objects.get().pk),
        "clientSecret": None,
        "totalAmount": 1550,
        "currency": "INR",
        "paymentProvider": "razorpay",
        "razorpayOrderId": PaymentRequest.objects.get().gateway_reference,
        "keyId": "rzp_test_sandbox",
    }


@pytest.mark.parametrize(
    ("currency", "price_minor", "digits"),
    [
        ("USD", 45998, b"459.98"),
        ("USD", 45990, b"459.90"),
        ("USD", 45900, b"459"),
        ("JPY", 1200, b"1200"),
        ("KWD", 1230, b"1.230"),
        ("KWD", 1000, b"1"),
    ],
)
def test_the_total_is_a_json_number_of_the_currencys_own_digits(
    ada: Shopper, sandbox: SandboxProcess, currency: str, price_minor: int, digits: bytes
) -> None:
    article = shops.add_article("Thing", "THING", price_minor, currency=currency)
    delivery = shops.add_delivery("Free", 0, currency)
    response = send("POST", WITH_PAYMENT, order_body(ada, delivery, item(article)), by=ada)
    assert response.status_code == 200, response.content
    assert re.search(rb'"totalAmount": ([^,}]*)[,}]', response.content)[1] == digits  # type: ignore[index]


def test_a_total_is_written_to_the_last_digit() -> None:
    """Gateways take no fils but multiples of ten, so this one is not placed over HTTP."""
    body: Any = {"customerId": "", "deliveryMethodId": "", "deliveryAddress": shops.ADDRESS, "items": [{}]}
    body["items"] = [{"productId": "", "quantity": 1}]
    for total, digits in ((Money(1234, "KWD"), b"1.234"), (Money(2**63 - 1, "USD"), b"92233720368547758.07")):
        done = Checkout(uuid.UUID(int=7), 7, total, "secret", None)
        assert b'"totalAmount": %b,' % digits in wire.checkout(done, wire.parse(body), razorpay_key_id="")


def test_an_order_of_nothing_to_pay_is_paid_at_once_and_asks_no_gateway(ada: Shopper) -> None:
    """No sandbox runs in this test, so a gateway that was asked could not answer."""
    article = shops.add_article("Gift", "GIFT", 0)
    delivery = shops.add_delivery("Free", 0)
    response = send("POST", WITH_PAYMENT, order_body(ada, delivery, item(article)), by=ada)
    assert response.status_code == 200, response.content
    order = Order.objects.get()
    assert json.loads(response.content) == {
        "orderId": str(order.pk),
        "clientSecret": None,
        "totalAmount": 0,
        "currency": "USD",
        "paymentProvider": "stripe",
    }
    assert (order.status, order.expires_at) == ("paid", None)
    assert not PaymentRequest.objects.exists()
    assert send("PATCH", f"/api/orders/{order.pk}/paid", by=ada).status_code == 204
    assert text_of(send("PATCH", f"/api/orders/{order.pk}/paid", by=ada)) == "Order has already been marked as paid"


def test_an_order_on_delivery_answers_204_and_names_the_order(shop: Shop, ada: Shopper) -> None:
    response = send("POST", ON_DELIVERY, order_body(ada, shop.cash, item(shop.headphones)), by=ada)
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response
    order = Order.objects.get()
    assert response["Location"] == f"/api/v1/orders/{order.pk}/"
    assert (order.status, order.payment_terms, order.expires_at) == ("payment_pending", "on_delivery", None)
    assert send("GET", response["Location"], by=ada).status_code == 200


def test_cash_on_delivery_never_expires(shop: Shop, ada: Shopper) -> None:
    order = shops.order_on_delivery(ada, shop, item(shop.cable))
    with clock.turned(timedelta(days=3650)):
        expire_orders(0)
    order.refresh_from_db()
    assert order.status == "payment_pending"


def test_the_only_variant_need_not_be_named_and_todays_price_may_be(shop: Shop, ada: Shopper) -> None:
    wanted = {"productId": str(shop.headphones.product_id), "quantity": 1}
    for unit_price in (199.99, None):
        order = shops.order_on_delivery(ada, shop, {**wanted, "unitPrice": unit_price})
        assert order.products_minor == 19999


def test_an_inactive_variant_does_not_make_one_of_two_a_choice(shop: Shop, ada: Shopper) -> None:
    Variant.objects.filter(pk=shop.shirt_large.variant_id).update(active=False)
    order = shops.order_on_delivery(ada, shop, {"productId": str(shop.shirt), "quantity": 1})
    assert order.lines.get().variant_id == shop.shirt_small.variant_id


def test_the_same_variant_twice_is_two_lines_and_one_reservation(shop: Shop, ada: Shopper) -> None:
    order = shops.order_on_delivery(ada, shop, item(shop.cable, 2), item(shop.cable, 3))
    assert list(order.lines.values_list("quantity", flat=True)) == [2, 3]
    assert shops.left(shop.cable) == 995


def test_a_provider_without_keys_is_refused_before_anything_is_written(shop: Shop, ada: Shopper) -> None:
    gateways.online.cache_clear()
    with override_settings(RAZORPAY_KEY_ID=""):
        body = order_body(ada, shop.standard, item(shop.cable), paymentProvider="razorpay")
        response = send("POST", WITH_PAYMENT, body, by=ada)
    gateways.online.cache_clear()
    assert (response.status_code, json.loads(response.content)) == (
        400,
        "paymentProvider 'razorpay' is not available here",
    )
    assert Order.objects.count() == 0


def test_an_order_is_not_modified(shop: Shop, ada: Shopper) -> None:
    order = shops.order_on_delivery(ada, shop, item(shop.cable))
    for path in (f"/api/orders/{order.pk}", f"/api/v1/orders/{order.pk}/"):
        for method in ("PUT", "PATCH", "DELETE"):
            response = send(method, path, {"items": [], "notes": "changed"}, by=ada)
            assert response.status_code in (404, 405), (method, path)
    assert Order.objects.get().notes == ""


# --- statements -----------------------------------------------------------------------------------------------------


def test_placing_costs_the_same_few_statements_for_any_number_of_lines(shop: Shop, ada: Shopper) -> None:
    counts = {}
    for lines in (2, 10, 50):
        articles = [shops.add_article(f"Bead {n}", f"BEAD-{lines}-{n}", 100, weight_grams=1) for n in range(lines)]
        body = order_body(ada, shop.cash, *map(item, articles))
        with statements() as told:
            response = send("POST", ON_DELIVERY, body, by=ada, key=str(uuid.uuid4()))
        assert response.status_code == 204, response.content
        counts[lines] = len(told)
    # The caller, the key's claim, the six of placing, the kept answer. At most 14 is what is promised.
    assert counts == dict.fromkeys(counts, 9), told
