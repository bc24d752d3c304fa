"""Money on its way back to the payer."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kit.ids import new_id
from kit.money import Money
from payments.models.requests import PaymentAttempt


class RefundState(models.TextChoices):
    """How far a refund has come. The order of the members is the order in which they may follow each other."""

    REQUESTED = "requested", "Requested"  # committed; the gateway is asked next
    UNKNOWN = "unknown", "Outcome unknown"  # asked without a usable answer; asked again with the same key
    SENT = "sent", "Sent"  # the gateway has accepted it and works on it
    SUCCEEDED = "succeeded", "Succeeded"  # as far as the gateway knows: a bank may still send the money back
    FAILED = "failed", "Failed"  # the gateway gave it up; the money is still with us


OPEN_REFUND_STATES = (RefundState.REQUESTED, RefundState.UNKNOWN, RefundState.SENT)


class Refund(models.Model):
    """One amount going back for one captured attempt. Its id is the gateway's idempotency key.

    A refund that somebody made in the gateway's own dashboard has a row like any other. Written under a lock on the
    payment request: the refunds that have not failed never exceed what was captured. An attempt's `refunded_minor` is
    the sum of those that succeeded.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField("amount, minor units")
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=RefundState.choices, default=RefundState.REQUESTED)
    reason = models.CharField(max_length=200)
    gateway_refund_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    times_asked = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
        )
        indexes = (
            models.Index(
                fields=("created_at",), condition=Q(state__in=("requested", "unknown", "sent")), name="refund_to_chase"
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} back"

    @property
    def amount(self) -> Money:
        """What goes back."""
        return Money(self.amount_minor, self.currency)
