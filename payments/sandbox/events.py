"""Writes down what happened, and which of it the project's webhook is to hear, in the transaction of the act itself.

Nothing is sent here: `sending` does that, from a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import TextChoices

from kit import clock
from kit.ids import new_id
from payments.sandbox.models import Delivery, Event

LATE_AFTER = timedelta(seconds=10)
AGAIN_AFTER = timedelta(milliseconds=200)


class Mode(TextChoices):
    """How the webhooks of one act misbehave."""

    NORMAL = "normal"
    NONE = "none"
    TWICE = "twice"
    LATE = "late"
    OUT_OF_ORDER = "out_of_order"


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as the wire shows it; `document` is the whole body of the webhook."""

    public_id: str
    type: str
    document: dict[str, Any]
    created: int


def record(gateway: str, happenings: Sequence[Happening], mode: Mode) -> None:
    """Store the events of one act in their order, and the deliveries that the mode asks for.

    `none` leaves events without delivery: only who asks the gateway learns of them.
    """
    events = Event.objects.bulk_create(
        Event(
            gateway=gateway,
            public_id=happening.public_id,
            type=happening.type,
            document=happening.document,
            created=happening.created,
        )
        for happening in happenings
    )
    if mode == Mode.NONE:
        return
    act, now = new_id(), clock.now()
    due = now + LATE_AFTER if mode == Mode.LATE else now
    if mode == Mode.OUT_OF_ORDER:
        events.reverse()
    deliveries = [Delivery(event=event, act=act, due_at=due) for event in events]
    if mode == Mode.TWICE:
        deliveries += [Delivery(event=event, act=act, due_at=due + AGAIN_AFTER) for event in events]
    Delivery.objects.bulk_create(deliveries)
