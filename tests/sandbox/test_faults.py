"""Each fault does what it says to the call it is meant for, as often as it was armed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import razorpay
import requests
import stripe
from django.conf import settings

from payments.sandbox.models import ArmedFault
from tests.sandbox.conftest import CLIENT_TIMEOUT_S, Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

# What the SDKs make of a fault, and whether the call had its effect.
STRIPE_FAULTS = [
    ("timeout_before", stripe.APIConnectionError, None, 0),
    ("timeout_after", stripe.APIConnectionError, None, 1),
    ("reset", stripe.APIConnectionError, None, 0),
    ("error_500", stripe.APIError, 500, 0),
    ("html_502", stripe.APIError, 502, 0),
    ("rate_limit", stripe.RateLimitError, 429, 0),
]
RAZORPAY_FAULTS = [
    ("timeout_before", requests.exceptions.Timeout, 0),
    ("timeout_after", requests.exceptions.Timeout, 1),
    ("reset", requests.exceptions.ConnectionError, 0),
    ("error_500", razorpay.errors.ServerError, 0),
    ("html_502", requests.exceptions.JSONDecodeError, 0),
    ("rate_limit", razorpay.errors.BadRequestError, 0),
]


@pytest.mark.parametrize(("fault", "raised", "status", "made"), STRIPE_FAULTS)
def test_stripe_fails_as_armed_and_once(
    fault: str,
    raised: type[stripe.StripeError],
    status: int | None,
    made: int,
    driver: Driver,
    stripe_client: stripe.StripeClient,
) -> None:
    driver.arm("stripe", "create", fault)
    with pytest.raises(raised) as failed:
        stripe_client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert failed.value.http_status == status
    assert len(driver.books("stripe")["orders"]) == made
    assert stripe_client.v1.payment_intents.create({"amount": 500, "currency": "usd"}).amount == 500


@pytest.mark.parametrize(("fault", "raised", "made"), RAZORPAY_FAULTS)
def test_razorpay_fails_as_armed_and_once(
    fault: str, raised: type[Exception], made: int, driver: Driver, razorpay_client: Any
) -> None:
    driver.arm("razorpay", "create", fault)
    order = {"amount": 500, "currency": "INR"}
    with pytest.raises(raised):
        razorpay_client.order.create(data=order, timeout=CLIENT_TIMEOUT_S)
    assert len(driver.books("razorpay")["orders"]) == made
    assert razorpay_client.order.create(data=order)["amount"] == 500


def test_a_reset_closes_the_connection_without_an_answer(driver: Driver) -> None:
    driver.arm("stripe", "*", "reset")
    with pytest.raises(requests.ConnectionError, match=r"reset by peer|without response"):
        requests.get(
            f"{driver.base_url}/stripe/v1/events",
            headers={"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"},
            timeout=5,
        )


def test_a_lost_answer_to_a_capture_or_refund_leaves_the_effect(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: Callable[..., stripe.PaymentIntent]
) -> None:
    intent = new_intent(1000, capture_method="manual")
    driver.pay(intent.id)
    driver.arm("stripe", "capture", "timeout_after")
    with pytest.raises(stripe.APIConnectionError):
        stripe_client.v1.payment_intents.capture(intent.id)
    driver.arm("stripe", "refund", "timeout_after")
    with pytest.raises(stripe.APIConnectionError):
        stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 400})
    order = driver.books("stripe")["orders"][0]
    assert (order["captured"], order["refunded"]) == (1000, 400)


def test_a_fault_strikes_only_its_call_and_its_gateway(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: Callable[..., stripe.PaymentIntent]
) -> None:
    driver.arm("stripe", "retrieve", "rate_limit")
    driver.arm("razorpay", "*", "rate_limit")
    intent = new_intent()
    stripe_client.v1.payment_intents.list()
    with pytest.raises(stripe.RateLimitError):
        stripe_client.v1.payment_intents.retrieve(intent.id)
    assert stripe_client.v1.payment_intents.retrieve(intent.id).id == intent.id


def test_a_fault_for_any_call_strikes_any_call(driver: Driver, stripe_client: stripe.StripeClient) -> None:
    driver.arm("stripe", "*", "rate_limit", times=2)
    for call in (stripe_client.v1.events.list, stripe_client.v1.payouts.list):
        with pytest.raises(stripe.RateLimitError):
            call()
    assert stripe_client.v1.events.list().data == []


def test_none_clears_one_call_and_with_a_star_all_of_the_gateway(driver: Driver) -> None:
    for call in ("create", "refund", "*"):
        driver.arm("stripe", call, "reset", times=5)
    driver.arm("razorpay", "create", "reset")
    driver.arm("stripe", "create", "none")
    assert set(ArmedFault.objects.values_list("gateway", "call")) == {
        ("stripe", "refund"),
        ("stripe", "*"),
        ("razorpay", "create"),
    }
    driver.arm("stripe", "*", "none")
    assert list(ArmedFault.objects.values_list("gateway", "call")) == [("razorpay", "create")]


def test_parallel_calls_use_up_a_fault_exactly_as_often_as_it_was_armed(driver: Driver) -> None:
    driver.arm("stripe", "create", "rate_limit", times=5)
    headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"}

    def create(_: int) -> int:
        url = f"{driver.base_url}/stripe/v1/payment_intents"
        return requests.post(url, data={"amount": 500, "currency": "usd"}, headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(pool.map(create, range(12)))
    assert statuses == [200] * 7 + [429] * 5


def test_a_wrong_key_uses_up_no_fault(driver: Driver) -> None:
    driver.arm("stripe", "*", "reset")
    assert requests.get(f"{driver.base_url}/stripe/v1/events", timeout=5).status_code == 401
    assert ArmedFault.objects.get().remaining == 1


@pytest.mark.parametrize(
    "body",
    [
        {"gateway": "paypal", "call": "*", "fault": "reset"},
        {"gateway": "stripe", "call": "list", "fault": "reset"},
        {"gateway": "stripe", "call": "*", "fault": "explode"},
        {"gateway": "stripe", "call": "*", "fault": "reset", "times": 0},
        {"gateway": "stripe", "call": "*", "fault": "reset", "colour": "red"},
        ["stripe"],
    ],
)
def test_a_fault_that_is_not_understood_is_refused(body: Any, driver: Driver) -> None:
    answer = driver.post("faults", body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not ArmedFault.objects.exists()
