"""Verified webhooks, stored once and worked later.

An event is only a hint: the worker asks the gateway what is true now, so neither the order of events nor their number
matters. An event about a payment that is not ours is kept as an orphan.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from kit import clock
from payments.deferring import defer_job
from payments.gateways.base import Event
from payments.models import EventState, WebhookEvent

MATCHED_FOR = timedelta(days=30)
"""So long an orphan is matched with what comes to be known; a person can have it worked again at any age."""
# The job that works an event. It lives above, where it is known what the money is for.
WORK_EVENT = "orders.work_event"


def store(gateway: str, event: Event, body: bytes) -> bool:
    """Keep a verified event and have it worked; True if it is new. An event that is known already changes nothing.

    One that nobody can read is put before a person at once.
    """
    with transaction.atomic():
        stored, new = WebhookEvent.objects.get_or_create(
            gateway=gateway,
            event_key=_storable(event.key, 80),
            defaults={
                "event_type": _storable(event.type, 80),
                "gateway_reference": _storable(event.reference, 64),
                "dispute_id": _storable(event.dispute_id, 64),
                "body": body,
                "state": EventState.RECEIVED if event.is_readable else EventState.FAILED,
            },
        )
        if new and event.is_readable:
            defer_job(WORK_EVENT, queue="events", event_id=stored.pk)
    return new


def _storable(text: str, longest: int) -> str:
    """The text without what PostgreSQL cannot hold: JSON can spell NUL and half a character."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:longest]


def mark(event: WebhookEvent, state: EventState) -> None:
    """Note what became of an event."""
    WebhookEvent.objects.filter(pk=event.pk).update(state=state, worked_at=clock.now())


def mark_tried(event: WebhookEvent, *, give_up_after: int | None) -> None:
    """Note a failed try; after `give_up_after` of them (None: never) a person has to look, and other events go on."""
    tried = WebhookEvent.objects.filter(pk=event.pk, state=EventState.RECEIVED)
    tried.update(tried_at=clock.now(), times_tried=F("times_tried") + 1)
    if give_up_after is not None:
        tried.filter(times_tried__gte=give_up_after).update(state=EventState.FAILED)


_MATCH = """
UPDATE payments_webhookevent SET state = 'received', tried_at = %(now)s, times_tried = times_tried + 1
WHERE id IN (
    SELECT e.id FROM payments_webhookevent e
    JOIN payments_paymentrequest r ON r.gateway = e.gateway AND r.gateway_reference = e.gateway_reference
    WHERE e.state = 'orphaned' AND e.received_at > %(now)s - %(matched_for)s
      AND coalesce(e.tried_at, e.worked_at) < %(now)s - least(%(after)s * 2 ^ least(e.times_tried, 10), '1 hour')
    ORDER BY e.received_at LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
) RETURNING id
"""


def match_orphans(after: timedelta, limit: int) -> list[int]:
    """Young orphans whose payment request is known by now are received once more; their ids. One statement.

    What turns out an orphan again is matched again after a pause that doubles from `after` up to an hour.
    """
    values: dict[str, Any] = {"now": clock.now(), "matched_for": MATCHED_FOR, "after": after, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_MATCH, values)
        return sorted(event_id for (event_id,) in cursor.fetchall())


def work_again(event_ids: Collection[int]) -> int:
    """Have events worked once more, whatever became of them before; how many were not waiting for that already."""
    with transaction.atomic():
        events = WebhookEvent.objects.select_for_update().filter(pk__in=event_ids).exclude(state=EventState.RECEIVED)
        again = sorted(events.order_by("pk").values_list("pk", flat=True))
        WebhookEvent.objects.filter(pk__in=again).update(state=EventState.RECEIVED, tried_at=None, times_tried=0)
        for event_id in again:
            defer_job(WORK_EVENT, queue="events", event_id=event_id)
    return len(again)
