"""What scripts and people can do at the sandbox by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from payments.sandbox.controls import shopper
from payments.sandbox.controls.shopper import Outcome, Try
from payments.sandbox.events import Mode
from payments.sandbox.signatures import checkout_signature
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

type NewIntent = Callable[..., stripe.PaymentIntent]
type NewOrder = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("succeed", "succeeded"),
        ("authorize", "requires_capture"),
        ("fail", "requires_payment_method"),
        ("abandon", "requires_payment_method"),
    ],
)
def test_each_outcome_at_stripe(outcome: str, status: str, driver: Driver, new_intent: NewIntent) -> None:
    intent = new_intent()
    assert driver.pay(str(intent.client_secret), outcome) == {"payment": intent.id, "status": status}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("succeed", "captured"), ("authorize", "authorized"), ("fail", "failed"), ("abandon", "created")],
)
def test_each_outcome_at_razorpay(outcome: str, status: str, driver: Driver, new_order: NewOrder) -> None:
    order = new_order()
    answer = driver.pay(order["id"], outcome)
    assert (answer["status"], answer["razorpay_order_id"]) == (status, order["id"])
    assert (answer["razorpay_payment_id"] is None) == (outcome == "abandon")


@pytest.mark.parametrize("method", ["card", "paypal", "upi", "netbanking", "wallet"])
def test_every_method_pays_at_both_gateways(
    method: str, driver: Driver, new_intent: NewIntent, new_order: NewOrder
) -> None:
    assert driver.pay(new_intent().id, method=method)["status"] == "succeeded"
    assert driver.pay(new_order()["id"], method=method)["status"] == "captured"


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"outcome": "succeed"}, 400, "payment"),
        ({"payment": "PI", "outcome": "explode"}, 400, "outcome"),
        ({"payment": "PI"}, 400, "outcome"),
        ({"payment": "PI", "outcome": "succeed", "method": "cheque"}, 400, "method"),
        ({"payment": "PI", "outcome": "succeed", "last4": "12"}, 400, "last4"),
        ({"payment": "PI", "outcome": "succeed", "webhook": "never"}, 400, "webhook"),
        ({"payment": "PI", "outcome": "succeed", "colour": "red"}, 400, "colour"),
        ({"payment": 7, "outcome": "succeed"}, 400, "payment"),
        ({"payment": "pi_unknown", "outcome": "succeed"}, 404, "payment"),
        ({"payment": "order_unknown", "outcome": "succeed"}, 404, "payment"),
        ({"payment": "PI_secret_wrong", "outcome": "succeed"}, 404, "payment"),
        ([], 400, "object"),
    ],
)
def test_a_payment_that_is_not_understood_is_refused_and_nothing_happens(
    body: Any, status: int, names: str, driver: Driver, new_intent: NewIntent
) -> None:
    intent = new_intent()
    if isinstance(body, dict) and str(body.get("payment")).startswith("PI"):
        body = {**body, "payment": body["payment"].replace("PI", intent.id)}
    answer = driver.post("pay", body)
    assert answer.status_code == status
    assert names in answer.json()["error"]
    assert driver.books("stripe")["orders"][0]["payments"] == []


def test_a_payment_is_made_once(driver: Driver, new_intent: NewIntent) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    answer = driver.post("pay", {"payment": intent.id, "outcome": "succeed"})
    assert (answer.status_code, "succeeded" in answer.json()["error"]) == (409, True)


def test_a_person_pays_on_a_page_without_scripts(driver: Driver, new_intent: NewIntent) -> None:
    intent = new_intent()
    url = f"{driver.base_url}/pay/"
    page = requests.get(url, params={"payment": str(intent.client_secret)}, timeout=5)
    assert page.status_code == 200
    assert "45.99 USD" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    form = {
        "payment": str(intent.client_secret),
        "outcome": "succeed",
        "method": "card",
        "last4": "",
        "webhook": "none",
    }
    done = requests.post(url, data=form, headers={"Accept": "text/html"}, timeout=5)
    assert (done.status_code, "succeeded" in done.text, "takes no further try" in done.text) == (200, True, True)
    again = requests.post(url, data=form, headers={"Accept": "text/html"}, timeout=5)
    assert (again.status_code, 'role="alert"' in again.text) == (409, True)


@pytest.mark.parametrize(
    ("query", "status", "alert"),
    [({}, 200, False), ({"payment": "pi_unknown"}, 404, True), ({"payment": "\0"}, 400, True)],
)
def test_the_page_asks_which_payment_it_is(query: dict[str, str], status: int, alert: bool, driver: Driver) -> None:
    page = requests.get(f"{driver.base_url}/pay", params=query, timeout=5)
    assert (page.status_code, 'role="alert"' in page.text) == (status, alert)
    assert '<input name="payment"' in page.text


def test_json_sent_as_a_form_is_read_as_json(driver: Driver, new_intent: NewIntent) -> None:
    answer = requests.post(
        f"{driver.base_url}/pay",
        data=f'{{"payment": "{new_intent().id}", "outcome": "succeed"}}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=5,
    )
    assert answer.json()["status"] == "succeeded"


def test_other_methods_are_refused(driver: Driver) -> None:
    assert requests.get(f"{driver.base_url}/faults", timeout=5).status_code == 405
    assert requests.delete(f"{driver.base_url}/pay", timeout=5).headers["Allow"] == "GET, POST"


def secret_of_a_merchant(order_id: str) -> str | None:
    """Named by a setting below."""
    return f"merchant of {order_id}"


def test_an_order_of_a_merchant_is_signed_with_the_merchants_secret(settings: Any, new_order: NewOrder) -> None:
    settings.SANDBOX_CHECKOUT_SECRET = f"{__name__}.secret_of_a_merchant"
    order = new_order()
    answer = shopper.pay(order["id"], Try(Outcome.SUCCEED, "card", None, Mode.NONE))
    expected = checkout_signature(f"merchant of {order['id']}", order["id"], answer["payment"])
    assert answer["razorpay_signature"] == expected
