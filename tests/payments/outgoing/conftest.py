"""A receiver that may be near, and what it subscribes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from payments.outgoing import subscriptions
from payments.outgoing.models import EventType, Subscription
from tests.payments.outgoing.receiver import Receiver


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """Where tests may deliver to; those about refusals take it away."""
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1", "hooks.example.com"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 200."""
    with Receiver() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription as its owner knows it."""

    id: int
    secret: str

    @property
    def row(self) -> Subscription:
        """As it is now."""
        return Subscription.objects.get(pk=self.id)


type Subscribe = Callable[..., Subscriber]


@pytest.fixture
def subscribe(db: None) -> Subscribe:
    """Makes subscriptions, to placed and paid orders unless others are named."""
    names = iter(f"System {number}" for number in range(1, 100))

    def make(url: str, *events: EventType) -> Subscriber:
        wanted = list(events) or [EventType.ORDER_PLACED, EventType.ORDER_PAID]
        row = Subscription(name=next(names), url=url, events=wanted)
        secret = subscriptions.admit(row)
        return Subscriber(row.pk, secret)

    return make
