"""What the order that pays for an entry in an event means for its profile. Each function is told of a move of the
order, in its transaction and under its lock, and is harmless to repeat.
"""

from __future__ import annotations

from django.db import IntegrityError

from customers.models import EventProfile
from kit import clock
from orders.models import EntryOrder, Order


def enter(order: Order) -> None:
    """The order is paid: its profile is entered."""
    profiles = EventProfile.objects.filter(entry_orders__order=order, entered_by__isnull=True)
    profiles.update(entered_by=order.pk, entered_at=clock.now())


def leave(order: Order) -> None:
    """The order was called off, or its money is back: the profile is not entered any more, and may order anew."""
    EntryOrder.objects.filter(order=order, ended_at__isnull=True).update(ended_at=clock.now())
    EventProfile.objects.filter(entered_by=order.pk).update(entered_by=None, entered_at=None)


def can_live_again(order: Order) -> bool:
    """Whether late money may bring an entry back: its event still takes entries, and no other order pays for it.

    Should two orders of one profile come back at once, the database lets one.
    """
    entry = EntryOrder.objects.select_related("profile__event").filter(order=order).first()
    if entry is None:
        return True
    others = EntryOrder.objects.filter(profile_id=entry.profile_id, ended_at__isnull=True)
    return entry.profile.event.is_open(clock.now()) and not others.exclude(order=order).exists()


def come_back(order: Order) -> None:
    """Late money has brought the order back. Raises IntegrityError (`is_taken`) if another pays for the profile now."""
    EntryOrder.objects.filter(order=order).update(ended_at=None)


def is_taken(error: IntegrityError) -> bool:
    """Whether the database refused a second live order for one profile."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == "one_live_order_per_profile"
