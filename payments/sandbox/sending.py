"""Sends webhooks that are due, signed as the gateways sign, and repeats those that were not taken.

A delivery is claimed by moving its due time ahead in a short transaction, then sent without any transaction open, then
marked. A sender that dies in between leaves a delivery that falls due again: at least once, as at the real gateways.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

import requests
from django.conf import settings
from django.db import transaction

from kit import clock
from payments.sandbox.models import Delivery, Event, Gateway
from payments.sandbox.signatures import razorpay_signature, stripe_signature

type Post = Callable[[str, bytes, dict[str, str]], int]

CLAIM_FOR = timedelta(seconds=30)
FIRST_RETRY_AFTER = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(hours=24)
BATCH = 100
NO_ANSWER = 0
TIMEOUT_S = (2, 5)


def post_over_http(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer, or NO_ANSWER when there was none. Follows no redirect and no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException:
            return NO_ANSWER
        return answer.status_code


def deliver_due(
    post: Post = post_over_http,
    *,
    now: datetime | None = None,
    side_by_side: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send everything that is due at `now` (default: the present) once; returns how many deliveries were sent.

    The deliveries of one act go out in their order; with `side_by_side` above 1, different acts go out in parallel.
    A `now` in the future sends what is late or waits for a retry at once. Once `stopping` says so, nothing more is
    begun; what was claimed and not sent falls due again.
    """
    claimed = _claim(now or clock.now())
    acts = [list(deliveries) for _, deliveries in groupby(claimed, key=lambda delivery: delivery.act)]
    send = partial(_send_in_order, post=post, stopping=stopping)
    if side_by_side == 1 or len(acts) == 1:
        return sum(_mark_all(send(deliveries)) for deliveries in acts)
    # The threads only send; all writing is done here, on the one database connection there is.
    with ThreadPoolExecutor(side_by_side) as pool:
        return sum(_mark_all(sent) for sent in pool.map(send, acts))


def webhook_url(gateway: str) -> str:
    """Where the project listens."""
    return f"http://127.0.0.1:{settings.PORT}/api/v1/webhooks/{gateway}/"


def signed(event: Event) -> tuple[bytes, dict[str, str]]:
    """The body of an event and its headers, signed as of now."""
    body = json.dumps(event.document, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if event.gateway == Gateway.STRIPE:
        headers["Stripe-Signature"] = stripe_signature(settings.STRIPE_WEBHOOK_SECRET, body, int(time.time()))
    else:
        headers["X-Razorpay-Signature"] = razorpay_signature(settings.RAZORPAY_WEBHOOK_SECRET, body)
        headers["x-razorpay-event-id"] = event.public_id
    return body, headers


def _claim(now: datetime) -> list[Delivery]:
    with transaction.atomic(using="sandbox"):
        due = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("event")
        claimed = sorted(due.filter(due_at__lte=now).order_by("seq")[:BATCH], key=lambda one: (one.act, one.seq))
        numbers = [delivery.seq for delivery in claimed]
        if numbers:
            Delivery.objects.filter(seq__in=numbers).update(due_at=max(now, clock.now()) + CLAIM_FOR)
    return claimed


def _send_in_order(
    deliveries: list[Delivery], *, post: Post, stopping: Callable[[], bool]
) -> list[tuple[Delivery, int]]:
    sent = []
    for delivery in deliveries:
        if stopping():
            break
        body, headers = signed(delivery.event)
        sent.append((delivery, post(webhook_url(delivery.event.gateway), body, headers)))
    return sent


def _mark_all(sent: list[tuple[Delivery, int]]) -> int:
    for delivery, status in sent:
        _mark(delivery, status)
    return len(sent)


def _mark(delivery: Delivery, status: int) -> None:
    now = clock.now()
    delivery.attempts += 1
    delivery.last_status = status
    if 200 <= status < 300:
        delivery.due_at, delivery.delivered_at = None, now
    elif now.timestamp() - delivery.event.created > GIVE_UP_AFTER.total_seconds():
        delivery.due_at = None
    else:
        delivery.due_at = now + _back_off(delivery.attempts)
    delivery.save(update_fields=["attempts", "last_status", "due_at", "delivered_at"])


def _back_off(attempts: int) -> timedelta:
    doublings: int = 2 ** min(attempts - 1, 20)
    return min(FIRST_RETRY_AFTER * doublings, LONGEST_BACK_OFF)
