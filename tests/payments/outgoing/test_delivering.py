"""What is due goes out once or more, to each at its own pace, and what came of it is on record."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from kit import clock
from kit.ids import new_id
from payments.outgoing import delivering, letters, posting, subscriptions, targets, turns
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import Delivery, DeliveryState, DeliveryTry, EventType, OutgoingEvent
from payments.outgoing.posting import Answer
from payments.outgoing.redelivering import redeliver
from payments.outgoing.schedule import GIVE_UP_AFTER, PAUSES
from tests.concurrency.racing import together
from tests.payments.outgoing.conftest import Subscribe, Subscriber
from tests.payments.outgoing.receiver import BROKEN, Receiver, Say, status
from tests.payments.outgoing.verifying import verified

pytestmark = pytest.mark.django_db


class KilledError(BaseException):
    """The process ends here."""


def happen(times: int = 1, event_type: EventType = EventType.ORDER_PAID) -> list[OutgoingEvent]:
    """So many events, in their order."""
    before = set(OutgoingEvent.objects.values_list("pk", flat=True))
    emit(*[Happening(event_type, new_id(), {"number": number}) for number in range(times)])
    return list(OutgoingEvent.objects.exclude(pk__in=before).order_by("pk"))


def send(later: timedelta = timedelta()) -> int:
    with clock.turned(later):
        return delivering.send_due()


def only() -> Delivery:
    return Delivery.objects.get()


def tries() -> list[tuple[int | None, str]]:
    return list(DeliveryTry.objects.order_by("pk").values_list("status", "reason"))


@pytest.fixture
def subscriber(subscribe: Subscribe, receiver: Receiver) -> Subscriber:
    """Who wants to hear."""
    return subscribe(receiver.url)


@pytest.fixture
def the_end() -> Iterator[threading.Event]:
    """Set at the end at the latest, so that no thread of a test outlives it."""
    event = threading.Event()
    yield event
    event.set()


# --- the good road --------------------------------------------------------------------------------------------------


def test_an_event_is_delivered_signed_and_recorded(subscriber: Subscriber, receiver: Receiver) -> None:
    [event] = happen()

    assert send() == 1

    [request] = receiver.received
    assert request.line == "POST /hooks?shop=1 HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["quittance-event-id"] == str(event.pk)
    assert request.headers["quittance-event-type"] == "order.paid"
    assert json.loads(request.body) == {
        "id": str(event.pk),
        "type": "order.paid",
        "created_at": event.created_at.isoformat(),
        "data": {"number": 0},
    }
    assert verified(request.body, request.headers["quittance-signature"], subscriber.secret)
    delivery = only()
    assert (delivery.state, delivery.times_tried, delivery.last_status) == (DeliveryState.DELIVERED, 1, 200)
    assert delivery.delivered_at is not None
    assert tries() == [(200, "")]
    assert subscriber.row.failures_in_a_row == 0
    assert send(timedelta(days=5)) == 0


def test_the_sender_calls_nobody_inside_a_transaction(subscriber: Subscriber) -> None:
    happen()
    with transaction.atomic(), pytest.raises(RuntimeError):
        delivering.send_due()


def test_everything_due_goes_out_in_one_go_and_each_once(subscriber: Subscriber, receiver: Receiver) -> None:
    events = happen(60)
    assert send() == 60
    assert sorted(one.headers["quittance-event-id"] for one in receiver.received) == [str(one.pk) for one in events]
    assert not Delivery.objects.exclude(state=DeliveryState.DELIVERED).exists()


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "recorded"),
    [
        (BROKEN, (500, "http_error")),
        (status("404 Not Found"), (404, "http_error")),
        (status("302 Found", "Location: http://127.0.0.1:1/"), (302, "redirected")),
        (lambda peer: peer.sendall(b"what?\r\n"), (None, "not_http")),
        (lambda peer: None, (None, "connection_failed")),
    ],
)
def test_a_failed_try_is_recorded_and_repeated_after_its_pause(
    subscriber: Subscriber, receiver: Receiver, say: Say, recorded: tuple[int | None, str]
) -> None:
    receiver.answers = [say]
    [event] = happen()
    before = clock.now()

    assert send() == 1

    delivery = only()
    assert tries() == [recorded]
    assert (delivery.state, delivery.last_status, delivery.last_reason) == (DeliveryState.WAITING, *recorded)
    assert PAUSES[0] * 0.8 <= delivery.next_try_at - before <= PAUSES[0] * 1.2 + timedelta(seconds=5)
    assert send(PAUSES[0] * 0.7) == 0

    assert send(PAUSES[0] * 1.3) == 1
    assert [one.headers["quittance-event-id"] for one in receiver.received] == [str(event.pk)] * 2
    assert len({one.body for one in receiver.received}) == 1
    assert only().state == DeliveryState.DELIVERED
    assert (subscriber.row.failures_in_a_row, subscriber.row.failing_since) == (0, None)


def test_what_fails_for_three_days_is_given_up(subscriber: Subscriber, receiver: Receiver, settings: Any) -> None:
    settings.OUTGOING_DISABLE_AFTER_FAILURES = 1000
    receiver.always = BROKEN
    happen()
    passed, sent = timedelta(), 0
    while passed < GIVE_UP_AFTER + timedelta(days=1):
        sent += send(passed)
        # The worker comes every other second, this loop once an hour.
        passed += timedelta(hours=1)
    delivery = only()
    assert delivery.state == DeliveryState.GIVEN_UP
    assert sent == delivery.times_tried == DeliveryTry.objects.count() == len(receiver.received)
    assert 12 <= sent <= 20
    last = DeliveryTry.objects.latest("pk").at - delivery.wanted_at
    assert GIVE_UP_AFTER - timedelta(hours=8.5) <= last <= GIVE_UP_AFTER + timedelta(hours=1)


def test_retry_after_puts_off_the_delivery_and_everything_else_for_its_subscriber(
    subscriber: Subscriber, receiver: Receiver
) -> None:
    receiver.answers = [status("429 Slow Down", "Retry-After: 1200")]
    happen()
    send()
    before = clock.now()
    happen()

    assert timedelta(minutes=19) < Delivery.objects.earliest("pk").next_try_at - before <= timedelta(minutes=20)
    assert send(timedelta(minutes=19)) == 0
    assert send(timedelta(minutes=21)) == 2


def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_is_sent(
    subscriber: Subscriber, receiver: Receiver, settings: Any
) -> None:
    happen()
    settings.SECRET_KEYS = ["another key, since the old one was thrown away too early ............"]
    send()
    assert (tries(), receiver.received) == ([(None, "secret_unreadable")], [])


# --- whom it concerns -----------------------------------------------------------------------------------------------


def test_a_dead_subscriber_holds_up_nobody_else(
    subscribe: Subscribe, receiver: Receiver, the_end: threading.Event
) -> None:
    with Receiver(always=lambda peer: void(the_end.wait(20))) as dead:
        asleep, awake = subscribe(dead.url), subscribe(receiver.url)
        happen(40)
        done: list[int] = []
        sender = threading.Thread(target=lambda: done.append(together([delivering.send_due])[0]))
        sender.start()
        try:
            with receiver.arrived:
                assert receiver.arrived.wait_for(lambda: len(receiver.received) == 40, timeout=5)
            # What happens while nothing but the dead one is waited for goes out, too.
            wait_until_delivered(40)
            time.sleep(0.1)
            happen()
            with receiver.arrived:
                assert receiver.arrived.wait_for(lambda: len(receiver.received) == 41, timeout=5)
            assert not done
            assert len(dead.received) <= delivering.TO_ONE
        finally:
            the_end.set()
            sender.join(20)
    assert done == [41 + len(dead.received)]
    assert asleep.row.failures_in_a_row == len(dead.received)
    assert (awake.row.failures_in_a_row, asleep.row.active) == (0, True)


def void(_: object) -> None:
    """Say nothing."""


def wait_until_delivered(number: int) -> None:
    deadline = time.monotonic() + 5
    while Delivery.objects.filter(state=DeliveryState.DELIVERED).count() < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_failing_subscriber_is_tried_with_one_letter_at_a_time_and_left_alone_in_between(
    subscriber: Subscriber, receiver: Receiver
) -> None:
    receiver.always = BROKEN
    happen(20)
    first = send()
    assert 1 <= first <= delivering.TO_ONE
    assert send() == 0
    failures = subscriber.row.failures_in_a_row
    assert failures == first
    assert send(timedelta(seconds=2**failures + 1)) == 1
    # Those it was not sent at all have not lost a try.
    assert Delivery.objects.filter(times_tried=0).count() == 20 - first - 1


def test_who_recovers_gets_all_that_waited(subscriber: Subscriber, receiver: Receiver) -> None:
    receiver.answers = [BROKEN] * delivering.TO_ONE
    happen(20)
    send()
    assert send(timedelta(hours=1)) == 20
    assert not Delivery.objects.exclude(state=DeliveryState.DELIVERED).exists()


def test_one_event_that_is_refused_does_not_keep_the_others_back(subscriber: Subscriber, receiver: Receiver) -> None:
    [poison] = happen()
    receiver.answers = [BROKEN]
    send()
    happen(5)
    receiver.answers = []
    assert send(timedelta(seconds=5)) == 5
    assert Delivery.objects.get(event=poison).state == DeliveryState.WAITING


# --- disabling ------------------------------------------------------------------------------------------------------


def test_a_day_of_nothing_but_failures_disables_a_subscription_and_says_why(
    subscriber: Subscriber, receiver: Receiver, settings: Any
) -> None:
    settings.OUTGOING_DISABLE_AFTER_FAILURES = 5
    receiver.always = BROKEN
    happen(10)
    for hours in range(0, 24, 2):
        send(timedelta(hours=hours))
    row = subscriber.row
    assert (row.active, row.failures_in_a_row >= 5) == (True, True)

    send(timedelta(hours=24.1))

    row = subscriber.row
    assert not row.active
    assert row.disabled_at is not None
    assert row.failing_since is not None
    expected = f"{row.failures_in_a_row} tries in a row have failed since {row.failing_since:%Y-%m-%d %H:%M} UTC; "
    assert row.disabled_because == f"{expected}the last one: 500"
    sent = len(receiver.received)
    assert send(timedelta(hours=30)) == 0
    happen()
    assert (len(receiver.received), OutgoingEvent.objects.count()) == (sent, 10)


def test_few_failures_disable_nobody_however_long_ago_the_first_was(subscriber: Subscriber, receiver: Receiver) -> None:
    receiver.always = BROKEN
    happen()
    send()
    send(timedelta(days=2))
    assert (subscriber.row.failures_in_a_row, subscriber.row.active) == (2, True)


def test_an_enabled_subscription_hears_what_still_waits(subscriber: Subscriber, receiver: Receiver) -> None:
    happen()
    assert subscriptions.disable(subscriber.id, because="by hand")
    assert send() == 0
    assert subscriptions.enable(subscriber.id)
    assert send() == 1


# --- again ----------------------------------------------------------------------------------------------------------


def test_a_delivery_is_sent_again_under_the_same_id(subscriber: Subscriber, receiver: Receiver) -> None:
    [event] = happen()
    send()
    with clock.turned(timedelta(days=10)):
        assert redeliver(only().pk)
        assert send() == 1
    assert [one.headers["quittance-event-id"] for one in receiver.received] == [str(event.pk)] * 2
    delivery = only()
    assert (delivery.state, delivery.times_tried) == (DeliveryState.DELIVERED, 1)
    assert tries() == [(200, "")] * 2


def test_what_is_sent_again_has_three_days_of_its_own(subscriber: Subscriber, receiver: Receiver) -> None:
    happen()
    Delivery.objects.update(state=DeliveryState.GIVEN_UP)
    receiver.always = BROKEN
    with clock.turned(timedelta(days=30)):
        redeliver(only().pk)
        send()
    assert only().state == DeliveryState.WAITING


def test_nothing_is_sent_again_to_who_is_disabled(subscriber: Subscriber) -> None:
    happen()
    send()
    subscriptions.disable(subscriber.id, because="by hand")
    before = Delivery.objects.values().get()
    assert not redeliver(only().pk)
    assert Delivery.objects.values().get() == before


# --- crashes and races ----------------------------------------------------------------------------------------------


def test_a_sender_killed_between_sending_and_recording_sends_again_with_the_same_id(
    subscriber: Subscriber, receiver: Receiver
) -> None:
    [event] = happen()

    def carry_and_die(letter: letters.Letter, resolve: Any) -> Answer:
        letters.carry(letter, resolve)
        raise KilledError

    with pytest.raises(KilledError):
        delivering.send_due(carry=carry_and_die)

    assert (only().state, tries()) == (DeliveryState.WAITING, [])
    assert send() == 0
    assert send(delivering.CLAIMED_FOR + timedelta(seconds=1)) == 1
    assert [one.headers["quittance-event-id"] for one in receiver.received] == [str(event.pk)] * 2
    assert only().state == DeliveryState.DELIVERED


def test_senders_at_once_lose_nothing_and_send_nothing_twice(subscribe: Subscribe, receiver: Receiver) -> None:
    subscribe(receiver.url)
    subscribe(receiver.url)
    events = happen(50)

    assert sum(together([delivering.send_due] * 3)) == 100

    ids = [one.headers["quittance-event-id"] for one in receiver.received]
    assert sorted(ids) == sorted([str(event.pk) for event in events] * 2)


def test_claims_at_once_never_have_a_delivery_in_common(subscribe: Subscribe, receiver: Receiver) -> None:
    """What stands behind the turn, should two senders believe that they have it."""
    for _ in range(4):
        subscribe(receiver.url)
    happen(4)
    claims = together([lambda: delivering._claim([], failing_ones_too=True)] * 4)
    claimed = [one for claim in claims for one in claim]
    assert len(claimed) == len(set(claimed)) == 16


def test_a_second_sender_sends_nothing_while_the_first_has_its_turn(subscriber: Subscriber) -> None:
    happen(2)
    sent: list[int] = []

    def meanwhile(letter: letters.Letter, resolve: Any) -> Answer:
        together([happen])
        sent.extend(together([delivering.send_due]))
        return letters.carry(letter, resolve)

    # The first one sends what the second one left, too.
    assert delivering.send_due(carry=limited(meanwhile, 2)) == 4
    assert sent == [0, 0]


def limited(carry: delivering.Carry, times: int) -> delivering.Carry:
    """So often, and then as ever."""
    left = iter(range(times))

    def one(letter: letters.Letter, resolve: Any) -> Answer:
        return (carry if next(left, None) is not None else letters.carry)(letter, resolve)

    return one


def test_who_is_cut_off_for_longer_than_its_turn_begins_nothing_any_more(
    subscriber: Subscriber, receiver: Receiver
) -> None:
    happen()

    def cut_off(letter: letters.Letter, resolve: Any) -> Answer:
        # Another one takes the turn, finds nothing to do, and gives it back: to whoever comes then.
        together([lambda: send(turns.ENDS_AFTER + timedelta(seconds=1))])
        time.sleep(turns.KEEP_EVERY_S)
        together([happen])
        time.sleep(2 * delivering.LOOK_AGAIN_S)
        return letters.carry(letter, resolve)

    assert delivering.send_due(carry=limited(cut_off, 1)) == 1
    assert len(receiver.received) == 1
    assert Delivery.objects.get(state=DeliveryState.WAITING).times_tried == 0
    assert send(turns.ENDS_AFTER + timedelta(seconds=2)) == 1


def test_a_letter_that_is_not_begun_while_it_is_claimed_is_not_sent(subscriber: Subscriber, receiver: Receiver) -> None:
    happen()

    def too_slow(letter: letters.Letter, resolve: Any) -> Answer:
        assert letter.until - time.monotonic() == pytest.approx(delivering.CLAIMED_FOR.total_seconds(), abs=2)
        return letters.carry(replace(letter, until=time.monotonic()), resolve)

    assert delivering.send_due(carry=too_slow) == 1
    assert (tries(), receiver.received) == ([(None, "not_begun_in_time")], [])


def test_a_letter_under_way_ends_with_its_claim(
    subscriber: Subscriber, receiver: Receiver, the_end: threading.Event
) -> None:
    receiver.always = lambda peer: void(the_end.wait(20))
    happen()

    def late(letter: letters.Letter, resolve: Any) -> Answer:
        return letters.carry(replace(letter, until=time.monotonic() + 0.3), resolve)

    begun = time.monotonic()
    assert delivering.send_due(carry=late) == 1
    assert (tries(), time.monotonic() - begun < 5) == ([(None, "timeout")], True)


def test_a_claim_is_longer_than_a_letter_can_be_under_way() -> None:
    assert delivering.CLAIMED_FOR.total_seconds() > targets.LOOK_UP_S + posting.TOTAL_S


def test_who_tried_it_last_says_when_it_is_tried_again(subscriber: Subscriber, receiver: Receiver) -> None:
    receiver.always = BROKEN
    happen()

    def overtake(letter: letters.Letter, resolve: Any) -> Answer:
        together([lambda: send(delivering.CLAIMED_FOR + timedelta(seconds=1))])
        return letters.carry(letter, resolve)

    delivering.send_due(carry=limited(overtake, 1))
    delivery = only()
    assert (delivery.times_tried, len(tries()), delivery.claimed_until) == (2, 2, None)
    assert delivery.next_try_at - clock.now() > PAUSES[1] * 0.8


def test_what_was_delivered_stays_so_whatever_a_late_sender_says(subscriber: Subscriber, receiver: Receiver) -> None:
    happen()

    def overtaken(letter: letters.Letter, resolve: Any) -> Answer:
        answer = letters.carry(letter, resolve)
        return Answer(None, "timeout", duration_ms=answer.duration_ms)

    def overtake(letter: letters.Letter, resolve: Any) -> Answer:
        # Another sender takes it while this one is cut off for longer than its claim.
        together([lambda: send(delivering.CLAIMED_FOR + timedelta(seconds=1))])
        return overtaken(letter, resolve)

    delivering.send_due(carry=overtake)
    assert only().state == DeliveryState.DELIVERED
    assert tries() == [(200, ""), (None, "timeout")]


# --- whom nothing is sent to ----------------------------------------------------------------------------------------


def test_a_target_that_is_no_longer_allowed_gets_nothing(
    subscriber: Subscriber, receiver: Receiver, settings: Any
) -> None:
    happen()
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = []
    send()
    assert (tries(), receiver.received) == ([(None, "refused_private_address")], [])


def test_a_name_that_points_to_us_gets_nothing(subscribe: Subscribe, receiver: Receiver) -> None:
    rebound = subscribe(receiver.url)
    type(rebound.row).objects.update(url=f"http://rebound.example.com:{receiver.port}/")
    happen()
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    first = answers.pop(0)
    subscriptions.check_target(rebound.row.url, resolve=lambda host, port: first)

    delivering.send_due(resolve=lambda host, port: answers.pop(0))

    # It was asked once, and what it said then was checked: nobody asked a second time.
    assert (tries(), receiver.received, answers) == ([(None, "refused_private_address")], [], [])


def test_the_connection_goes_where_the_one_answer_said(subscribe: Subscribe, receiver: Receiver) -> None:
    row = subscribe(receiver.url).row
    type(row).objects.update(url=f"http://hooks.example.com:{receiver.port}/")
    happen()
    answers = [["127.0.0.1"]]
    assert delivering.send_due(resolve=lambda host, port: answers.pop()) == 1
    assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"
    assert only().state == DeliveryState.DELIVERED


def test_a_name_that_is_gone_is_tried_again(subscribe: Subscribe, receiver: Receiver) -> None:
    row = subscribe(receiver.url).row
    type(row).objects.update(url="https://gone.example.com/")
    happen()

    def gone(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    delivering.send_due(resolve=gone)
    assert (only().state, tries()) == (DeliveryState.WAITING, [(None, "name_not_resolved")])


def test_the_answer_is_stored_nowhere(subscriber: Subscriber, receiver: Receiver) -> None:
    receiver.always = status("500 Oops", body=b"a-secret-of-the-receiver")
    happen()
    start = time.monotonic()
    send()
    assert time.monotonic() - start < 5
    for model in (Delivery, DeliveryTry, type(subscriber.row)):
        assert "a-secret-of-the-receiver" not in str(list(model._default_manager.values()))
