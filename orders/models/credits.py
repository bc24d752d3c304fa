"""Credit that staff gave to customers or took from them again, and the mails that tell that some of it will end.

Written by `orders.credits` alone; the credit itself is in the ledger. What was asked for never changes, and is decided
once.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import currency_choices
from customers.models import Customer
from kit.ids import new_id
from kit.money import Money
from orders.queries import CreditGrantQuerySet
from payments.models import CreditTerm


class CreditGrant(models.Model):
    """Credit that a person gave to a customer for nothing, or wants to give once a second person agrees."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_grants")
    currency = models.CharField(max_length=3, choices=currency_choices)
    amount_minor = models.BigIntegerField("amount, minor units")
    reason = models.CharField(max_length=200)
    # Good until then; for ever if empty.
    expires_at = models.DateTimeField(null=True, blank=True)
    # The form that it was asked under: sent twice, it is one grant.
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField(db_default=models.functions.Now())
    needs_approval = models.BooleanField(default=False)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_because = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[CreditGrant]] = CreditGrantQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        permissions = (
            ("grant_credit", "Can grant credit to customers, or ask a second person to, and revoke what was granted"),
            ("approve_credit", "Can approve and refuse credit that others want to grant"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="credit_grant_amount_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="credit_grant_currency"),
            models.CheckConstraint(condition=~Q(reason=""), name="credit_grant_has_a_reason"),
            # The second wall behind the act: nobody approves what they have asked for themselves.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="credit_grant_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, approved_by__isnull=True, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=False, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=True, refused_by__isnull=False),
                name="credit_grant_decided_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                condition=Q(needs_approval=True, decided_at__isnull=True),
                name="credit_grant_to_decide",
            ),
            models.Index(fields=("customer", "requested_at"), name="credit_grant_of_customer"),
        )

    def __str__(self) -> str:
        return f"{self.amount} of credit"

    @property
    def amount(self) -> Money:
        """What is given."""
        return Money(self.amount_minor, self.currency)

    @property
    def is_pending(self) -> bool:
        """Whether a second person has yet to decide."""
        return self.needs_approval and self.decided_at is None

    @property
    def is_in_force(self) -> bool:
        """Whether the customer was given it."""
        return not self.needs_approval or self.approved_by_id is not None


class CreditRevocation(models.Model):
    """So much of a grant that was taken from the customer again, because it should not have been granted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(CreditGrant, on_delete=models.PROTECT, related_name="revocations")
    amount_minor = models.BigIntegerField("amount, minor units")
    reason = models.CharField(max_length=200)
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="credit_revocation_amount_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="credit_revocation_has_a_reason"),
        )

    def __str__(self) -> str:
        return f"{self.amount_minor} of {self.grant_id}"


class CreditReminder(models.Model):
    """A mail that tells a customer that credit of theirs will end soon; one for each term, sent by a job."""

    term = models.OneToOneField(CreditTerm, on_delete=models.PROTECT, related_name="reminder")
    sent_at = models.DateTimeField(null=True, blank=True)
    times_tried = models.PositiveIntegerField(default=0)
    # After a failure, not before this.
    due_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("due_at",), condition=Q(sent_at__isnull=True), name="credit_reminder_to_send"),)

    def __str__(self) -> str:
        return f"About {self.term_id}"
