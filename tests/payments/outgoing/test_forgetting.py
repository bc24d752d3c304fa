"""Old tries go, events and deliveries stay, and nothing waits for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit import clock
from kit.ids import new_id
from payments.outgoing import forgetting, jobs, subscriptions
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import Delivery, DeliveryState, DeliveryTry, EventType, OutgoingEvent
from tests.payments.outgoing.conftest import Subscribe
from tests.payments.outgoing.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_tries_are_forgotten_after_ninety_days_and_nothing_else_is(subscribe: Subscribe, receiver: Receiver) -> None:
    subscribe(receiver.url)
    emit(*[Happening(EventType.ORDER_PAID, new_id()) for _ in range(3)])
    jobs.send(timestamp=0)
    recent, *old = DeliveryTry.objects.order_by("pk")
    DeliveryTry.objects.filter(pk=recent.pk).update(at=clock.now() + timedelta(days=1))

    with clock.turned(forgetting.TRIES_KEPT + timedelta(hours=1)):
        jobs.forget_old(timestamp=0)

    assert len(old) == 2
    assert list(DeliveryTry.objects.all()) == [recent]
    assert (OutgoingEvent.objects.count(), Delivery.objects.filter(state=DeliveryState.DELIVERED).count()) == (3, 3)


def test_what_waits_for_a_disabled_subscriber_is_given_up_after_three_days(subscribe: Subscribe) -> None:
    subscriber = subscribe("http://127.0.0.1:8080/")
    emit(Happening(EventType.ORDER_PAID, new_id()))
    subscriptions.disable(subscriber.id, because="by hand")
    with clock.turned(timedelta(days=2.9)):
        assert forgetting.give_up_old_deliveries() == 0
    with clock.turned(timedelta(days=3.1)):
        assert forgetting.give_up_old_deliveries() == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_reason) == (DeliveryState.GIVEN_UP, "waited_too_long")
