"""Orders that pay for entries in events."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from customers.models import EventProfile
from orders.models.orders import Order


class EntryOrder(models.Model):
    """The order that pays for a profile's entry, or that was to. Of those that live a profile has one at most."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="entry")
    profile = models.ForeignKey(EventProfile, on_delete=models.PROTECT, related_name="entry_orders")
    # When the order was called off, or its money went back.
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("profile",), condition=Q(ended_at__isnull=True), name="one_live_order_per_profile"
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id} for {self.profile_id}"
