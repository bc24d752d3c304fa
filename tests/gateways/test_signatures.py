"""What a stranger can send to a webhook's door: all but the gateway's own bytes is BadSignature, nothing else."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kit import clock
from payments.gateways.base import UNREADABLE, BadSignature, Event
from payments.sandbox.signatures import razorpay_signature, stripe_signature
from tests.gateways.conftest import make

HEADER = {"stripe": "Stripe-Signature", "razorpay": "X-Razorpay-Signature"}
DOCUMENTS: dict[str, Any] = {
    "stripe": {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": "pi_1", "object": "payment_intent", "description": "Zoë"}},
    },
    "razorpay": {
        "event": "payment.captured",
        "payload": {"payment": {"entity": {"id": "pay_1", "order_id": "order_1", "description": "Zoë"}}},
    },
}


def body_of(name: str, **fields: Any) -> bytes:
    return json.dumps({**DOCUMENTS[name], **fields}, separators=(",", ":"), ensure_ascii=False).encode()


def sign(name: str, body: bytes, secret: str | None = None, *, late_by: int = 0) -> str:
    if name == "stripe":
        sent = int(clock.now().timestamp()) - late_by
        return stripe_signature(secret or settings.STRIPE_WEBHOOK_SECRET, body, sent)
    return razorpay_signature(secret or settings.RAZORPAY_WEBHOOK_SECRET, body)


def verify(name: str, body: bytes, signature: str | None, secrets: tuple[str, ...] | None = None) -> Event:
    return make(name, secrets=secrets).verify_webhook(body, {} if signature is None else {HEADER[name]: signature})


def test_the_gateways_own_bytes_are_its_event(name: str) -> None:
    body = body_of(name)

    event = verify(name, body, sign(name, body))

    assert (event.type, event.reference) == {
        "stripe": ("payment_intent.succeeded", "pi_1"),
        "razorpay": ("payment.captured", "order_1"),
    }[name]


DISPUTES: dict[str, Any] = {
    "stripe": {
        "type": "charge.dispute.created",
        "data": {"object": {"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1"}},
    },
    "razorpay": {
        "event": "payment.dispute.created",
        "payload": {
            "payment": {"entity": {"id": "pay_1", "order_id": "order_1"}},
            "dispute": {"entity": {"id": "disp_1", "payment_id": "pay_1"}},
        },
    },
}


def test_a_disputes_event_names_the_dispute_and_its_payment(name: str) -> None:
    body = body_of(name, **DISPUTES[name])

    event = verify(name, body, sign(name, body))

    assert (event.dispute_id, event.reference) == {"stripe": ("du_1", "pi_1"), "razorpay": ("disp_1", "order_1")}[name]


def test_an_event_of_something_else_names_no_dispute(name: str) -> None:
    assert verify(name, body_of(name), sign(name, body_of(name))).dispute_id == ""


def test_the_same_bytes_are_the_same_event_and_others_another(name: str) -> None:
    once, again = (verify(name, body_of(name), sign(name, body_of(name))) for _ in range(2))
    other = body_of(name, id="evt_2")

    assert once.key == again.key
    assert verify(name, other, sign(name, other)).key != once.key


# The signature that a stranger sends, made from the right one.
FORGED: dict[str, Callable[[str, str], str | None]] = {
    "missing": lambda name, right: None,
    "empty": lambda name, right: "",
    "blank": lambda name, right: "   ",
    "not ASCII": lambda name, right: right[:-1] + "é",
    "full-width digits": lambda name, right: right.translate(
        {ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}
    ),
    "lone surrogate": lambda name, right: right[:-1] + "\ud800",
    "cut short": lambda name, right: right[:-2],
    "cut to its scheme": lambda name, right: right.partition("v1=")[0] + "v1=",
    "upper case": lambda name, right: right.partition("v1=")[0] + "v1=" + right.rpartition("=")[2].upper(),
    "one digit more": lambda name, right: right + "0",
    "another scheme": lambda name, right: right.replace("v1=", "v0=") if name == "stripe" else "v0=" + right,
    "another secret": lambda name, right: sign(name, body_of(name), "whsec_of_somebody_else"),
    "two headers of strangers": lambda name, right: f"{right[:-2]}00, {right[:-2]}11",
    "only a time": lambda name, right: "t=1700000000",
    "no time": lambda name, right: "v1=" + right.rpartition("=")[2] if name == "stripe" else "t," + right,
    "a time that is no number": lambda name, right: "t=now,v1=" + right.rpartition("=")[2],
    "a time of 5,000 digits": lambda name, right: f"t={'9' * 5000},v1=" + right.rpartition("=")[2],
    "a negative time": lambda name, right: "t=-1,v1=" + right.rpartition("=")[2],
    "separators only": lambda name, right: ",,=,=,",
    "very long": lambda name, right: "v1=" + "a" * 100_000,
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_signature_is_refused(name: str, kind: str) -> None:
    body = body_of(name)

    with pytest.raises(BadSignature):
        verify(name, body, FORGED[kind](name, sign(name, body)))


# The body that arrives under the signature of the right one.
ALTERED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"",
    "other key order": lambda body: json.dumps(
        dict(reversed(json.loads(body).items())), separators=(",", ":")
    ).encode(),
    "unicode escapes": lambda body: json.dumps(json.loads(body), separators=(",", ":")).encode(),
    "spaces": lambda body: json.dumps(json.loads(body), ensure_ascii=False).encode(),
    "a line at the end": lambda body: body + b"\n",
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "compressed": gzip.compress,
    "not UTF-8": lambda body: body + b"\xff",
    "NUL": lambda body: body + b"\0",
    "another amount": lambda body: body.replace(b"1", b"2"),
}


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_body_is_refused(name: str, kind: str) -> None:
    body = body_of(name)

    with pytest.raises(BadSignature):
        verify(name, ALTERED[kind](body), sign(name, body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"0",
        b'"text"',
        b"{}",
        b"{",
        b'{"id": 1, "type": null, "data": {"object": []}, "event": [], "payload": "x"}',
        b'{"id": "e", "type": "t", "data": null, "event": "e", "payload": {"order": null}}',
        b'{"id": "e", "type": "t", "data": {"object": {}}, "event": "e", "payload": {"payment": {}}}',
        b'{"id": "e", "type": "t", "data": {"object": 7}, "event": "e", "payload": {"dispute": {"entity": null}}}',
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_signed_nonsense_is_an_event_that_nobody_can_read(name: str, body: bytes) -> None:
    event = verify(name, body, sign(name, body))
    assert (event.is_readable, event.type, event.reference) == (False, UNREADABLE, "")
    assert event.key == hashlib.sha256(body).hexdigest()


def test_signed_bytes_that_are_no_text_are_refused(name: str) -> None:
    with pytest.raises(BadSignature):
        verify(name, b"\xff\xfe", sign(name, b"\xff\xfe"))


@examples(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), signature=st.text(max_size=120))
def test_no_bytes_and_no_header_raise_anything_else(name: str, body: bytes, signature: str) -> None:
    for header in (signature, f"t=1,v1={signature}"):
        with pytest.raises(BadSignature):
            verify(name, body, header)


def test_while_a_secret_is_exchanged_both_sign(name: str) -> None:
    body = body_of(name)

    for secret in ("old_secret_0123", "new_secret_0123"):
        assert verify(name, body, sign(name, body, secret), ("new_secret_0123", "old_secret_0123"))
    with pytest.raises(BadSignature):
        verify(name, body, sign(name, body, "old_secret_0123"), ("new_secret_0123",))


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
def test_an_empty_secret_signs_nothing(name: str, secrets: tuple[str, ...]) -> None:
    body = body_of(name)
    signature = (
        stripe_signature("", body, int(clock.now().timestamp())) if name == "stripe" else razorpay_signature("", body)
    )

    with pytest.raises(BadSignature):
        verify(name, body, signature, secrets)


@pytest.mark.parametrize("late_by", [301, 24 * 3600, -301, -365 * 24 * 3600])
def test_a_time_far_from_now_is_refused_in_both_directions(late_by: int) -> None:
    body = body_of("stripe")

    with pytest.raises(BadSignature):
        verify("stripe", body, sign("stripe", body, late_by=late_by))


@pytest.mark.parametrize("late_by", [0, 290, -290])
def test_a_time_near_now_is_taken(late_by: int) -> None:
    body = body_of("stripe")

    assert verify("stripe", body, sign("stripe", body, late_by=late_by))


def test_an_old_event_comes_again_under_its_old_name(name: str) -> None:
    body = body_of(name)
    signature = sign(name, body)

    with clock.turned(timedelta(days=1)):
        if name == "stripe":
            with pytest.raises(BadSignature):
                verify(name, body, signature)
        else:
            # Nothing in its scheme says when: it is known by its bytes, so that it changes nothing.
            assert verify(name, body, signature).key == verify(name, body, signature).key
