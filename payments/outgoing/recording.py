"""What came of a try: the delivery's state and next try, the log, and how its subscriber does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog
from django.conf import settings
from django.db import transaction

from kit import clock
from payments.outgoing.models import Delivery, DeliveryState, DeliveryTry, Subscription
from payments.outgoing.posting import Answer
from payments.outgoing.schedule import next_try, subscription_pause

log = structlog.get_logger(__name__)

_COUNTERS = ("failures_in_a_row", "failing_since", "paused_until")
_DISABLED = ("active", "disabled_at", "disabled_because")


def record(delivery_id: int, answer: Answer, *, tried: int) -> None:
    """The try, the `tried`-th, is written down, and what follows from it: delivered, to be tried again, or given up.

    A subscriber whose tries have all failed for OUTGOING_DISABLE_AFTER, and often enough, is disabled. What was
    delivered stays so, whatever a second sender has to say; and when it is tried again is the word of whoever tried it
    last. Locks the delivery, then its subscription.
    """
    now = clock.now()
    with transaction.atomic():
        rows = Delivery.objects.select_related("subscription").select_for_update(
            no_key=True, of=("self", "subscription")
        )
        delivery = rows.get(pk=delivery_id)
        DeliveryTry.objects.create(
            delivery=delivery,
            at=now,
            status=answer.status,
            reason=reason(answer),
            duration_ms=answer.duration_ms,
        )
        is_last = delivery.times_tried == tried
        if is_last:
            delivery.claimed_until = None
        if answer.status is not None and 200 <= answer.status < 300:
            _succeeded(delivery, answer, now)
        else:
            _failed(delivery, answer, now, is_last=is_last)


def reason(answer: Answer) -> str:
    """A word for what was wrong; empty if nothing was."""
    if answer.status is None:
        return answer.reason[:40]
    if 300 <= answer.status < 400:
        return "redirected"
    return "" if 200 <= answer.status < 300 else "http_error"


def _succeeded(delivery: Delivery, answer: Answer, now: datetime) -> None:
    if delivery.state != DeliveryState.DELIVERED:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, now
        delivery.last_status, delivery.last_reason = answer.status, ""
        delivery.save(update_fields=["claimed_until", "state", "delivered_at", "last_status", "last_reason"])
    subscription = delivery.subscription
    if subscription.failures_in_a_row:
        subscription.failures_in_a_row, subscription.failing_since, subscription.paused_until = 0, None, None
        subscription.save(update_fields=_COUNTERS)


def _failed(delivery: Delivery, answer: Answer, now: datetime, *, is_last: bool) -> None:
    retry_after = read_retry_after(answer.retry_after, now)
    if delivery.state == DeliveryState.WAITING and is_last:
        at = next_try(now=now, wanted_at=delivery.wanted_at, times_tried=delivery.times_tried, retry_after=retry_after)
        delivery.state = DeliveryState.WAITING if at else DeliveryState.GIVEN_UP
        delivery.next_try_at = at or now
        delivery.last_status, delivery.last_reason = answer.status, reason(answer)
        delivery.save(update_fields=["claimed_until", "state", "next_try_at", "last_status", "last_reason"])
    _count_failure(delivery.subscription, answer, now, retry_after)


def _count_failure(subscription: Subscription, answer: Answer, now: datetime, retry_after: timedelta | None) -> None:
    subscription.failures_in_a_row += 1
    subscription.failing_since = subscription.failing_since or now
    subscription.paused_until = now + subscription_pause(subscription.failures_in_a_row, retry_after)
    changed: tuple[str, ...] = _COUNTERS
    enough = subscription.failures_in_a_row >= settings.OUTGOING_DISABLE_AFTER_FAILURES
    if subscription.active and enough and now - subscription.failing_since >= settings.OUTGOING_DISABLE_AFTER:
        since = subscription.failing_since.astimezone(UTC)
        subscription.active, subscription.disabled_at = False, now
        subscription.disabled_because = (
            f"{subscription.failures_in_a_row} tries in a row have failed since {since:%Y-%m-%d %H:%M} UTC; "
            f"the last one: {answer.status or reason(answer)}"
        )
        changed += _DISABLED
        log.warning("subscription_disabled", subscription=subscription.pk, because=subscription.disabled_because)
    subscription.save(update_fields=changed)


def read_retry_after(text: str, now: datetime) -> timedelta | None:
    """How long a receiver asks us to wait: seconds or a date of HTTP; None for anything else, or for a time gone by."""
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text), 10**6))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return at - now if at > now else None
