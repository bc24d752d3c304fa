"""What the order that pays for an entry in an event means for its profile. Each function is told of a move of the
order, in its transaction and under its lock, and is harmless to repeat.
"""

from __future__ import annotations

from django.db import IntegrityError

from catalog.models import Event
from customers.models import EventProfile
from kit import clock
from orders.models import EntryOrder, Order, OrderType


def enter(order: Order) -> None:
    """The order is paid: its profile is entered."""
    profiles = EventProfile.objects.filter(entry_orders__order=order, entered_by__isnull=True)
    profiles.update(entered_by=order.pk, entered_at=clock.now())


def leave(order: Order) -> None:
    """The order was called off, or its money is back: the profile is not entered any more, and may order anew."""
    EntryOrder.objects.filter(order=order, ended_at__isnull=True).update(ended_at=clock.now())
    EventProfile.objects.filter(entered_by=order.pk).update(entered_by=None, entered_at=None)


def is_offered(order: Order) -> bool:
    """Whether the entry that an order is for may still be paid for: its event takes entries, at this price. So may
    whatever else is ordered. One statement for an entry, none otherwise."""
    if order.order_type != OrderType.ENTRY:
        return True
    event = Event.objects.select_related("variant").get(profiles__entry_orders__order=order)
    return event.is_open(clock.now()) and order.total == event.variant.price


def can_live_again(order: Order) -> bool:
    """Whether late money may bring an entry back: its event still takes entries at this price, and no other order pays
    for it.

    Should two orders of one profile come back at once, the database lets one.
    """
    if order.order_type != OrderType.ENTRY:
        return True
    others = EntryOrder.objects.filter(profile__entry_orders__order=order, ended_at__isnull=True)
    return is_offered(order) and not others.exclude(order=order).exists()


def come_back(order: Order) -> None:
    """Late money has brought the order back. Raises IntegrityError (`is_taken`) if another pays for the profile now."""
    EntryOrder.objects.filter(order=order).update(ended_at=None)


def is_taken(error: IntegrityError) -> bool:
    """Whether the database refused a second live order for one profile."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == "one_live_order_per_profile"
