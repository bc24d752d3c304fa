"""Money on its way back to the payer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from customers.models import Customer
from kit.ids import new_id
from kit.money import Money
from payments.models.requests import PaymentAttempt


class RefundState(models.TextChoices):
    """How far a refund has come. The order of the members is the order in which they may follow each other."""

    REQUESTED = "requested", "Requested"  # a second person has to approve it
    APPROVED = "approved", "Approved"  # committed; the gateway is asked next
    UNKNOWN = "unknown", "Outcome unknown"  # being asked, or without a usable answer; asked again with the same key
    SENT = "sent", "Sent"  # the gateway has accepted it and works on it
    SUCCEEDED = "succeeded", "Succeeded"  # as far as the gateway knows: a bank may still send the money back
    FAILED = "failed", "Failed"  # the gateway gave it up, or nobody approved it; the money is still with us


OPEN_REFUND_STATES = (RefundState.REQUESTED, RefundState.APPROVED, RefundState.UNKNOWN, RefundState.SENT)
# Those that a gateway has to be told of, or asked about.
CHASED_REFUND_STATES = (RefundState.APPROVED, RefundState.UNKNOWN, RefundState.SENT)
# Those that no gateway is known to have accepted.
UNSENT_REFUND_STATES = (RefundState.REQUESTED, RefundState.APPROVED, RefundState.UNKNOWN)


REQUESTED_FIRST = (
    models.ExpressionWrapper(Q(state=RefundState.REQUESTED.value), output_field=models.BooleanField()).desc(),
    F("id").desc(),
)
"""What a second person has to approve, then the rest, each the newest first. An index stands in this very order."""


class RefundDestination(models.TextChoices):
    """Where the money goes."""

    ORIGINAL = "original", "Original payment"
    CREDIT = "credit", "Customer credit"


class Refund(models.Model):
    """One amount going back for one captured attempt. Its id is the gateway's idempotency key.

    A refund that somebody made in the gateway's own dashboard has a row like any other. Written under a lock on the
    payment request: the refunds that have not failed, less their excess, never exceed what was captured. An attempt's
    `refunded_minor` is the sum of those that succeeded and went to the original payment, its `credited_minor` of those
    that became credit, its `excess_minor` of their excess.

    `surplus_minor` of the amount was never due to us (an overpayment, an order that was called off); `excess_minor`
    went back at the gateway although the payer had been given it as credit before, and waits in suspense for a person;
    the rest lessens the sale, `tax_minor` of it its tax.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField("amount, minor units")
    currency = models.CharField(max_length=3)
    surplus_minor = models.BigIntegerField("surplus, minor units", default=0, db_default=0)
    tax_minor = models.BigIntegerField("tax, minor units", default=0, db_default=0)
    excess_minor = models.BigIntegerField("given back before, minor units", default=0, db_default=0)
    state = models.CharField(max_length=16, choices=RefundState.choices, default=RefundState.APPROVED)
    destination = models.CharField(
        max_length=16,
        choices=RefundDestination.choices,
        default=RefundDestination.ORIGINAL,
        db_default=RefundDestination.ORIGINAL,
    )
    # Whose credit it becomes.
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=200)
    # The act above that asked for it, and may have asked for several.
    cause_id = models.UUIDField(null=True, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    # Who has decided that it is not tried again.
    given_up_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    failed_because = models.CharField(max_length=200, blank=True, default="", db_default="")
    gateway_refund_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    # Committed before the gateway is told to send it: from then on it may happen.
    told_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    times_asked = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
            models.CheckConstraint(
                condition=Q(surplus_minor__gte=0, tax_minor__gte=0, excess_minor__gte=0)
                & Q(surplus_minor__lte=F("amount_minor") - F("tax_minor") - F("excess_minor")),
                name="refund_surplus_tax_and_excess_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(destination="original", customer__isnull=True)
                | Q(destination="credit", customer__isnull=False, gateway_refund_id__isnull=True),
                name="refund_credit_is_somebodys",
            ),
            # The second wall behind the act: nobody approves what they have asked for themselves.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="refund_approved_by_a_second_person",
            ),
        )
        indexes = (
            models.Index(
                fields=("created_at",), condition=Q(state__in=("approved", "unknown", "sent")), name="refund_to_chase"
            ),
            models.Index(fields=("created_at",), condition=Q(state="requested"), name="refund_to_approve"),
            models.Index(*REQUESTED_FIRST, name="refund_requested_first"),
            models.Index(fields=("cause_id",), condition=Q(cause_id__isnull=False), name="refund_cause"),
        )

    def __str__(self) -> str:
        return f"{self.amount} back"

    @property
    def amount(self) -> Money:
        """What goes back."""
        return Money(self.amount_minor, self.currency)

    @property
    def allowance_minor(self) -> int:
        """What of it lessens the sale, with its tax."""
        return self.amount_minor - self.surplus_minor - self.excess_minor
