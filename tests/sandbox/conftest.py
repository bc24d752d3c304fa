"""The official SDKs, pointed at the running sandbox: a process of its own, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import razorpay
import requests
import stripe
from django.conf import settings

from tests.gateway_process import SandboxProcess

CLIENT_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Driver:
    """The sandbox's own routes."""

    base_url: str

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(f"{self.base_url}/{path}", json=body, timeout=10)

    def pay(self, payment: str, outcome: str = "succeed", **more: str) -> dict[str, Any]:
        answer = self.post("pay", {"payment": payment, "outcome": outcome, **more})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def arm(self, gateway: str, call: str, fault: str, **more: int) -> None:
        answer = self.post("faults", {"gateway": gateway, "call": call, "fault": fault, **more})
        assert (answer.status_code, answer.content) == (204, b"")

    def books(self, gateway: str, **query: str | int) -> dict[str, Any]:
        answer = requests.get(f"{self.base_url}/books", params={"gateway": gateway, **query}, timeout=10)
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def driver(sandbox: SandboxProcess) -> Driver:
    return Driver(sandbox.base_url)


@pytest.fixture
def stripe_client(driver: Driver) -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": f"{driver.base_url}/stripe"},
        http_client=stripe.RequestsClient(timeout=CLIENT_TIMEOUT_S),
        max_network_retries=0,
    )


@pytest.fixture
def razorpay_client(driver: Driver) -> Any:
    return razorpay.Client(
        auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET), base_url=f"{driver.base_url}/razorpay"
    )


@pytest.fixture
def new_intent(stripe_client: stripe.StripeClient) -> Callable[..., stripe.PaymentIntent]:
    def create(amount: int = 4599, currency: str = "usd", **more: Any) -> stripe.PaymentIntent:
        params: Any = {"amount": amount, "currency": currency, **more}
        return stripe_client.v1.payment_intents.create(params)

    return create


@pytest.fixture
def new_order(razorpay_client: Any) -> Callable[..., dict[str, Any]]:
    def create(amount: int = 50000, currency: str = "INR", **more: Any) -> dict[str, Any]:
        order: dict[str, Any] = razorpay_client.order.create(data={"amount": amount, "currency": currency, **more})
        return order

    return create
