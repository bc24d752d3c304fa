"""The books agree with what was done, and the database refuses what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe
from django.db import IntegrityError, connections, transaction
from django.db.models import F

from payments.sandbox.books import books
from payments.sandbox.models import Charge, PaymentIntent, RazorpayPayment
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])


def test_the_books_tell_each_try_and_the_totals(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: Callable[..., stripe.PaymentIntent]
) -> None:
    intent = new_intent(1000, metadata={"order": "7"})
    driver.pay(intent.id, "fail")
    driver.pay(intent.id)
    stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    driver.post("dispute", {"payment": intent.id, "act": "open", "amount": 500})
    euros = new_intent(500, "eur")
    driver.pay(euros.id, "authorize")
    untouched = new_intent(700)
    told = driver.books("stripe")
    assert [order["id"] for order in told["orders"]] == [untouched.id, euros.id, intent.id]
    oldest = told["orders"][2]
    assert {
        name: oldest[name]
        for name in ("amount", "currency", "authorized", "captured", "refunded", "disputed", "metadata")
    } == {
        "amount": 1000,
        "currency": "USD",
        "authorized": 1000,
        "captured": 1000,
        "refunded": 300,
        "disputed": 500,
        "metadata": {"order": "7"},
    }
    assert [(each["status"], each["captured"], each["refunded"], each["disputed"]) for each in oldest["payments"]] == [
        ("failed", 0, 0, 0),
        ("succeeded", 1000, 300, 500),
    ]
    assert told["orders"][0]["payments"] == []
    assert told["totals"] == {
        "EUR": {"payments": 1, "authorized": 500, "captured": 0, "refunded": 0, "disputed": 0},
        "USD": {"payments": 2, "authorized": 1000, "captured": 1000, "refunded": 300, "disputed": 500},
    }
    assert told["next"] is None


def test_the_books_can_be_read_in_pages(driver: Driver, new_order: Callable[..., dict[str, Any]]) -> None:
    ids = [new_order()["id"] for _ in range(5)][::-1]
    seen, after = [], None
    while True:
        page = driver.books("razorpay", limit=2, **({"after": after} if after else {}))
        seen += [order["id"] for order in page["orders"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids


def test_without_a_gateway_both_are_told(driver: Driver) -> None:
    told = requests.get(f"{driver.base_url}/books", timeout=5).json()
    assert {name: each["totals"] for name, each in told.items()} == {"stripe": {}, "razorpay": {}}
    assert requests.get(f"{driver.base_url}/books", params={"gateway": "paypal"}, timeout=5).status_code == 400


def test_the_books_are_right_for_many_rows_in_few_queries(django_assert_max_num_queries: Any) -> None:
    many = 5000
    intents = PaymentIntent.objects.bulk_create(
        PaymentIntent(
            public_id=f"pi_{number}",
            client_secret=f"pi_{number}_secret",
            amount_minor=100,
            currency="usd",
            capture_method="automatic",
            created=number,
        )
        for number in range(many)
    )
    Charge.objects.bulk_create(
        Charge(
            public_id=f"ch_{intent.seq}",
            intent=intent,
            amount_minor=100,
            currency="usd",
            status="succeeded",
            captured_minor=100,
            refunded_minor=40,
            payment_method="pm_1",
            payment_method_details={},
            created=1,
        )
        for intent in intents
    )
    # Transaction, isolation level, rows by a cursor, totals, end.
    with django_assert_max_num_queries(6, connection=connections["sandbox"]):
        told = books("stripe")
    assert (len(told["orders"]), told["orders"][0]["id"]) == (many, f"pi_{many - 1}")
    sums = {"authorized": 500_000, "captured": 500_000, "refunded": 200_000, "disputed": 0}
    assert told["totals"]["USD"] == {"payments": many, **sums}


@pytest.mark.parametrize(
    "change", [{"captured_minor": F("amount_minor") + 1}, {"refunded_minor": F("captured_minor") + 1}]
)
def test_no_write_can_capture_or_refund_too_much(
    change: dict[str, Any],
    driver: Driver,
    new_intent: Callable[..., stripe.PaymentIntent],
    new_order: Callable[..., dict[str, Any]],
) -> None:
    driver.pay(new_intent().id)
    driver.pay(new_order()["id"])
    for model in (Charge, RazorpayPayment):
        with pytest.raises(IntegrityError), transaction.atomic(using="sandbox"):
            model.objects.update(**change)
