"""The webhooks' doors over HTTP: what is signed is stored once and answered at once, everything else is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kit import clock
from payments import gateways
from payments.gateways.base import BadSignature
from payments.models import EventState, WebhookEvent
from payments.sandbox.signatures import razorpay_signature, stripe_signature
from tests.jobs import waiting
from tests.statements import statements

NAMES = ["id", "object", "payment_intent", "order", "payment", "dispute", "refund", "entity", "order_id", "x"]
SECRETS = {"stripe": "whsec_test_0123456789", "razorpay": "webhook_secret_0123456789"}


@pytest.fixture(autouse=True)
def secrets(db: None) -> Iterator[None]:
    """Gateways that know these secrets; the process's own come back afterwards."""
    gateways.online.cache_clear()
    with override_settings(
        STRIPE_WEBHOOK_SECRET=f"{SECRETS['stripe']},whsec_old_0123456789",
        RAZORPAY_WEBHOOK_SECRET=f"{SECRETS['razorpay']},webhook_old_0123456789",
    ):
        yield
    gateways.online.cache_clear()


@pytest.fixture(params=["stripe", "razorpay"])
def gateway(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)


def event(gateway: str, **fields: Any) -> bytes:
    if gateway == "stripe":
        thing = {"id": "pi_1", "object": "payment_intent"}
        return json.dumps(
            {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": thing}, **fields}
        ).encode()
    entity = {"id": "pay_1", "order_id": "order_1"}
    return json.dumps({"event": "payment.captured", "payload": {"payment": {"entity": entity}}, **fields}).encode()


def post(gateway: str, body: bytes, secret: str | None = None, **headers: str) -> Any:
    secret = secret if secret is not None else SECRETS[gateway]
    signed = (
        {"Stripe-Signature": stripe_signature(secret, body, int(clock.now().timestamp()))}
        if gateway == "stripe"
        else {"X-Razorpay-Signature": razorpay_signature(secret, body)}
    )
    client = Client(raise_request_exception=False)
    return client.post(
        f"/api/v1/webhooks/{gateway}/", data=body, content_type="application/json", headers={**signed, **headers}
    )


def test_a_signed_event_is_stored_with_its_job(gateway: str) -> None:
    body = event(gateway)

    response = post(gateway, body)

    assert (response.status_code, response.json()) == (200, {"received": True})
    stored = WebhookEvent.objects.get()
    assert (stored.gateway, stored.gateway_reference) == (gateway, {"stripe": "pi_1", "razorpay": "order_1"}[gateway])
    assert bytes(stored.body) == body
    assert waiting() == [("orders.work_event", {"event_id": stored.pk})]


def test_the_slash_at_the_end_may_be_missing(gateway: str) -> None:
    body = event(gateway)
    signature = {"X-Razorpay-Signature": razorpay_signature(SECRETS["razorpay"], body)}
    if gateway == "stripe":
        signature = {"Stripe-Signature": stripe_signature(SECRETS["stripe"], body, int(clock.now().timestamp()))}

    response = Client().post(
        f"/api/v1/webhooks/{gateway}", data=body, content_type="application/json", headers=signature
    )

    assert response.status_code == 200


def test_an_event_sent_again_is_answered_and_changes_nothing(gateway: str) -> None:
    for _ in range(3):
        assert post(gateway, event(gateway)).status_code == 200

    assert WebhookEvent.objects.count() == 1
    assert len(waiting()) == 1


def test_an_old_event_under_a_new_name_is_the_same_event() -> None:
    """Razorpay does not sign the header that names an event."""
    for number in range(3):
        assert post("razorpay", event("razorpay"), **{"x-razorpay-event-id": f"evt_{number}"}).status_code == 200

    assert WebhookEvent.objects.count() == 1


def test_twenty_at_once_are_one(gateway: str) -> None:
    body, barrier, statuses = event(gateway), threading.Barrier(20), []

    def run() -> None:
        try:
            barrier.wait()
            statuses.append(post(gateway, body).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 20
    assert WebhookEvent.objects.count() == 1
    assert len(waiting()) == 1


@pytest.mark.parametrize("secret", ["", "whsec_somebody_else", "\u00e9"])
def test_what_the_gateway_did_not_sign_is_refused_and_not_stored(gateway: str, secret: str) -> None:
    response = post(gateway, event(gateway), secret)

    assert response.status_code == 400
    assert not WebhookEvent.objects.exists()
    assert waiting() == []


@pytest.mark.parametrize("header", ["", "t=1,v1=é", "t=,v1=", "v1", "=", "\x00", "t=1,v1=" + "a" * 5000])
def test_a_header_of_a_stranger_is_a_400_and_never_a_500(gateway: str, header: str) -> None:
    name = {"stripe": "Stripe-Signature", "razorpay": "X-Razorpay-Signature"}[gateway]

    assert post(gateway, event(gateway), **{name: header}).status_code == 400
    assert not WebhookEvent.objects.exists()


def test_the_old_secret_verifies_while_it_is_listed(gateway: str) -> None:
    old = {"stripe": "whsec_old_0123456789", "razorpay": "webhook_old_0123456789"}[gateway]

    assert post(gateway, event(gateway), old).status_code == 200


def test_without_a_secret_the_door_is_closed(gateway: str) -> None:
    gateways.online.cache_clear()
    with override_settings(STRIPE_WEBHOOK_SECRET="", RAZORPAY_WEBHOOK_SECRET=""):
        response = post(gateway, event(gateway), "")

    assert response.status_code == 503
    assert not WebhookEvent.objects.exists()


def test_without_a_key_the_door_is_closed(gateway: str) -> None:
    gateways.online.cache_clear()
    with override_settings(STRIPE_SECRET_KEY="", RAZORPAY_KEY_ID=""):
        response = post(gateway, event(gateway))

    assert response.status_code == 503


def test_only_posts_are_taken(gateway: str) -> None:
    assert Client().get(f"/api/v1/webhooks/{gateway}/").status_code == 405
    assert Client().post("/api/v1/webhooks/somebody/").status_code == 404


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(gateway: str, settings: Any) -> None:
    response = post(gateway, event(gateway, filler="x" * (settings.MAX_BODY_BYTES + 1)))

    assert response.status_code == 413
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("odd", ["\x00", "\U0001f600", "x" * 500, "\ud800"])
def test_odd_characters_in_a_signed_event_are_stored_or_refused(gateway: str, odd: str) -> None:
    fields = {"id": f"evt_{odd}", "type": f"t{odd}"} if gateway == "stripe" else {"event": f"t{odd}"}

    assert post(gateway, event(gateway, **fields)).status_code in (200, 400)


SIGNED = {"stripe": "Stripe-Signature", "razorpay": "X-Razorpay-Signature"}
# What a header can carry: bytes that Latin-1 spells; line ends never get past a server.
HEADERS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=200)


@given(
    gateway=st.sampled_from(["stripe", "razorpay"]),
    body=st.binary(max_size=300),
    header=st.one_of(
        HEADERS, st.from_regex(r"\At=\d{0,30},v1=[0-9a-f]{0,70}(,v1=\w{0,9})?\Z"), st.from_regex(r"\A[0-9a-fA-F]{64}\Z")
    ),
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_whatever_a_stranger_sends_is_a_400(gateway: str, body: bytes, header: str) -> None:
    port = gateways.online(gateway)
    with pytest.raises(BadSignature):
        port.verify_webhook(body, {SIGNED[gateway]: header})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "type": JSON,
        "event": JSON,
        "data": st.fixed_dictionaries({"object": JSON}) | JSON,
        "payload": st.dictionaries(st.sampled_from(NAMES), st.fixed_dictionaries({"entity": JSON}) | JSON, max_size=3),
    },
)


