"""Verified webhooks, stored once and worked later.

An event is only a hint: the worker asks the gateway what is true now, so neither the order of events nor their number
matters. An event about a payment that is not ours is kept as an orphan.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from kit import clock
from payments.deferring import defer_job
from payments.gateways.base import Event
from payments.models import EventState, WebhookEvent

# The job that works an event. It lives above, where it is known what the money is for.
WORK_EVENT = "orders.work_event"


def store(gateway: str, event: Event, body: bytes) -> bool:
    """Keep a verified event and have it worked; True if it is new. An event that is known already changes nothing."""
    with transaction.atomic():
        stored, new = WebhookEvent.objects.get_or_create(
            gateway=gateway,
            event_key=_storable(event.key, 80),
            defaults={
                "event_type": _storable(event.type, 80),
                "gateway_reference": _storable(event.reference, 64),
                "body": body,
            },
        )
        if new:
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
