"""Disputes at both gateways: what the bank does, what the wires and webhooks tell of it, what it does to the money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import razorpay.errors
import stripe

from payments.sandbox.models import BalanceEntry, Delivery, Dispute, Event
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

type NewIntent = Callable[..., stripe.PaymentIntent]
type NewOrder = Callable[..., dict[str, Any]]


def dispute(driver: Driver, payment: str, act: str = "open", **more: Any) -> dict[str, Any]:
    answer = driver.post("dispute", {"payment": payment, "act": act, **more})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def events() -> list[str]:
    return [event.type for event in Event.objects.filter(type__contains="dispute").order_by("seq")]


def balance() -> list[tuple[str, int, int]]:
    entries = BalanceEntry.objects.filter(dispute__isnull=False).order_by("seq")
    return [(entry.kind, entry.amount_minor, entry.fee_minor) for entry in entries]


def test_a_stripe_dispute_keeps_its_amount_and_a_fee_back_until_it_is_won(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    opened = dispute(driver, intent.id, amount=1000, reason="product_not_received")
    found = stripe_client.v1.disputes.retrieve(opened["dispute"])
    charge = stripe_client.v1.charges.list().data[0]

    assert opened == {"dispute": found.id, "status": "needs_response"}
    assert (found.object, found.amount, found.currency, found.status) == ("dispute", 1000, "usd", "needs_response")
    assert (found.charge, found.payment_intent, found.reason) == (charge.id, intent.id, "product_not_received")
    assert found.evidence_details.due_by == found.created + 7 * 24 * 3600
    assert found.is_charge_refundable is False
    assert [(entry.amount, entry.fee, entry.net, entry.type) for entry in found.balance_transactions] == [
        (-1000, 1500, -2500, "adjustment")
    ]
    assert charge.disputed is True

    assert dispute(driver, charge.id, "review")["status"] == "under_review"
    assert dispute(driver, intent.id, "win")["status"] == "won"
    found = stripe_client.v1.disputes.list({"charge": charge.id, "payment_intent": intent.id}).data[0]
    assert (found.status, found.is_charge_refundable) == ("won", True)
    assert [entry.reporting_category for entry in found.balance_transactions] == ["dispute", "dispute_reversal"]
    assert balance() == [("dispute", -1000, 1500), ("dispute_reversal", 1000, 0)]
    assert events() == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]


def test_a_razorpay_dispute_keeps_its_amount_back_until_it_is_won(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    order = new_order()
    payment = driver.pay(order["id"])["payment"]
    opened = dispute(driver, order["id"])
    found = razorpay_client.dispute.fetch(opened["dispute"])

    assert opened == {"dispute": found["id"], "status": "open"}
    assert {name: found[name] for name in ("entity", "payment_id", "amount", "currency", "amount_deducted")} == {
        "entity": "dispute",
        "payment_id": payment,
        "amount": 50000,
        "currency": "INR",
        "amount_deducted": 50000,
    }
    assert (found["status"], found["phase"], found["reason_code"]) == ("open", "chargeback", "chargeback")
    assert found["respond_by"] == found["created_at"] + 7 * 24 * 3600

    assert dispute(driver, payment, "review")["status"] == "under_review"
    assert dispute(driver, payment, "win")["status"] == "won"
    (found,) = razorpay_client.dispute.all()["items"]
    assert (found["status"], found["amount_deducted"]) == ("won", 0)
    assert balance() == [("dispute", -50000, 0), ("dispute_reversal", 50000, 0)]
    assert events() == ["payment.dispute.created", "payment.dispute.under_review", "payment.dispute.won"]
    document = Event.objects.get(type="payment.dispute.won").document
    assert document["contains"] == ["payment", "dispute"]
    assert document["payload"]["payment"]["entity"]["order_id"] == order["id"]
    assert document["payload"]["dispute"]["entity"] == found


def test_a_lost_dispute_stays_kept_back(driver: Driver, new_intent: NewIntent, new_order: NewOrder) -> None:
    for payment in (new_intent().id, new_order()["id"]):
        driver.pay(payment)
        dispute(driver, payment, amount=700)
        assert dispute(driver, payment, "lose")["status"] == "lost"

    assert balance() == [("dispute", -700, 1500), ("dispute", -700, 0)]
    assert events()[2:] == ["charge.dispute.closed", "payment.dispute.created", "payment.dispute.lost"]
    assert [driver.books(gateway)["orders"][0]["disputed"] for gateway in ("stripe", "razorpay")] == [700, 700]


def test_what_was_not_kept_back_at_the_opening_is_taken_when_it_is_lost(
    driver: Driver, new_intent: NewIntent, new_order: NewOrder
) -> None:
    statuses = []
    for payment in (new_intent().id, new_order()["id"]):
        driver.pay(payment)
        statuses.append(dispute(driver, payment, amount=700, kept_back=False)["status"])
        assert balance() == [("dispute", -700, 1500)] * (payment.startswith("order_"))
        statuses.append(dispute(driver, payment, "lose")["status"])

    assert statuses == ["warning_needs_response", "lost", "open", "lost"]
    assert balance() == [("dispute", -700, 1500), ("dispute", -700, 0)]


def test_an_inquiry_that_is_closed_moved_nothing(driver: Driver, new_intent: NewIntent) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    dispute(driver, intent.id, kept_back=False)
    assert dispute(driver, intent.id, "review")["status"] == "warning_under_review"
    assert dispute(driver, intent.id, "win")["status"] == "warning_closed"
    assert balance() == []
    assert events() == ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"]


def test_a_disputed_payment_is_refused_a_refund(
    driver: Driver, stripe_client: stripe.StripeClient, razorpay_client: Any, new_intent: NewIntent, new_order: NewOrder
) -> None:
    intent, order = new_intent(), new_order()
    driver.pay(intent.id)
    payment = driver.pay(order["id"])["payment"]
    dispute(driver, intent.id, amount=1)
    dispute(driver, payment, amount=1, kept_back=False)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert refused.value.code == "charge_disputed"
    with pytest.raises(razorpay.errors.BadRequestError, match="under dispute"):
        razorpay_client.payment.refund(payment, data={"amount": 100})
    assert [driver.books(gateway)["orders"][0]["refunded"] for gateway in ("stripe", "razorpay")] == [0, 0]


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"act": "open"}, 400, "payment"),
        ({"payment": "PAID", "act": "shout"}, 400, "act"),
        ({"payment": "PAID", "act": "open", "amount": "many"}, 400, "amount"),
        ({"payment": "PAID", "act": "open", "amount": 50001}, 409, "50001"),
        ({"payment": "PAID", "act": "open", "kept_back": "perhaps"}, 400, "kept_back"),
        ({"payment": "PAID", "act": "open", "colour": 1}, 400, "colour"),
        ({"payment": "PAID", "act": "win"}, 409, "no open dispute"),
        ({"payment": "UNPAID", "act": "open"}, 404, "captured"),
        ({"payment": "pay_00000000000000", "act": "open"}, 404, "captured"),
        ({"payment": "pi_000", "act": "open"}, 404, "captured"),
    ],
)
def test_what_a_bank_cannot_do_is_refused_and_leaves_nothing(
    driver: Driver, new_order: NewOrder, body: dict[str, Any], status: int, names: str
) -> None:
    paid, unpaid = new_order()["id"], new_order()["id"]
    driver.pay(paid)
    named = {"PAID": paid, "UNPAID": unpaid}

    answer = driver.post("dispute", {**body, "payment": named.get(body.get("payment", ""), body.get("payment"))})

    assert answer.status_code == status
    assert names in answer.json()["error"]
    assert (Dispute.objects.count(), balance(), events()) == (0, [], [])


def test_a_payment_has_one_dispute_at_a_time_and_none_after_a_lost_one(driver: Driver, new_order: NewOrder) -> None:
    payment = driver.pay(new_order()["id"])["payment"]
    dispute(driver, payment)
    assert driver.post("dispute", {"payment": payment, "act": "open"}).status_code == 409
    dispute(driver, payment, "win")
    dispute(driver, payment)
    dispute(driver, payment, "lose")
    assert driver.post("dispute", {"payment": payment, "act": "open"}).status_code == 409
    assert Dispute.objects.count() == 2


def test_what_was_refunded_is_not_disputed_unless_the_bank_says_so(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    payment = driver.pay(new_order()["id"])["payment"]
    razorpay_client.payment.refund(payment, data={"amount": 20000})
    dispute(driver, payment)
    assert Dispute.objects.get().amount_minor == 30000
    dispute(driver, payment, "win")
    dispute(driver, payment, amount=50000)
    assert driver.books("razorpay")["orders"][0]["disputed"] == 50000


@pytest.mark.parametrize(("mode", "deliveries"), [("none", 0), ("normal", 2), ("twice", 4)])
def test_a_disputes_webhooks_misbehave_as_they_are_told(
    driver: Driver, new_intent: NewIntent, mode: str, deliveries: int
) -> None:
    intent = new_intent()
    driver.pay(intent.id, webhook="none")
    dispute(driver, intent.id, webhook=mode)
    assert Delivery.objects.filter(event__type__contains="dispute").count() == deliveries


def test_a_dispute_settles_as_an_adjustment_that_names_it(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    payment = driver.pay(new_order()["id"])["payment"]
    opened = dispute(driver, payment, amount=1000)
    driver.post("settle", {"gateway": "razorpay"})
    settlement = razorpay_client.settlement.all()["items"][0]
    assert (settlement["fees"], settlement["tax"], settlement["currency"]) == (0, 0, "INR")
    lines = razorpay_client.settlement.report(_indian_day(settlement["created_at"]))["items"]
    assert [
        (line["type"], line["debit"], line["payment_id"], line["dispute_id"]) for line in lines if line["dispute_id"]
    ] == [("adjustment", 1000, payment, opened["dispute"])]
    assert sum(line["credit"] - line["debit"] for line in lines) == settlement["amount"]


def _indian_day(second: int) -> dict[str, int]:
    day = datetime.fromtimestamp(second, ZoneInfo("Asia/Kolkata"))
    return {"year": day.year, "month": day.month, "day": day.day}
