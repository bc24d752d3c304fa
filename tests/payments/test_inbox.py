"""Events are stored once with their job, tried with pauses that grow, and given up only when they are at fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from kit import clock
from payments import inbox, queries
from payments.gateways.base import Event
from payments.models import EventState, GatewayName, WebhookEvent
from tests.jobs import waiting
from tests.payments.reports import asked
from tests.shop import Shop, Shopper
from tests.statements import statements

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


def test_the_dispute_that_an_event_is_about_is_kept(db: None) -> None:
    event = Event(key="evt_2", type="charge.dispute.created", reference="pi_1", dispute_id="dp_1")
    assert inbox.store("stripe", event, b"{}")
    assert WebhookEvent.objects.get().dispute_id == "dp_1"


def orphan(reference: str = "pi_1", key: str = "evt_1") -> WebhookEvent:
    """An event that was worked and is about nothing we know."""
    inbox.store("stripe", Event(key=key, type="payment_intent.succeeded", reference=reference), b"{}")
    event = WebhookEvent.objects.get(event_key=key)
    inbox.mark(event, EventState.ORPHANED)
    return event


def matched_after(pause: timedelta) -> list[int]:
    with clock.turned(pause):
        return inbox.match_orphans(AFTER, 10)


@pytest.fixture
def known(shop: Shop, ada: Shopper) -> str:
    """The reference of a payment request that we know."""
    _, request = asked(ada, shop, GatewayName.STRIPE)
    return str(request.gateway_reference)


def test_an_orphan_is_received_again_once_its_request_is_known(known: str) -> None:
    foreign, ours, nameless = orphan("pi_foreign", "evt_1"), orphan(known, "evt_2"), orphan("", "evt_3")

    assert matched_after(timedelta(seconds=50)) == []
    assert matched_after(timedelta(seconds=70)) == [ours.pk]

    states = dict(WebhookEvent.objects.values_list("pk", "state"))
    assert states == {foreign.pk: EventState.ORPHANED, ours.pk: EventState.RECEIVED, nameless.pk: EventState.ORPHANED}


def test_an_orphan_at_another_gateway_is_not_ours(known: str) -> None:
    inbox.store("razorpay", Event(key="evt_9", type="payment.captured", reference=known), b"{}")
    inbox.mark(WebhookEvent.objects.get(), EventState.ORPHANED)
    assert matched_after(timedelta(hours=2)) == []


def test_what_turns_out_an_orphan_again_is_matched_with_pauses_that_grow(known: str) -> None:
    event = orphan(known)
    gone = timedelta(0)
    for tries in range(9):
        pause = min(AFTER * 2**tries, timedelta(hours=1))
        assert matched_after(gone + pause - timedelta(seconds=10)) == []
        gone += pause + timedelta(seconds=10)
        assert matched_after(gone) == [event.pk]
        with clock.turned(gone):
            inbox.mark(event, EventState.ORPHANED)


def test_an_old_orphan_is_left_to_people(known: str) -> None:
    event = orphan(known)
    assert matched_after(inbox.MATCHED_FOR + timedelta(hours=1)) == []
    assert inbox.work_again([event.pk]) == 1


def test_a_round_matches_no_more_than_its_limit(known: str) -> None:
    events = [orphan(known, f"evt_{number}").pk for number in range(3)]
    with clock.turned(timedelta(hours=2)), statements() as told:
        assert inbox.match_orphans(AFTER, 2) == events[:2]
    assert len(told) == 1


def test_two_who_match_at_once_share_the_orphans(known: str) -> None:
    orphan(known)
    with ThreadPoolExecutor(1) as beside, transaction.atomic():
        assert len(matched_after(timedelta(hours=2))) == 1

        def other() -> list[int]:
            try:
                return matched_after(timedelta(hours=2))
            finally:
                connection.close()

        assert beside.submit(other).result(timeout=20) == []


@pytest.mark.parametrize("state", [EventState.FAILED, EventState.WORKED, EventState.ORPHANED])
def test_a_person_has_any_event_worked_again(event: WebhookEvent, state: EventState) -> None:
    for _ in range(3):
        inbox.mark_tried(event, give_up_after=None)
    inbox.mark(event, state)

    assert [inbox.work_again([event.pk, 7]) for _ in range(2)] == [1, 0]

    event.refresh_from_db()
    assert (event.state, event.times_tried, event.tried_at) == (EventState.RECEIVED, 0, None)
    assert waiting() == [("orders.work_event", {"event_id": event.pk})] * 2
