"""Buying, from the account to the parcel, over nothing but HTTP: the way that the README tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from kit.money import Money
from orders import actors, fulfilment, jobs
from orders.cash import collect_cash
from orders.models import Order
from payments.models import Refund
from tests.gateway_process import SandboxProcess
from tests.shop import ADDRESS, Shop, left, open_shop

PASSWORD = "correct horse 9 battery"


@dataclass
class Browser:
    """A shopper's client: it keeps the token that it was given."""

    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))
    token: str = ""

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """The value of the answer, whose status is as expected."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        raw = b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method, path, raw, content_type="application/json", headers=headers)
        assert response.status_code == expect, (method, path, response.status_code, response.content)
        return json.loads(response.content) if response.content else response

    def register(self, email: str) -> str:
        """An account of one's own; the customer's id."""
        self.call("POST", "/api/v1/auth/register/", {"email": email, "password": PASSWORD}, expect=201)
        self.token = self.call("POST", "/api/v1/auth/token/", {"email": email, "password": PASSWORD})["access"]
        customer_id: str = self.call("GET", "/api/v1/customers/me/")["id"]
        return customer_id


@pytest.fixture
def shop(db: None) -> Shop:
    """The shop with its goods in stock."""
    return open_shop()


@pytest.fixture(autouse=True)
def cheap_hash(settings: Any) -> None:
    """Nobody guesses passwords here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def browser(db: None) -> Browser:
    """Somebody who has not been here before."""
    return Browser()


def _basket(browser: Browser, customer_id: str, words: str, method: str, quantity: int = 1) -> dict[str, Any]:
    """What a shopper finds by its words, delivered by the method of that name that fits the address."""
    (found,) = browser.call("GET", f"/api/v1/products/?search={words}")["results"]
    fitting = browser.call("GET", "/api/v1/delivery-methods/?country=USA&currency=USD&kinds=physical")["results"]
    return {
        "customerId": customer_id,
        "deliveryMethodId": next(row["id"] for row in fitting if row["name"] == method),
        "deliveryAddress": ADDRESS,
        "items": [{"productId": found["id"], "variantId": None, "quantity": quantity}],
        "notes": "Please ring doorbell upon delivery",
    }


