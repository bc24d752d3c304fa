"""Razorpay's objects. The row lock on the order covers its payments and refunds."""

# ruff: noqa: DJ001 - the wire tells null from an empty text, so the books do

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class RazorpayOrder(models.Model):
    """What is to be paid; stays paid even when the money is refunded later."""

    class Status(models.TextChoices):
        CREATED = "created"
        ATTEMPTED = "attempted"
        PAID = "paid"

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    amount_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    receipt = models.CharField(max_length=40, null=True, db_index=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.CREATED)
    attempts = models.PositiveIntegerField(default=0)
    captures_automatically = models.BooleanField()
    notes = models.JSONField(default=dict)
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sandbox_order_positive"),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, paid_minor__lte=F("amount_minor")),
                name="sandbox_order_paid_within_amount",
            ),
        ]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_order_created")]

    def __str__(self) -> str:
        return self.public_id


class RazorpayPayment(models.Model):
    """One try to pay an order; `amount_minor` is what was authorized, unless it failed."""

    class Status(models.TextChoices):
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        REFUNDED = "refunded"
        FAILED = "failed"

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    order = models.ForeignKey(RazorpayOrder, on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    # Kept back for disputes now.
    disputed_minor = models.BigIntegerField(default=0)
    # The fee includes the tax on it.
    fee_minor = models.BigIntegerField(null=True)
    tax_minor = models.BigIntegerField(null=True)
    method = models.CharField(max_length=20)
    method_details = models.JSONField(default=dict)
    failure = models.JSONField(null=True)
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0, captured_minor__lte=F("amount_minor"))
                & (Q(captured_minor=0) | Q(status__in=["captured", "refunded"])),
                name="sandbox_payment_captured_within_authorized",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("captured_minor")),
                name="sandbox_payment_refunded_within_captured",
            ),
        ]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_payment_created")]

    def __str__(self) -> str:
        return self.public_id


class RazorpayRefund(models.Model):
    """Money on its way back; a failed one gave its amount back to the payment."""

    class Status(models.TextChoices):
        PROCESSED = "processed"
        FAILED = "failed"

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    payment = models.ForeignKey(RazorpayPayment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.PROCESSED)
    speed = models.CharField(max_length=10)
    receipt = models.CharField(max_length=40, null=True)
    notes = models.JSONField(default=dict)
    created = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sandbox_razorpay_refund_positive")]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_rzp_refund_created")]

    def __str__(self) -> str:
        return self.public_id
