"""A call repeated with its key happens once, and gets the first answer again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe
from django.conf import settings
from django.db import connections, transaction

from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

PARAMS: Any = {"amount": 4599, "currency": "usd"}
OTHER_PARAMS: Any = {**PARAMS, "amount": 5000}
TOO_SMALL: Any = {**PARAMS, "amount": 1}


def _raw_create(driver: Driver, key: str, **params: str) -> requests.Response:
    return requests.post(
        f"{driver.base_url}/stripe/v1/payment_intents",
        data={"amount": "4599", "currency": "usd", **params},
        headers={"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}", "Idempotency-Key": key},
        timeout=5,
    )


def test_stripes_first_answer_is_replayed_to_the_byte(driver: Driver) -> None:
    first, second = _raw_create(driver, "key-1"), _raw_create(driver, "key-1")
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert "Original-Request" not in first.headers
    assert len(driver.books("stripe")["orders"]) == 1


def test_stripes_key_with_other_parameters_is_an_error(driver: Driver, stripe_client: stripe.StripeClient) -> None:
    stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"})
    with pytest.raises(stripe.IdempotencyError) as refused:
        stripe_client.v1.payment_intents.create(OTHER_PARAMS, {"idempotency_key": "key-1"})
    assert refused.value.http_status == 400


def test_stripes_key_is_not_used_up_by_parameters_that_were_refused(stripe_client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        stripe_client.v1.payment_intents.create(TOO_SMALL, {"idempotency_key": "key-1"})
    assert stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"}).amount == 4599


def test_stripes_key_replays_a_500_and_a_429_leaves_it_unused(
    driver: Driver, stripe_client: stripe.StripeClient
) -> None:
    driver.arm("stripe", "create", "rate_limit")
    with pytest.raises(stripe.RateLimitError):
        stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"})
    driver.arm("stripe", "create", "error_500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"})
        assert broken.value.http_status == 500
    assert driver.books("stripe")["orders"] == []
    assert stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-2"}).amount == 4599


def test_stripes_key_finds_the_effect_of_a_call_whose_answer_was_lost(
    driver: Driver, stripe_client: stripe.StripeClient
) -> None:
    driver.arm("stripe", "create", "timeout_after")
    with pytest.raises(stripe.APIConnectionError):
        stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"})
    again = stripe_client.v1.payment_intents.create(PARAMS, {"idempotency_key": "key-1"})
    assert [order["id"] for order in driver.books("stripe")["orders"]] == [again.id]


def test_a_key_in_flight_is_a_409_at_both_gateways(driver: Driver, new_order: Callable[..., dict[str, Any]]) -> None:
    payment = driver.pay(new_order()["id"])["payment"]
    with transaction.atomic(using="sandbox"), connections["sandbox"].cursor() as cursor:
        for text in ("stripe key-in-flight", "razorpay key-in-flight"):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [text])
        answer = _raw_create(driver, "key-in-flight")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        refused = _raw_refund(driver, payment, "key-in-flight", 100)
        assert (refused.status_code, "still in progress" in refused.json()["error"]["description"]) == (409, True)
    assert _raw_create(driver, "key-in-flight").status_code == 200


def test_many_creates_at_once_with_one_key_make_one_intent(driver: Driver) -> None:
    statuses: list[int] = []
    barrier = threading.Barrier(8)

    def create() -> None:
        barrier.wait()
        statuses.append(_raw_create(driver, "key-1").status_code)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert len(driver.books("stripe")["orders"]) == 1


def test_razorpays_refund_key_refunds_once(driver: Driver, new_order: Callable[..., dict[str, Any]]) -> None:
    payment = driver.pay(new_order(1000)["id"])["payment"]
    first = _raw_refund(driver, payment, "refund-key-1", 400)
    assert _raw_refund(driver, payment, "refund-key-1", 400).json() == first.json()
    other = _raw_refund(driver, payment, "refund-key-1", 300)
    assert (other.status_code, "Different request" in other.json()["error"]["description"]) == (409, True)
    assert _raw_refund(driver, payment, "short", 300).status_code == 400
    assert driver.books("razorpay")["orders"][0]["refunded"] == 400


def _raw_refund(driver: Driver, payment: str, key: str, amount: int) -> requests.Response:
    return requests.post(
        f"{driver.base_url}/razorpay/v1/payments/{payment}/refund",
        json={"amount": amount},
        auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET),
        headers={"X-Refund-Idempotency": key},
        timeout=5,
    )
