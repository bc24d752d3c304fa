"""What a merchant's systems are told: Razorpay's webhooks, in its shape and its signature, each thing once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import razorpay

from kit import clock
from payments.outgoing import delivering, subscriptions
from payments.outgoing.models import OF_AUDIENCES, Delivery, EventType, OutgoingEvent, Subscription, Wire
from tests.dialects.razorpay.node_sdk import node_sdk
from tests.gateway_process import SandboxProcess
from tests.jobs import settle_down
from tests.merchants import Integration, answer, call, hear, order, paid
from tests.payments.outgoing.receiver import BROKEN, Received, Receiver
from tests.reconciling import reconcile
from tests.server_process import ServerProcess

SDK: Any = razorpay.Client(auth=("rzp_test_x", "x"))


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """Where tests may deliver to."""
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's own server."""
    with Receiver() as running:
        yield running


def subscribe(by: Integration, receiver: Receiver, *events: EventType, secret: str = "") -> tuple[Subscription, str]:
    """The merchant's webhook, to everything unless told otherwise."""
    row = Subscription(
        name=f"{by.merchant.name} {receiver.port}",
        url=receiver.url,
        events=list(events or OF_AUDIENCES),
        audience_id=by.merchant.pk,
        wire=Wire.RAZORPAY,
    )
    return row, subscriptions.admit(row, secret=secret)


def told(receiver: Receiver, secret: str) -> list[dict[str, Any]]:
    """What has arrived, once sent, each signed as the official SDK verifies it."""
    while delivering.send_due():
        pass
    for letter in receiver.received:
        assert_signed(letter, secret)
    return [json.loads(letter.body) for letter in receiver.received]


def assert_signed(letter: Received, secret: str) -> None:
    signature = letter.headers["x-razorpay-signature"]
    assert SDK.utility.verify_webhook_signature(letter.body.decode(), signature, secret)
    for body, wrong in ((letter.body.decode() + " ", secret), (letter.body.decode(), secret + "x")):
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            SDK.utility.verify_webhook_signature(body, signature, wrong)


