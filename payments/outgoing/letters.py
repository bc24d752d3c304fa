"""A delivery as it travels: the bytes and headers that are sent, signed anew at every try, and the sending itself.

Works on what it is given: `carry` runs in threads that have no database connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from kit import strict_json
from payments.outgoing import subscriptions, targets
from payments.outgoing.addresses import TargetRefused
from payments.outgoing.models import Delivery, OutgoingEvent, Subscription, Wire
from payments.outgoing.posting import TOTAL_S, Answer, post
from payments.outgoing.signatures import razorpay_signature, signature
from payments.outgoing.targets import Resolve
from payments.sealing import Unsealable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One try of one delivery, the `times_tried`-th. `body` is the same at every try; only the signature's time is not.
    After `until`, on the monotonic clock, nothing of it may be under way any more.
    """

    delivery_id: int
    subscription_id: int
    url: str
    body: bytes
    headers: Mapping[str, str]
    times_tried: int
    until: float


def write(delivery: Delivery, *, until: float) -> Letter | None:
    """The signed letter of a delivery, its event and subscription read with it; None if its secret cannot be read."""
    event, subscription = delivery.event, delivery.subscription
    body = content(event)
    try:
        signed = _signed_by_wire[Wire(subscription.wire)](event, subscription, body)
    except Unsealable:
        return None
    headers = {"Content-Type": "application/json", "User-Agent": "Quittance", **signed}
    return Letter(delivery.pk, subscription.pk, subscription.url, body, headers, delivery.times_tried, until)


def _signed(event: OutgoingEvent, subscription: Subscription, body: bytes) -> dict[str, str]:
    return {
        "Quittance-Event-Id": str(event.pk),
        "Quittance-Event-Type": event.type,
        "Quittance-Signature": signature(
            body, secrets=subscriptions.signing_secrets(subscription), at=int(time.time())
        ),
    }


def _signed_as_razorpay(event: OutgoingEvent, subscription: Subscription, body: bytes) -> dict[str, str]:
    """There is room for one signature: while a secret is being replaced, what happened before is signed by the old."""
    secret = subscriptions.signing_secret_at(subscription, event.created_at)
    return {"X-Razorpay-Signature": razorpay_signature(body, secret=secret), "X-Razorpay-Event-Id": event.pk.hex}


_signed_by_wire: Mapping[Wire, Callable[[OutgoingEvent, Subscription, bytes], dict[str, str]]] = {
    Wire.QUITTANCE: _signed,
    Wire.RAZORPAY: _signed_as_razorpay,
}


def content(event: OutgoingEvent) -> bytes:
    """What receivers are sent of an event: exact JSON, the same bytes every time. An audience of its own is sent the
    body alone."""
    if event.audience_id is not None:
        return strict_json.dumps(event.body)
    return strict_json.dumps(
        {"id": str(event.pk), "type": event.type, "created_at": event.created_at.isoformat(), "data": event.body}
    )


def carry(letter: Letter, resolve: Resolve) -> Answer:
    """Look the target up, check it and send; what came of it, whatever that was. No database, no exceptions."""
    start = time.monotonic()
    try:
        target = targets.allowed(letter.url)
        addresses = targets.pinned(target, resolve)
        # Somebody else may send it once it is not ours any more.
        left = letter.until - time.monotonic()
        if left > 0:
            return post(target, addresses, letter.body, letter.headers, total_s=min(TOTAL_S, left))
        reason = "not_begun_in_time"
    except TargetRefused as refusal:
        reason = f"refused_{refusal.code}"
    except OSError:
        reason = "name_not_resolved"
    except Exception:
        # Ours to mend; until then it is tried again like everything else, and holds up nobody.
        log.exception("delivery_broke", delivery=letter.delivery_id)
        reason = "internal_error"
    return Answer(None, reason, duration_ms=int((time.monotonic() - start) * 1000))
