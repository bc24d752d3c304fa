"""Questions about orders, read like filters."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models

from payments.models import Refund, RefundState

if TYPE_CHECKING:
    from orders.models import CreditGrant, Order, OrderRefund, OrderWriteOff  # noqa: F401


class OrderQuerySet(models.QuerySet["Order"]):
    """Which orders somebody may see, and which need attention."""

    def of_customer(self, customer_id: uuid.UUID | None) -> OrderQuerySet:
        """The customer's own; none for nobody."""
        return self.filter(customer_id=customer_id) if customer_id else self.none()

    def with_details(self) -> OrderQuerySet:
        """With lines, their variants, history and invoices, read in one statement each."""
        return self.prefetch_related("lines__variant", "history", "invoices")


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


class CreditGrantQuerySet(models.QuerySet["CreditGrant"]):
    """Which grants of credit count."""

    def to_decide(self) -> CreditGrantQuerySet:
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
