"""What the gateway owes the merchant, and what it paid out."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from payments.sandbox.models.disputes import Dispute
from payments.sandbox.models.wire import Gateway


class Payout(models.Model):
    """A sum paid to the merchant's bank: Stripe's payout, Razorpay's settlement. Negative: taken from it."""

    seq = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10, choices=Gateway)
    public_id = models.CharField(max_length=40, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    utr = models.CharField(max_length=40)
    created = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["gateway", "created", "seq"], name="sandbox_payout_created")]

    def __str__(self) -> str:
        return self.public_id


class BalanceEntry(models.Model):
    """One movement of the merchant's balance: Stripe's balance transaction, a line of Razorpay's settlement recon."""

    class Kind(models.TextChoices):
        PAYMENT = "payment"
        REFUND = "refund"
        REFUND_FAILURE = "refund_failure"
        DISPUTE = "dispute"
        DISPUTE_REVERSAL = "dispute_reversal"
        PAYOUT = "payout"

    seq = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10, choices=Gateway)
    public_id = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    source = models.CharField(max_length=40, db_index=True)
    # Negative when money leaves the balance; the net is what the balance moves by.
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    net_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    dispute = models.ForeignKey(Dispute, null=True, on_delete=models.PROTECT, related_name="entries")
    # Its index is the one below.
    payout = models.ForeignKey(Payout, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False)
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(net_minor=F("amount_minor") - F("fee_minor")), name="sandbox_entry_net_is_amount_less_fee"
            )
        ]
        indexes = [
            models.Index(fields=["gateway"], condition=Q(payout__isnull=True), name="sandbox_entry_not_paid_out"),
            models.Index(fields=["gateway", "created", "seq"], name="sandbox_entry_created"),
            models.Index(fields=["payout", "created", "seq"], name="sandbox_entry_of_payout"),
        ]

    def __str__(self) -> str:
        return self.public_id
