"""The sender in a worker of its own, as in production, and killed where it hurts most."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta

import pytest

from kit import clock
from kit.ids import new_id
from payments.outgoing import delivering, turns
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


def test_a_worker_that_is_killed_holds_up_nothing_but_what_it_had_under_way(
    subscribe: Subscribe, receiver: Receiver
) -> None:
    """Another one takes over within seconds, and what the dead one had sent comes again once it cannot be under way any
    more: not before, since nobody can tell a dead sender from one that is cut off."""
    subscribe(receiver.url, EventType.ORDER_PLACED)
    subscribe(receiver.url, EventType.ORDER_PAID)
    over = threading.Event()
    arrivals = Arrivals(receiver)
    receiver.answers = [lambda peer: void(over.wait(60))]
    emit(Happening(EventType.ORDER_PLACED, new_id()))
    with process(*WORKER, **SETTINGS) as worker:
        wait_until(lambda: len(receiver.received) == 1, worker, 60)
        kill(worker)
    emit(Happening(EventType.ORDER_PAID, new_id()))
    with process(*WORKER, **SETTINGS) as heir:
        begun = time.monotonic()
        wait_until(lambda: len(receiver.received) == 2, heir, 60)
        others_after = time.monotonic() - begun
        wait_until(lambda: Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 2, heir, 60)
    over.set()

    kinds = [one.headers["quittance-event-type"] for one in receiver.received]
    assert kinds[0] == "order.placed"
    assert sorted(kinds) == ["order.paid", "order.placed", "order.placed"]
    again = kinds.index("order.placed", 1)
    ids = [one.headers["quittance-event-id"] for one in receiver.received]
    assert ids[0] == ids[again]
    # A worker takes its time to start; whoever waited for a dead job's lock would wait for 30 to 50 seconds more.
    assert others_after < turns.ENDS_AFTER.total_seconds() + 20
    claimed_for = delivering.CLAIMED_FOR.total_seconds()
    assert claimed_for - 1 < arrivals.at[again] - arrivals.at[0] < claimed_for + 30
    assert DeliveryTry.objects.count() == 2


def test_a_worker_that_is_frozen_is_overtaken_and_sends_nothing_when_it_thaws(
    subscribe: Subscribe, receiver: Receiver
) -> None:
    subscribe(receiver.url)
    arrivals = Arrivals(receiver)
    over = threading.Event()
    receiver.answers = [lambda peer: void(over.wait(30))]
    emit(Happening(EventType.ORDER_PAID, new_id()))
    with process(*WORKER, **SETTINGS) as worker:
        wait_until(lambda: len(receiver.received) == 1, worker, 20)
        worker.send_signal(signal.SIGSTOP)
        with clock.turned(delivering.CLAIMED_FOR + timedelta(seconds=1)):
            assert delivering.send_due() == 1
        over.set()
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: DeliveryTry.objects.count() == 2, worker, 20)
    assert (delivered(), len(arrivals.at)) == (True, 2)


class Arrivals:
    """When each request came."""

    def __init__(self, receiver: Receiver) -> None:
        self.at: list[float] = []
        threading.Thread(target=self._watch, args=(receiver,), daemon=True).start()

    def _watch(self, receiver: Receiver) -> None:
        while len(self.at) < 3:
            with receiver.arrived:
                receiver.arrived.wait_for(lambda: len(receiver.received) > len(self.at), timeout=60)
                self.at += [time.monotonic()] * (len(receiver.received) - len(self.at))


def void(_: object) -> None:
    """Say nothing."""
