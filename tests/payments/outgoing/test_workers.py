"""The sender in a worker of its own, as in production, and killed where it hurts most."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

import pytest

from kit import clock
from kit.ids import new_id
from payments.outgoing import delivering
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import Delivery, DeliveryState, DeliveryTry, EventType
from runner.programs import WORKERS
from tests.payments.outgoing.conftest import Subscribe
from tests.payments.outgoing.receiver import Receiver
from tests.processes import kill, process, wait_until

pytestmark = pytest.mark.django_db

QUEUES, CONCURRENCY = next(shape for shape in WORKERS.values() if "outgoing" in shape[0])
WORKER = ("manage.py", "procrastinate", "worker", "--queues", ",".join(QUEUES), "--concurrency", str(CONCURRENCY))
SETTINGS = {"OUTGOING_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"}


def delivered() -> bool:
    return Delivery.objects.filter(state=DeliveryState.DELIVERED).exists()


def test_a_worker_sends_what_was_emitted(subscribe: Subscribe, receiver: Receiver) -> None:
    subscribe(receiver.url)
    with process(*WORKER, **SETTINGS) as worker:
        emit(Happening(EventType.ORDER_PAID, new_id()))
        wait_until(delivered, worker, 20)
    assert len(receiver.received) == 1


def test_a_worker_that_is_killed_before_it_can_record_has_it_sent_again(
    subscribe: Subscribe, receiver: Receiver
) -> None:
    subscribe(receiver.url)
    over = threading.Event()

    def hold(peer: socket.socket) -> None:
        over.wait(20)

    receiver.answers = [hold]
    emit(Happening(EventType.ORDER_PAID, new_id()))
    with process(*WORKER, **SETTINGS) as worker:
        wait_until(lambda: len(receiver.received) == 1, worker, 20)
        kill(worker)
    over.set()
    assert (delivered(), DeliveryTry.objects.count()) == (False, 0)

    with clock.turned(delivering.CLAIMED_FOR + timedelta(seconds=1)):
        assert delivering.send_due() == 1

    first, second = receiver.received
    assert first.headers["quittance-event-id"] == second.headers["quittance-event-id"]
    assert (delivered(), DeliveryTry.objects.count()) == (True, 1)
