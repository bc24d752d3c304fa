"""What a shopper's bank takes back, or may: a dispute at either gateway. The lock is that of the payment disputed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from payments.sandbox.models.razorpay import RazorpayPayment
from payments.sandbox.models.stripe import Charge
from payments.sandbox.models.wire import Gateway


class Dispute(models.Model):
    """One dispute. `withdrawn_minor` is what is kept back of the merchant's balance for it now.

    One that `keeps_back` does so from its opening; any other, Stripe's inquiry, only once it is lost.
    """

    class Status(models.TextChoices):
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"

    OPEN_STATUSES = (Status.NEEDS_RESPONSE, Status.UNDER_REVIEW)

    seq = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10, choices=Gateway)
    public_id = models.CharField(max_length=40, unique=True)
    charge = models.ForeignKey(Charge, null=True, on_delete=models.PROTECT, related_name="disputes")
    payment = models.ForeignKey(RazorpayPayment, null=True, on_delete=models.PROTECT, related_name="disputes")
    amount_minor = models.BigIntegerField()
    withdrawn_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20, choices=Status, default=Status.NEEDS_RESPONSE)
    keeps_back = models.BooleanField()
    reason = models.CharField(max_length=60)
    respond_by = models.BigIntegerField()
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sandbox_dispute_positive"),
            models.CheckConstraint(
                condition=Q(withdrawn_minor=0) | Q(withdrawn_minor=F("amount_minor")),
                name="sandbox_dispute_withdrawn_is_all_or_nothing",
            ),
            models.CheckConstraint(
                condition=Q(gateway="stripe", charge__isnull=False, payment__isnull=True)
                | Q(gateway="razorpay", charge__isnull=True, payment__isnull=False),
                name="sandbox_dispute_of_one_payment",
            ),
        ]
        indexes = [models.Index(fields=["gateway", "created", "seq"], name="sandbox_dispute_created")]

    def __str__(self) -> str:
        return self.public_id