def test_a_payment_is_told_in_razorpays_own_shape(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    _, secret = subscribe(books, receiver)
    made = order(books, receipt="r", notes={"a": "b"})
    payment = sandbox.pay(made["id"])["payment"]
    hear()
    entity = answer(call("GET", f"/v1/payments/{payment}", by=books))
    now = answer(call("GET", f"/v1/orders/{made['id']}", by=books))

    by_event = {each["event"]: each for each in told(receiver, secret)}
    authorized, captured, paid_ = (by_event[name] for name in ("payment.authorized", "payment.captured", "order.paid"))

    assert captured == {
        "entity": "event",
        "account_id": books.merchant.account_id,
        "event": "payment.captured",
        "contains": ["payment"],
        "payload": {"payment": {"entity": entity}},
        "created_at": captured["created_at"],
    }
    before = {**entity, "status": "authorized", "captured": False, "fee": None, "tax": None}
    assert (authorized["event"], authorized["payload"]) == ("payment.authorized", {"payment": {"entity": before}})
    assert (paid_["event"], paid_["contains"]) == ("order.paid", ["payment", "order"])
    assert paid_["payload"] == {"payment": {"entity": entity}, "order": {"entity": now}}
    for letter in receiver.received:
        assert letter.headers["content-type"] == "application/json"
        assert len(letter.headers["x-razorpay-event-id"]) == 32
    assert len({letter.headers["x-razorpay-event-id"] for letter in receiver.received}) == 3


def events_of(receiver: Receiver, secret: str) -> list[str]:
    return [each["event"] for each in told(receiver, secret)]


def test_each_thing_is_told_once_whoever_notices_it(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    _, secret = subscribe(books, receiver)
    made = order(books)
    sandbox.pay(made["id"], "fail")
    payment = sandbox.pay(made["id"], "authorize")["payment"]
    hear()
    call("POST", f"/v1/payments/{payment}/capture", {"amount": 50000}, by=books)
    refund = answer(call("POST", f"/v1/payments/{payment}/refund", {"amount": 100, "notes": {"x": "y"}}, by=books))
    settle_down()
    reconcile()
    sandbox.fail_refund(refund["id"])
    settle_down()

    assert sorted(OutgoingEvent.objects.values_list("type", flat=True)) == [
        "order.paid",
        "payment.authorized",
        "payment.captured",
        "payment.failed",
        "refund.created",
        "refund.failed",
        "refund.processed",
    ]
    arrived = {each["event"]: each for each in told(receiver, secret)}
    assert len(receiver.received) == len(arrived) == 7
    last = arrived["refund.processed"]
    assert last["contains"] == ["refund", "payment"]
    assert last["payload"]["refund"]["entity"] == refund
    assert last["payload"]["payment"]["entity"]["amount_refunded"] == 100


def test_a_merchant_hears_of_its_own_orders_and_of_what_it_subscribed_to(
    sandbox: SandboxProcess, books: Integration, tea: Integration, receiver: Receiver
) -> None:
    with Receiver() as others:
        _, secret = subscribe(books, receiver, EventType.ORDER_PAID, EventType.PAYMENT_FAILED)
        _, teas = subscribe(tea, others)
        paid(books, sandbox)
        assert events_of(receiver, secret) == ["order.paid"]
        assert told(others, teas) == []


def test_the_shops_subscribers_hear_nothing_of_it(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    row = Subscription(name="Books", url=receiver.url, events=[EventType.ORDER_PAID, EventType.PAYMENT_CAPTURED])
    subscriptions.admit(row)
    payment = paid(books, sandbox)
    call("POST", f"/v1/payments/{payment}/refund", {}, by=books)
    settle_down()
    delivering.send_due()
    assert (receiver.received, Delivery.objects.count(), OutgoingEvent.objects.count()) == ([], 0, 0)


def test_who_subscribes_later_hears_of_what_happens_later(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    payment = paid(books, sandbox)
    _, secret = subscribe(books, receiver)
    settle_down()
    assert told(receiver, secret) == []
    call("POST", f"/v1/payments/{payment}/refund", {}, by=books)
    assert sorted(events_of(receiver, secret)) == ["refund.created", "refund.processed"]


def test_a_delivery_that_fails_comes_again_with_the_same_body_and_id(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    _, secret = subscribe(books, receiver, EventType.ORDER_PAID)
    receiver.answers.append(BROKEN)
    paid(books, sandbox)
    assert events_of(receiver, secret) == ["order.paid"]
    with clock.turned(timedelta(hours=1)):
        assert events_of(receiver, secret) == ["order.paid", "order.paid"]
    first, second = receiver.received
    assert first.body == second.body
    for name in ("x-razorpay-event-id", "x-razorpay-signature"):
        assert first.headers[name] == second.headers[name]


def test_what_happened_before_a_rotation_is_signed_by_the_old_secret(
    sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    row, old = subscribe(books, receiver, EventType.ORDER_PAID, secret="the merchant's own secret")
    assert old == "the merchant's own secret"
    paid(books, sandbox)
    new = subscriptions.rotate(row.pk)
    assert new is not None
    assert events_of(receiver, old) == ["order.paid"]
    receiver.received.clear()
    with clock.turned(timedelta(minutes=1)):
        paid(books, sandbox)
        assert events_of(receiver, new) == ["order.paid"]


def test_the_node_sdk_takes_them_for_razorpays_too(
    server: ServerProcess, sandbox: SandboxProcess, books: Integration, receiver: Receiver
) -> None:
    _, secret = subscribe(books, receiver, EventType.ORDER_PAID)
    made = order(books, notes={"é": "…"})
    sandbox.pay(made["id"])
    hear()
    told(receiver, secret)
    [letter] = receiver.received
    given = letter.body.decode(), letter.headers["x-razorpay-signature"]
    with node_sdk(server.base_url, *books.auth) as sdk:
        assert sdk.call("validateWebhookSignature", *given, secret) is True
        assert sdk.call("validateWebhookSignature", *given, "another") is False
