"""Payments that a payer's bank has taken back, or may."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from payments.models.requests import PaymentAttempt


class DisputeState(models.TextChoices):
    """How a dispute stands. The order of the members is the order in which they may follow each other."""

    NEEDS_RESPONSE = "needs_response", "Needs response"  # evidence is due
    UNDER_REVIEW = "under_review", "Under review"  # the bank decides
    WON = "won", "Won"  # the money stays with us, or is back
    LOST = "lost", "Lost"  # the payer has it


OPEN_DISPUTE_STATES = (DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW)


class Dispute(models.Model):
    """One dispute about one payment. `withdrawn_minor` is what the gateway keeps back of our balance for it now."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="disputes")
    gateway_dispute_id = models.CharField(max_length=64, unique=True, help_text="du_... or disp_...")
    amount_minor = models.BigIntegerField("amount, minor units")
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=DisputeState.choices)
    withdrawn_minor = models.BigIntegerField("withdrawn, minor units", default=0)
    # What of a lost one settles what we owed the payer anyway; the rest of it is written off.
    surplus_minor = models.BigIntegerField("surplus, minor units", default=0, db_default=0)
    reason = models.CharField(max_length=120, blank=True)
    opened_at = models.DateTimeField()
    respond_by = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-opened_at",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=DisputeState.values), name="dispute_state_known"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, withdrawn_minor__gte=0), name="dispute_amounts_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(surplus_minor=0)
                | Q(state="lost", surplus_minor__gt=0, surplus_minor__lte=F("withdrawn_minor")),
                name="dispute_surplus_is_of_what_is_lost",
            ),
        )
        indexes = (
            models.Index(
                fields=("respond_by",), condition=Q(state__in=("needs_response", "under_review")), name="dispute_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.gateway_dispute_id} {self.get_state_display()}"


class DisputeNote(models.Model):
    """Evidence, or what was done about a dispute, in a person's words. Append-only."""

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.text[:60]