@given(gateway=st.sampled_from(["stripe", "razorpay"]), value=SHAPED | JSON, cut=st.integers(0, 5))
@hypothesis_settings(max_examples=300, deadline=None)
def test_whatever_a_gateway_signs_is_an_event_or_a_400(gateway: str, value: Any, cut: int) -> None:
    body = json.dumps(value).encode()
    body = body[: len(body) - cut]
    seconds = int(clock.now().timestamp())
    signature = (
        stripe_signature(SECRETS["stripe"], body, seconds)
        if gateway == "stripe"
        else razorpay_signature(SECRETS["razorpay"], body)
    )
    with suppress(BadSignature):
        event = gateways.online(gateway).verify_webhook(body, {SIGNED[gateway]: signature})
        assert {type(part) for part in (event.key, event.type, event.reference, event.dispute_id)} == {str}
        assert event.key


@pytest.mark.parametrize("times", ["9" * 5000, "-1", "1e9", "\u0661", "", "0x1", " 1"])
def test_a_time_that_is_none_is_a_400(times: str) -> None:
    body = event("stripe")
    header = f"t={times},v1={'0' * 64}"
    assert post("stripe", body, **{"Stripe-Signature": header}).status_code == 400


def test_a_flood_is_answered_at_the_same_price_each(gateway: str) -> None:
    """What an event costs does not grow with those that came before; nothing is counted."""
    prices = []
    for number in (1, 50):
        WebhookEvent.objects.bulk_create(
            WebhookEvent(gateway=gateway, event_key=f"evt_{number}_{old}", event_type="x", body=b"{}")
            for old in range(100 * number)
        )
        body = event(gateway, id=f"evt_new_{number}", created=number)
        with statements() as told:
            started = time.perf_counter()
            assert post(gateway, body).status_code == 200
            assert time.perf_counter() - started < 1
        with statements() as repeated:
            assert post(gateway, body).status_code == 200
        prices.append((len(told), len(repeated)))
        assert not any("count(" in statement.lower() for statement in told)
    assert prices[0] == prices[1]


def test_what_is_signed_and_cannot_be_read_is_kept_for_a_person(gateway: str) -> None:
    body = b'{"id": "evt_odd", "type": "payment_intent.succeeded", "event": "payment.captured"}'
    for _ in range(2):
        assert post(gateway, body).status_code == 200
    kept = WebhookEvent.objects.get()
    assert (kept.state, kept.event_type, bytes(kept.body)) == (EventState.FAILED, "unreadable", body)
    assert waiting() == []
