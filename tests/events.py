"""Events and entries to test with."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from catalog.events import EventPlan, create_event
from catalog.models import Event
from customers.models import EventProfile
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors
from orders.cash import collect_cash
from orders.checks import DeliveryAddress, WantedItem
from orders.models import EntryOrder, Order, OrderType, PaymentTerms
from orders.placement import Buyer, Purchase, place_order
from payments.models import GatewayName
from tests.shop import Shopper


def plan(**fields: Any) -> EventPlan:
    """An event of 500.00 INR with ten places that takes entries until tomorrow."""
    now = clock.now()
    given: dict[str, Any] = {
        "name": "Photography - 2020",
        "slug": "photography-2020",
        "price": Money(50000, "INR"),
        "opens_at": now - timedelta(days=1),
        "closes_at": now + timedelta(days=1),
        "places": 10,
    }
    return EventPlan(**{**given, **fields})


def add_event(**fields: Any) -> Event:
    """The event."""
    return create_event(plan(**fields))


def add_profile(shopper: Shopper, event: Event, name: str = "Admin Profile") -> EventProfile:
    """Somebody's entry in it, which nobody has paid for yet."""
    return EventProfile.objects.create(
        event=event, customer=shopper.customer, name=name, description="lorem ipsum 22", updated_by=shopper.user
    )


def enter_for_cash(profile: EventProfile) -> Order:
    """The entry is ordered and paid over the counter, without any gateway."""
    event = profile.event
    price = event.variant.price
    wish = Purchase(
        customer_id=profile.customer_id,
        buyer=Buyer(profile.customer.user.email),
        actor=actors.SYSTEM,
        dialect="event",
        delivery_method_id=None,
        address=DeliveryAddress("", "", "", "", "IN"),
        items=(WantedItem(event.variant.product_id, event.variant_id, names_variant=True, quantity=1),),
        notes="",
        terms=PaymentTerms.ON_DELIVERY,
        gateway=GatewayName.OFFLINE,
        order_type=OrderType.ENTRY,
        delivers=False,
        prices_include_tax=True,
    )
    placed = place_order(wish, also=lambda placed: _link(placed.id, profile))
    collect_cash(placed.id, amount=price, receipt=new_id(), actor=actors.SYSTEM)
    return Order.objects.get(pk=placed.id)


def _link(order_id: uuid.UUID, profile: EventProfile) -> None:
    EntryOrder.objects.create(order_id=order_id, profile=profile)