def _order(browser: Browser, order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = browser.call("GET", f"/api/v1/orders/{order_id}/")
    return order


def test_paid_online_confirmed_sent_and_delivered(shop: Shop, browser: Browser, sandbox: SandboxProcess) -> None:
    customer_id = browser.register("ada@example.com")
    wanted = _basket(browser, customer_id, "headphones", "Standard", quantity=2)

    bought = browser.call("POST", "/api/orders/with-payment", wanted)
    assert (bought["totalAmount"], bought["currency"]) == (459.98, "USD")
    order_id = bought["orderId"]

    # Her word alone is not enough.
    assert browser.call("PATCH", f"/api/orders/{order_id}/paid", expect=400) == "The payment has not been made yet"
    sandbox.pay(bought["clientSecret"], outcome="fail", webhook="none")
    assert browser.call("PATCH", f"/api/orders/{order_id}/paid", expect=400) == "The payment failed"
    assert _order(browser, order_id)["status"] == "Payment Pending"

    sandbox.pay(bought["clientSecret"], webhook="none")
    browser.call("PATCH", f"/api/orders/{order_id}/paid", expect=204)
    again = browser.call("PATCH", f"/api/orders/{order_id}/paid", expect=400)
    assert again == "Order has already been marked as paid"

    jobs.send_notices(0)
    jobs.send_notices(0)
    order = Order.objects.get(pk=order_id)
    assert [(one.subject, one.to) for one in mail.outbox] == [
        (f"Your order {order.number}", ["ada@example.com"]),
        (f"Payment received for your order {order.number}", ["ada@example.com"]),
    ]
    (invoice,) = _order(browser, order_id)["documents"]
    assert (invoice["kind"], invoice["total"]) == ("invoice", "459.98")

    clerk = actors.SYSTEM
    fulfilment.send_order(order.pk, actor=clerk, carrier="UPS", tracking_number="1Z999")
    browser.call("POST", f"/api/v1/orders/{order_id}/cancel/", {}, expect=409)
    (listed,) = browser.call("GET", "/api/v1/orders/")["results"]
    assert (listed["number"], listed["status"], listed["fulfilment"]) == (order.number, "Paid", "sent")

    fulfilment.deliver_order(order.pk, actor=clerk)
    whole = _order(browser, order_id)
    assert (whole["status"], whole["collected"], whole["refunded"]) == ("Completed", "459.98", "0.00")
    assert whole["tracking"]["tracking_number"] == "1Z999"
    assert [entry["event"] for entry in whole["history"]] == ["placed", "payment", "sent", "delivered", "payment"]

    (witness,) = sandbox.books("stripe")["orders"]
    assert (witness["captured"], witness["refunded"]) == (45998, 0)


def test_paid_on_delivery(shop: Shop, browser: Browser) -> None:
    customer_id = browser.register("ada@example.com")
    wanted = _basket(browser, customer_id, "headphones", "Cash on delivery")
    location = browser.call("POST", "/api/orders", wanted, expect=204)["Location"]
    order_id = browser.call("GET", location)["id"]
    jobs.send_notices(0)
    assert len(mail.outbox) == 1

    order = Order.objects.get(pk=order_id)
    clerk = actors.SYSTEM
    fulfilment.send_order(order.pk, actor=clerk)
    fulfilment.deliver_order(order.pk, actor=clerk)
    assert _order(browser, order_id)["status"] == "Payment Pending"
    collect_cash(order.pk, amount=Money(20499, "USD"), receipt=order.pk, actor=clerk)
    assert _order(browser, order_id)["status"] == "Completed"
    browser.call("PATCH", f"/api/orders/{order_id}/paid", expect=204)
    jobs.send_notices(0)
    assert len(mail.outbox) == 2


def test_paid_and_cancelled_the_money_comes_back(shop: Shop, browser: Browser, sandbox: SandboxProcess) -> None:
    customer_id = browser.register("ada@example.com")
    bought = browser.call("POST", "/api/orders/with-payment", _basket(browser, customer_id, "cable", "Standard"))
    sandbox.pay(bought["clientSecret"], webhook="none")
    browser.call("PATCH", f"/api/orders/{bought['orderId']}/paid", expect=204)
    assert left(shop.cable) == 999

    cancelled = browser.call("POST", f"/api/v1/orders/{bought['orderId']}/cancel/", {"reason": "changed my mind"})
    assert (cancelled["status"], left(shop.cable)) == ("Cancelled", 1000)
    jobs.send_refund(str(Refund.objects.get().pk))

    whole = _order(browser, bought["orderId"])
    assert (whole["status"], whole["collected"], whole["refunded"]) == ("Cancelled", "69.50", "69.50")
    (witness,) = sandbox.books("stripe")["orders"]
    assert (witness["captured"], witness["refunded"]) == (6950, 6950)
    refused = browser.call("PATCH", f"/api/orders/{bought['orderId']}/paid", expect=400)
    assert refused == "Order has already been marked as paid"


def test_not_paid_and_bought_again(shop: Shop, browser: Browser, sandbox: SandboxProcess) -> None:
    """Orders are not modified: she cancels and orders again."""
    customer_id = browser.register("ada@example.com")
    wanted = _basket(browser, customer_id, "cable", "Standard")
    first = browser.call("POST", "/api/orders/with-payment", wanted)
    browser.call("POST", f"/api/v1/orders/{first['orderId']}/cancel/", {})
    refused = browser.call("PATCH", f"/api/orders/{first['orderId']}/paid", expect=400)
    assert refused == "The order is cancelled"
    second = browser.call(
        "POST", "/api/orders/with-payment", {**wanted, "items": [{**wanted["items"][0], "quantity": 3}]}
    )
    assert second["orderId"] != first["orderId"]
    assert left(shop.cable) == 997
