"""Payouts: of what is owed, of what is owed to the gateway when asked, of everything once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from payments.sandbox.models import BalanceEntry, Payout
from payments.sandbox.settling import settle
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])


def owe(gateway: str, minor: int, currency: str = "usd", number: int = 1) -> None:
    BalanceEntry.objects.create(
        gateway=gateway,
        public_id=f"txn_{number}",
        kind=BalanceEntry.Kind.REFUND,
        source="re_1",
        amount_minor=minor,
        net_minor=minor,
        currency=currency,
        created=1,
    )


@pytest.mark.parametrize("gateway", ["stripe", "razorpay"])
def test_what_the_merchant_owes_waits_unless_it_is_to_be_taken(driver: Driver, gateway: str) -> None:
    owe(gateway, -500)

    assert driver.post("settle", {"gateway": gateway}).json() == {"payouts": []}
    assert (Payout.objects.count(), BalanceEntry.objects.filter(payout=None).count()) == (0, 1)

    (paid,) = driver.post("settle", {"gateway": gateway, "negative": True}).json()["payouts"]
    assert (paid["amount"], paid["currency"]) == (-500, "USD")
    assert BalanceEntry.objects.filter(payout=None).count() == 0
    assert sum(BalanceEntry.objects.values_list("net_minor", flat=True)) == (0 if gateway == "stripe" else -500)


def test_a_balance_of_nothing_is_never_paid_out(driver: Driver) -> None:
    owe("stripe", -500, number=1)
    owe("stripe", 500, number=2)

    assert driver.post("settle", {"gateway": "stripe", "negative": True}).json() == {"payouts": []}
    assert BalanceEntry.objects.filter(payout=None).count() == 2


def test_each_currency_is_paid_out_by_itself(driver: Driver) -> None:
    owe("razorpay", 300, "USD", 1)
    owe("razorpay", 200, "EUR", 2)
    owe("razorpay", -200, "INR", 3)

    paid = driver.post("settle", {"gateway": "razorpay"}).json()["payouts"]

    assert [(each["amount"], each["currency"]) for each in paid] == [(200, "EUR"), (300, "USD")]


def test_negative_must_be_yes_or_no(driver: Driver) -> None:
    answer = driver.post("settle", {"gateway": "stripe", "negative": "maybe"})

    assert (answer.status_code, answer.json()) == (400, {"error": "negative must be true or false"})


def test_a_payout_of_many_entries_takes_few_statements(
    db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(300):
        owe("stripe", 10, number=number)

    with django_assert_max_num_queries(10, connection=connections["sandbox"]):
        (payout,) = settle("stripe")

    assert (payout.amount_minor, payout.entries.count()) == (3000, 301)


def test_a_page_of_transactions_has_its_sources_whole_whatever_they_are(
    db: None,
    stripe_client: stripe.StripeClient,
    new_intent: Callable[..., stripe.PaymentIntent],
    driver: Driver,
) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    refund = stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    opened = driver.post("dispute", {"payment": intent.id, "act": "open"}).json()
    driver.post("settle", {"gateway": "stripe"})

    entries = stripe_client.v1.balance_transactions.list({"expand": ["data.source", "data.source.charge"]}).data

    sources: dict[str, Any] = {entry.type: entry.source for entry in entries}
    assert sources["charge"].payment_intent == intent.id
    assert (sources["refund"].id, sources["refund"].charge.id) == (refund.id, sources["charge"].id)
    assert (sources["adjustment"].id, sources["adjustment"].charge.id) == (opened["dispute"], sources["charge"].id)
