"""Questions about orders, read like filters."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models

from payments.models import Refund, RefundState

if TYPE_CHECKING:
    from orders.models import CreditGrant, Order, OrderRefund, OrderWriteOff  # noqa: F401


@dataclass(frozen=True, slots=True)
class Position:
    """Where an order stands among all, by when it was placed."""

    placed_at: datetime
    number: int


class OrderQuerySet(models.QuerySet["Order"]):
    """Which orders somebody may see, and which need attention."""

    def of_customer(self, customer_id: uuid.UUID | None) -> OrderQuerySet:
        """The customer's own; none for nobody."""
        return self.filter(customer_id=customer_id) if customer_id else self.none()

    def with_details(self) -> OrderQuerySet:
        """With lines, their variants, history and invoices, read in one statement each."""
        return self.prefetch_related("lines__variant", "history", "invoices")

    def placed_between(self, begins: datetime, ends: datetime) -> OrderQuerySet:
        """Placed from the one instant on and before the other."""
        return self.filter(placed_at__gte=begins, placed_at__lt=ends)

    def newest_first(self, after: Position | None = None) -> OrderQuerySet:
        """By when they were placed, the last one first; those behind a position, if one is given."""
        orders = self.order_by("-placed_at", "-number")
        if after is None:
            return orders
        earlier = models.Q(placed_at__lt=after.placed_at)
        # The first condition says nothing new, but bounds the index that serves the order.
        return orders.filter(
            earlier | models.Q(placed_at=after.placed_at, number__lt=after.number), placed_at__lte=after.placed_at
        )

    def with_last_change(self) -> OrderQuerySet:
        """With `changed_at`: when anything happened to them last."""
        history = apps.get_model("orders", "OrderHistory").objects.filter(order=models.OuterRef("pk"))
        return self.annotate(changed_at=models.Subquery(history.order_by("-id").values("at")[:1]))


WAITING_FIRST = (
    models.ExpressionWrapper(
        models.Q(needs_approval=True, decided_at__isnull=True), output_field=models.BooleanField()
    ).desc(),
    models.F("id").desc(),
)
"""What waits for a second person, then the rest, each the newest first. An index stands in this very order."""


class OrderRefundQuerySet(models.QuerySet["OrderRefund"]):
    """Which refunds that people made still count."""

    def live(self) -> OrderRefundQuerySet:
        """Those whose money is back, on its way, or waits for a second person: neither refused nor failed. Credits that
        come back do not fail."""
        standing = Refund.objects.filter(cause_id=models.OuterRef("pk")).exclude(state=RefundState.FAILED)
        in_credits = models.Q(credits_minor__gt=0) & ~models.Q(decided_at__isnull=False, approved_by__isnull=True)
        return self.filter(models.Exists(standing) | in_credits)

    def in_force(self) -> OrderRefundQuerySet:
        """Those that nobody has to agree to any more, and nobody has refused."""
        return self.filter(models.Q(needs_approval=False) | models.Q(approved_by__isnull=False))

    def refused(self) -> OrderRefundQuerySet:
        """Those that will not happen, by a person's word or because their order was called off."""
        return self.filter(decided_at__isnull=False, approved_by__isnull=True)

    def to_decide(self) -> OrderRefundQuerySet:
        """Those that wait for a second person."""
        return self.filter(needs_approval=True, decided_at__isnull=True)


class OrderWriteOffQuerySet(models.QuerySet["OrderWriteOff"]):
    """Which write-offs count."""

    def agreed(self) -> OrderWriteOffQuerySet:
        """Those that nobody has to agree to any more."""
        return self.filter(models.Q(needs_approval=False) | models.Q(approved_by__isnull=False))

    def to_decide(self) -> OrderWriteOffQuerySet:
        """Those that wait for a second person."""
        return self.filter(needs_approval=True, decided_at__isnull=True)


class CreditGrantQuerySet(models.QuerySet["CreditGrant"]):
    """Which grants of credit count."""

    def to_decide(self) -> CreditGrantQuerySet:
        """Those that wait for a second person."""
        return self.filter(needs_approval=True, decided_at__isnull=True)
