"""Questions about orders, read like filters."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from orders.models import Order  # noqa: F401


class OrderQuerySet(models.QuerySet["Order"]):
    """Which orders somebody may see, and which need attention."""

    def of_customer(self, customer_id: uuid.UUID | None) -> OrderQuerySet:
        """The customer's own; none for nobody."""
        return self.filter(customer_id=customer_id) if customer_id else self.none()

    def with_details(self) -> OrderQuerySet:
        """With lines, their variants and history, read in one statement each."""
        return self.prefetch_related("lines__variant", "history")
