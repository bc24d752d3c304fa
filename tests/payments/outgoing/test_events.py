"""Events come into being with what happened, for those who want them, and cost one statement where nobody does."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from kit import clock
from kit.ids import new_id
from payments.outgoing import events, letters, subscriptions
from payments.outgoing.events import EMIT, HAPPENED_IN_PLACE, Happening, emit, emit_values
from payments.outgoing.models import Delivery, DeliveryState, EventType, OutgoingEvent
from tests.jobs import waiting
from tests.payments.outgoing.conftest import Subscribe
from tests.shop import written

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8080/"
PAID = Happening(EventType.ORDER_PAID, new_id(), {"number": 7, "total": Decimal("459.90")})
ISSUED = Happening(EventType.INVOICE_ISSUED, new_id())

# As a statement that writes something else would have it.
_PLACE = """
WITH placed AS (SELECT 41 + 1 AS number), {emit}
SELECT number, (SELECT count(*) FROM emitted_deliveries) FROM placed
"""


def place() -> tuple[int, int]:
    body = "jsonb_build_object('number', (SELECT number FROM placed))"
    values = emit_values(event_type=EventType.ORDER_PLACED, subject_id=new_id(), at=clock.now())
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACE.format(emit=EMIT.format(happened=HAPPENED_IN_PLACE.format(body=body))),
            values,
        )
        number, deliveries = cursor.fetchone()
    return number, deliveries


def test_nobody_wants_it_so_nothing_is_written_in_one_statement(subscribe: Subscribe) -> None:
    unwanted = subscribe(URL, EventType.INVOICE_ISSUED)
    disabled = subscribe(URL, EventType.ORDER_PAID)
    subscriptions.disable(disabled.id, because="test")
    before = written()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        emit(PAID)

    assert len(queries) == 1
    assert written() == before
    assert unwanted.row.active


def test_one_event_with_a_delivery_for_each_who_wants_it(subscribe: Subscribe) -> None:
    wanting = {subscribe(URL, EventType.ORDER_PAID).id, subscribe(URL, *EventType).id}
    subscribe(URL, EventType.ORDER_PLACED)

    emit(PAID)

    event = OutgoingEvent.objects.get()
    assert (event.type, event.subject_id, event.body) == ("order.paid", PAID.subject_id, PAID.body)
    assert event.pk.version == 7
    deliveries = Delivery.objects.all()
    assert {delivery.subscription_id for delivery in deliveries} == wanting
    assert {(one.state, one.times_tried, one.next_try_at, one.wanted_at) for one in deliveries} == {
        (DeliveryState.WAITING, 0, event.created_at, event.created_at)
    }
    assert [name for name, _ in waiting()] == [events.SEND]


def test_several_happenings_are_one_statement_and_one_job(subscribe: Subscribe) -> None:
    subscribe(URL, EventType.ORDER_PAID)
    with CaptureQueriesContext(connection) as first:
        emit(PAID, ISSUED, PAID)
    with CaptureQueriesContext(connection) as second:
        emit(PAID)

    assert [event.type for event in OutgoingEvent.objects.all()] == ["order.paid"] * 3
    assert Delivery.objects.count() == 3
    assert len(waiting()) == 1
    # The job waits already.
    assert (len(first), len(second)) == (2, 1)


def test_whether_a_sender_waits_is_found_out_by_an_index_of_its_own(subscribe: Subscribe) -> None:
    """Whoever emits holds an order locked: neither what is done nor what waits may cost anything."""
    subscribe(URL, EventType.ORDER_PAID)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; INSERT INTO procrastinate_jobs (queue_name, task_name, lock, "
            "args, status) SELECT 'money', 'orders.send_refund', 'orders.send_refund ' || n, '{}', CASE WHEN n <= "
            "20000 THEN 'succeeded' ELSE 'todo' END::procrastinate_job_status FROM generate_series(1, 25000) n; "
            "RESET session_replication_role; ANALYZE procrastinate_jobs"
        )
    with CaptureQueriesContext(connection) as queries:
        emit(PAID)
    statement = queries[0]["sql"]
    condition = statement[statement.index("NOT EXISTS") :]
    for waits in (0, 1):
        with connection.cursor() as cursor:
            if waits:
                cursor.execute("ANALYZE procrastinate_jobs")
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT {condition}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        pages = int(plan.partition("shared hit=")[2].split()[0])
        assert "using outgoing_sender_waits" in plan, plan
        assert pages <= 5, plan


def test_nothing_happened_is_nothing_written(subscribe: Subscribe) -> None:
    subscribe(URL)
    emit()
    assert (OutgoingEvent.objects.count(), waiting()) == (0, [])


def test_an_event_goes_back_with_its_transaction(subscribe: Subscribe) -> None:
    subscribe(URL)
    before = written()
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        emit(PAID)
        raise ZeroDivisionError
    assert written() == before


def test_a_statement_of_another_writes_the_event_within_itself(subscribe: Subscribe) -> None:
    assert place() == (42, 0)
    assert OutgoingEvent.objects.count() == 0

    subscribe(URL, EventType.ORDER_PLACED)
    subscribe(URL, EventType.ORDER_PLACED)
    assert place() == (42, 2)
    event = OutgoingEvent.objects.get()
    assert (event.type, event.body) == ("order.placed", {"number": 42})
    # The periodic sender finds them.
    assert waiting() == []


def test_the_body_is_exact_to_the_last_digit_and_the_same_every_time(subscribe: Subscribe) -> None:
    subscribe(URL)
    amounts = {"total": Decimal("459.90"), "tiny": Decimal("0.10"), "whole": 2**53 + 1, "name": "Zoë ☕"}
    emit(Happening(EventType.ORDER_PAID, new_id(), amounts))

    event = OutgoingEvent.objects.get()
    assert event.body == amounts
    content = letters.content(event)
    assert content.startswith(
        f'{{"id": "{event.pk}", "type": "order.paid", "created_at": "{event.created_at:%Y-%m-%d}T'.encode()
    )
    for written_as in ('"total": 459.90', '"tiny": 0.10', '"whole": 9007199254740993', '"name": "Zoë ☕"'):
        assert written_as.encode() in content
    assert letters.content(OutgoingEvent.objects.get()) == content


def test_a_float_is_refused_before_anything_is_written(subscribe: Subscribe) -> None:
    subscribe(URL)
    before = written()
    with pytest.raises(TypeError):
        emit(Happening(EventType.ORDER_PAID, new_id(), {"total": 459.9}))
    assert written() == before


def test_an_event_never_changes(subscribe: Subscribe) -> None:
    subscribe(URL)
    emit(PAID)
    with pytest.raises(IntegrityError):
        OutgoingEvent.objects.update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(IntegrityError):
        Delivery.objects.all()._raw_delete("default")
    with pytest.raises(IntegrityError):
        Delivery.objects.update(event=new_id())
