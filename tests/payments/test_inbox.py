"""Events are stored once with their job, tried with pauses that grow, and given up only when they are at fault."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from kit import clock
from payments import inbox, queries
from payments.gateways.base import Event
from payments.models import EventState, WebhookEvent
from tests.jobs import waiting

AFTER = timedelta(seconds=60)
EVENT = Event(key="evt_1", type="payment_intent.succeeded", reference="pi_1")


@pytest.fixture
def event(db: None) -> WebhookEvent:
    """An event that was received and that nobody has worked."""
    assert inbox.store("stripe", EVENT, b"{}")
    return WebhookEvent.objects.get()


def due_after(pause: timedelta) -> bool:
    return bool(queries.events_to_work(clock.now() + pause, AFTER, 10))


def test_only_the_first_is_new(event: WebhookEvent) -> None:
    assert not inbox.store("stripe", EVENT, b"{}")
    assert inbox.store("razorpay", EVENT, b"{}")
    assert len(waiting()) == 2


def test_event_and_job_are_written_together_or_not_at_all(db: None) -> None:
    with transaction.atomic():
        inbox.store("stripe", EVENT, b"{}")
        transaction.set_rollback(True)

    assert not WebhookEvent.objects.exists()
    assert waiting() == []


def test_an_event_that_no_job_has_worked_is_due_after_a_while(event: WebhookEvent) -> None:
    assert not due_after(timedelta(seconds=50))
    assert due_after(timedelta(seconds=70))


def test_the_pauses_grow_up_to_an_hour(event: WebhookEvent) -> None:
    for tries in range(1, 13):
        inbox.mark_tried(event, give_up_after=None)
        pause = min(AFTER * 2**tries, timedelta(hours=1))
        assert not due_after(pause - timedelta(seconds=5))
        assert due_after(pause + timedelta(seconds=5))


def test_what_is_at_fault_is_given_up_and_seen(event: WebhookEvent) -> None:
    for tries in range(1, 4):
        inbox.mark_tried(event, give_up_after=3)
        event.refresh_from_db()
        assert (event.times_tried, event.state) == (tries, EventState.RECEIVED if tries < 3 else EventState.FAILED)

    assert not due_after(timedelta(days=7))


def test_what_was_worked_is_not_due_any_more(event: WebhookEvent) -> None:
    inbox.mark(event, EventState.WORKED)
    inbox.mark_tried(event, give_up_after=1)

    event.refresh_from_db()
    assert (event.state, event.times_tried) == (EventState.WORKED, 0)
    assert not due_after(timedelta(days=7))


def test_what_was_received_stays_as_it_was_received(event: WebhookEvent) -> None:
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE payments_webhookevent SET body = '{\"other\": 1}'")
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM payments_webhookevent")
