"""Working received events once more, in bulk: after an outage, a wrong key, a fault of ours.

An event asks its gateway what is true now, so that replaying changes nothing that is right already. Each event is on
its own: one that fails again holds up no other. Called outside any transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import QuerySet

from orders import events
from payments import inbox
from payments.gateways.base import GatewayError
from payments.models import EventState, WebhookEvent

log = structlog.get_logger(__name__)

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: those received in [since, until), of these states, gateway and ids. Empty means all."""

    states: tuple[EventState, ...] = ()
    gateway: str = ""
    ids: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def events(self) -> QuerySet[WebhookEvent]:
        """The events, in the order in which they were received."""
        found = WebhookEvent.objects.order_by("pk")
        if self.states:
            found = found.filter(state__in=self.states)
        if self.gateway:
            found = found.filter(gateway=self.gateway)
        if self.ids:
            found = found.filter(pk__in=self.ids)
        if self.since:
            found = found.filter(received_at__gte=self.since)
        return found.filter(received_at__lt=self.until) if self.until else found


@dataclass(frozen=True, slots=True)
class Replay:
    """One event and what became of it; `failure` is why it failed once more, and then its state is as it was."""

    event: WebhookEvent
    state: EventState
    failure: str = ""


def unknown_ids(selection: Selection) -> list[int]:
    """The ids of a selection that no event has, whatever else is asked for; the smallest first."""
    known = set(WebhookEvent.objects.filter(pk__in=selection.ids).values_list("pk", flat=True)) if selection.ids else ()
    return sorted(set(selection.ids).difference(known))


def replay(selection: Selection) -> Iterator[Replay]:
    """Work each of these events once. In constant memory, however many there are."""
    for event in stream(selection):
        yield _replay(event)


def stream(selection: Selection) -> Iterator[WebhookEvent]:
    """The events of a selection, without their bodies; what is received meanwhile is not among them."""
    newest = WebhookEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    last = 0
    while chunk := list(selection.events().filter(pk__gt=last, pk__lte=newest).defer("body")[:_CHUNK]):
        yield from chunk
        last = chunk[-1].pk


def _replay(event: WebhookEvent) -> Replay:
    before = EventState(event.state)
    try:
        state = events.work(event)
    except GatewayError as error:
        return _failed(event, before, error.reason)
    except Exception as error:
        log.exception("replay_failed", webhook_event=event.pk)
        return _failed(event, before, type(error).__name__)
    inbox.mark(event, state)
    return Replay(event, state)


def _failed(event: WebhookEvent, before: EventState, failure: str) -> Replay:
    inbox.mark_tried(event, give_up_after=None)
    return Replay(event, before, failure)
