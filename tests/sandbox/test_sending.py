"""Webhooks: signed as the SDKs verify, in the order, number and time that the mode says, and again until taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.conf import settings

from kit import clock
from payments.sandbox.models import Delivery
from payments.sandbox.sending import NO_ANSWER, deliver_due, post_over_http
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

type NewIntent = Callable[..., stripe.PaymentIntent]
type NewOrder = Callable[..., dict[str, Any]]


class Listener:
    """Stands where the project's webhook stands, and answers what it is told to."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.heard.append((url, body, headers))
        return self.statuses.pop(0) if self.statuses else 200

    def types(self) -> list[str]:
        documents = [json.loads(body) for _, body, _ in self.heard]
        return [document["event"] if document.get("entity") == "event" else document["type"] for document in documents]


def _in(seconds: float) -> Any:
    return clock.now() + timedelta(seconds=seconds)


PAID = ["payment.authorized", "payment.captured", "order.paid"]


def test_a_stripe_webhook_verifies_with_the_sdk(driver: Driver, new_intent: NewIntent) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    listener = Listener()
    assert deliver_due(listener) == 2
    assert listener.types() == ["charge.succeeded", "payment_intent.succeeded"]
    url, body, headers = listener.heard[1]
    assert url == f"http://127.0.0.1:{settings.PORT}/api/v1/webhooks/stripe/"
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], settings.STRIPE_WEBHOOK_SECRET)
    assert (event.type, event.livemode, event.data.object["id"]) == ("payment_intent.succeeded", False, intent.id)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other")


def test_a_razorpay_webhook_verifies_with_the_sdk(driver: Driver, razorpay_client: Any, new_order: NewOrder) -> None:
    order = new_order()
    paid = driver.pay(order["id"])
    listener = Listener()
    assert deliver_due(listener) == 3
    assert listener.types() == PAID
    for url, body, headers in listener.heard:
        assert url == f"http://127.0.0.1:{settings.PORT}/api/v1/webhooks/razorpay/"
        secret, signature = settings.RAZORPAY_WEBHOOK_SECRET, headers["X-Razorpay-Signature"]
        assert razorpay_client.utility.verify_webhook_signature(body.decode(), signature, secret) is True
    assert len({headers["x-razorpay-event-id"] for _, _, headers in listener.heard}) == 3
    authorized, _, settled = (json.loads(body) for _, body, _ in listener.heard)
    # A snapshot at the time of the event, not of the sending.
    assert authorized["payload"]["payment"]["entity"]["status"] == "authorized"
    assert settled["contains"] == ["payment", "order"]
    assert settled["payload"]["order"]["entity"]["amount_paid"] == 50000
    assert settled["payload"]["payment"]["entity"]["id"] == paid["payment"]


def test_nothing_is_sent_inside_the_request(driver: Driver, new_intent: NewIntent) -> None:
    driver.pay(new_intent().id)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}


def test_mode_none_sends_nothing(driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent) -> None:
    driver.pay(new_intent().id, webhook="none")
    assert deliver_due(Listener(), now=_in(3600)) == 0
    assert len(stripe_client.v1.events.list().data) == 2
    assert len(stripe_client.v1.events.list({"delivery_success": False}).data) == 2


def test_mode_twice_sends_the_same_events_again_within_a_second(driver: Driver, new_order: NewOrder) -> None:
    driver.pay(new_order()["id"], webhook="twice")
    listener = Listener()
    assert deliver_due(listener, now=_in(0.8)) == 6
    assert listener.types() == PAID + PAID
    ids = [headers["x-razorpay-event-id"] for _, _, headers in listener.heard]
    assert ids[:3] == ids[3:]


def test_mode_late_waits_ten_seconds(driver: Driver, new_order: NewOrder) -> None:
    driver.pay(new_order()["id"], webhook="late")
    listener = Listener()
    assert deliver_due(listener, now=_in(8)) == 0
    assert deliver_due(listener, now=_in(10)) == 3


