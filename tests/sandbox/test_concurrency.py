"""Calls that come at once over real connections: what is there is taken, refunded and paid out once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe
from django.conf import settings

from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

AT_ONCE = 8


def _at_once(act: Callable[[], requests.Response]) -> list[int]:
    barrier, statuses = threading.Barrier(AT_ONCE), []

    def run() -> None:
        barrier.wait()
        statuses.append(act().status_code)

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def _stripe(driver: Driver, path: str, **params: Any) -> Callable[[], requests.Response]:
    headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"}
    return lambda: requests.post(f"{driver.base_url}/stripe/v1/{path}", data=params, headers=headers, timeout=20)


def _razorpay(driver: Driver, path: str, **params: Any) -> Callable[[], requests.Response]:
    keys = (settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET)
    return lambda: requests.post(f"{driver.base_url}/razorpay/v1/{path}", json=params, auth=keys, timeout=20)


def test_an_intent_is_captured_once(driver: Driver, new_intent: Callable[..., stripe.PaymentIntent]) -> None:
    intent = new_intent(1000, capture_method="manual")
    driver.pay(intent.id)
    assert _at_once(_stripe(driver, f"payment_intents/{intent.id}/capture")) == [200] + [400] * (AT_ONCE - 1)
    assert driver.books("stripe")["totals"]["USD"]["captured"] == 1000


def test_stripe_never_refunds_more_than_it_took(
    driver: Driver, new_intent: Callable[..., stripe.PaymentIntent]
) -> None:
    intent = new_intent(1000)
    driver.pay(intent.id)
    statuses = _at_once(_stripe(driver, "refunds", payment_intent=intent.id, amount=400))
    assert statuses == [200] * 2 + [400] * (AT_ONCE - 2)
    assert driver.books("stripe")["totals"]["USD"]["refunded"] == 800


def test_a_razorpay_payment_is_captured_once(driver: Driver, new_order: Callable[..., dict[str, Any]]) -> None:
    payment = driver.pay(new_order(1000, payment_capture=0)["id"])["payment"]
    capture = _razorpay(driver, f"payments/{payment}/capture", amount=1000, currency="INR")
    assert _at_once(capture) == [200] + [400] * (AT_ONCE - 1)
    assert driver.books("razorpay")["totals"]["INR"]["captured"] == 1000


def test_razorpay_never_refunds_more_than_it_took(driver: Driver, new_order: Callable[..., dict[str, Any]]) -> None:
    payment = driver.pay(new_order(1000)["id"])["payment"]
    statuses = _at_once(_razorpay(driver, f"payments/{payment}/refund", amount=400))
    assert statuses == [200] * 2 + [400] * (AT_ONCE - 2)
    assert driver.books("razorpay")["totals"]["INR"]["refunded"] == 800


def test_an_order_is_paid_once_however_many_checkouts_are_open(
    driver: Driver, new_order: Callable[..., dict[str, Any]]
) -> None:
    order = new_order(1000)
    statuses = _at_once(lambda: driver.post("pay", {"payment": order["id"], "outcome": "succeed"}))
    assert statuses == [200] + [409] * (AT_ONCE - 1)
    assert driver.books("razorpay")["totals"]["INR"]["captured"] == 1000


def test_creates_at_once_with_one_unique_receipt_make_one_order(driver: Driver) -> None:
    create = _razorpay(driver, "orders", amount=500, currency="INR", receipt="r-1", unique_receipt=True)
    assert _at_once(create) == [200] * AT_ONCE
    assert len(driver.books("razorpay")["orders"]) == 1


def test_the_balance_is_paid_out_once(driver: Driver, new_intent: Callable[..., stripe.PaymentIntent]) -> None:
    driver.pay(new_intent(10000).id)
    assert _at_once(lambda: driver.post("settle", {"gateway": "stripe"})) == [200] * AT_ONCE
    url = f"{driver.base_url}/stripe/v1/payouts"
    headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"}
    payouts = requests.get(url, headers=headers, timeout=5).json()["data"]
    assert [payout["amount"] for payout in payouts] == [9680]
