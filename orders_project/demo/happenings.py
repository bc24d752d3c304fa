"""The demo shop's event, with entries that wait to be paid for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef

from catalog.events import EventPlan, change_event, create_event
from catalog.models import Event
from customers.models import Customer, EventProfile, User
from kit import clock
from kit.money import Money
from orders.models import EntryOrder

SLUG = "photography-open"
_PLACES = 1_000
_PRICE = Money(50000, "INR")
_UNPAID = 3


def ensure_event(by: User) -> Event:
    """The demo's event takes entries, and has places."""
    now = clock.now()
    event = Event.objects.select_related("variant__product", "variant__stock").filter(slug=SLUG).first()
    places = _PLACES if event is None else max(event.variant.stock.on_hand, event.variant.stock.reserved + _PLACES // 2)
    plan = EventPlan(
        name="Photography Open",
        slug=SLUG,
        price=_PRICE if event is None else event.variant.price,
        opens_at=now - timedelta(days=30) if event is None else event.opens_at,
        closes_at=now + timedelta(days=365),
        places=places,
        by=by.pk,
    )
    if event is None:
        return create_event(plan)
    change_event(event, plan)
    return event


def ensure_profiles(event: Event, customers: list[Customer]) -> list[EventProfile]:
    """At least three entries of the listed customers wait to be paid for and have no order yet; these are they."""
    waiting = EventProfile.objects.filter(event=event, customer__in=customers, entered_by__isnull=True)
    ordered = EntryOrder.objects.filter(profile=OuterRef("pk"), ended_at__isnull=True)
    found = list(waiting.exclude(Exists(ordered)).order_by("-pk")[:_UNPAID])
    for customer in customers * _UNPAID:
        if len(found) >= _UNPAID:
            break
        found.append(
            EventProfile.objects.create(event=event, customer=customer, name=str(customer), updated_by=customer.user)
        )
    return found


def shown(event: Event, profiles: list[EventProfile]) -> list[dict[str, Any]]:
    """For scripts: amounts in major units, ids as 32 hex digits."""
    return [
        {
            "slug": event.slug,
            "amount": str(event.variant.price.major),
            "currency": event.variant.currency,
            "profiles": [{"id": one.pk.hex, "customer_id": str(one.customer_id)} for one in profiles],
        }
    ]