def test_mode_out_of_order_reverses_the_act(driver: Driver, new_order: NewOrder) -> None:
    driver.pay(new_order()["id"], webhook="out_of_order")
    listener = Listener()
    deliver_due(listener)
    assert listener.types() == PAID[::-1]


def test_an_abandoned_checkout_has_no_webhook(driver: Driver, new_order: NewOrder) -> None:
    driver.pay(new_order()["id"], "abandon")
    assert not Delivery.objects.exists()


def test_acts_through_the_api_send_theirs(
    driver: Driver, stripe_client: stripe.StripeClient, razorpay_client: Any, new_intent: NewIntent, new_order: NewOrder
) -> None:
    intent, cancelled = new_intent(capture_method="manual"), new_intent()
    payment = driver.pay(new_order(payment_capture=0)["id"], webhook="none")["payment"]
    driver.pay(intent.id, webhook="none")
    stripe_client.v1.payment_intents.capture(intent.id)
    stripe_client.v1.refunds.create({"payment_intent": intent.id})
    stripe_client.v1.payment_intents.cancel(cancelled.id)
    razorpay_client.payment.capture(payment, 50000, {"currency": "INR"})
    refund = razorpay_client.payment.refund(payment, {"amount": 100})
    driver.post("fail_refund", {"refund": refund["id"]})
    listener = Listener()
    deliver_due(listener)
    assert listener.types() == [
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "payment_intent.canceled",
        "payment.captured",
        "order.paid",
        "refund.created",
        "refund.processed",
        "refund.failed",
    ]


def test_a_webhook_that_is_not_taken_comes_again_with_growing_pauses(driver: Driver, new_intent: NewIntent) -> None:
    driver.pay(new_intent().id, "fail")
    Delivery.objects.exclude(event__type="payment_intent.payment_failed").delete()
    listener = Listener(500, NO_ANSWER, 302)
    pauses = []
    for _ in range(3):
        assert deliver_due(listener, now=_in(3600)) == 1
        due_at = Delivery.objects.get().due_at
        assert due_at is not None
        pauses.append(round((due_at - clock.now()).total_seconds()))
    assert pauses == [1, 2, 4]
    assert deliver_due(listener) == 0
    assert deliver_due(listener, now=_in(3600)) == 1
    delivery = Delivery.objects.get()
    assert (delivery.attempts, delivery.last_status, delivery.due_at) == (4, 200, None)
    assert delivery.delivered_at is not None
    assert len({body for _, body, _ in listener.heard}) == 1


def test_two_senders_share_the_work(driver: Driver, new_intent: NewIntent) -> None:
    for _ in range(3):
        driver.pay(new_intent().id)
    inner, outer = Listener(), Listener()

    def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        # While the first sender is at work its claims are nobody else's.
        assert deliver_due(inner) == 0
        return outer(url, body, headers)

    assert deliver_due(post) == 6
    assert len(outer.heard) == 6


def test_acts_go_out_side_by_side_each_in_its_order(driver: Driver, new_order: NewOrder) -> None:
    for _ in range(4):
        driver.pay(new_order()["id"])
    listener = Listener()
    assert deliver_due(listener, side_by_side=4) == 12
    by_order: dict[str, list[str]] = {}
    for (_, body, _), type_ in zip(listener.heard, listener.types(), strict=True):
        payment = json.loads(body)["payload"]["payment"]["entity"]["order_id"]
        by_order.setdefault(payment, []).append(type_)
    assert list(by_order.values()) == [PAID] * 4


def test_a_sender_that_is_stopping_begins_nothing_more(driver: Driver, new_order: NewOrder) -> None:
    driver.pay(new_order()["id"])
    listener = Listener()
    assert deliver_due(listener, stopping=lambda: len(listener.heard) == 1) == 1
    assert deliver_due(listener, now=_in(60)) == 2
    assert listener.types() == PAID


def test_nobody_listening_is_no_answer() -> None:
    assert post_over_http("http://127.0.0.1:9/", b"{}", {}) == NO_ANSWER
