"""Stripe's objects. The row lock on the intent covers its charges and refunds."""

# ruff: noqa: DJ001 - the wire tells null from an empty text, so the books do

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class PaymentIntent(models.Model):
    """One purchase at Stripe, however often it is tried."""

    class Status(models.TextChoices):
        REQUIRES_PAYMENT_METHOD = "requires_payment_method"
        REQUIRES_CONFIRMATION = "requires_confirmation"
        REQUIRES_CAPTURE = "requires_capture"
        SUCCEEDED = "succeeded"
        CANCELED = "canceled"

    OPEN_STATUSES = (Status.REQUIRES_PAYMENT_METHOD, Status.REQUIRES_CONFIRMATION)

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    client_secret = models.CharField(max_length=80, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=30, choices=Status, default=Status.REQUIRES_PAYMENT_METHOD)
    capture_method = models.CharField(max_length=20)
    capturable_minor = models.BigIntegerField(default=0)
    received_minor = models.BigIntegerField(default=0)
    metadata = models.JSONField(default=dict)
    description = models.TextField(null=True)
    receipt_email = models.TextField(null=True)
    customer = models.TextField(null=True)
    shipping = models.JSONField(null=True)
    payment_method = models.CharField(max_length=60, null=True)
    payment_method_types = models.JSONField(default=list)
    automatic_payment_methods = models.JSONField(null=True)
    last_payment_error = models.JSONField(null=True)
    latest_charge = models.CharField(max_length=40, null=True)
    cancellation_reason = models.CharField(max_length=40, null=True)
    canceled_at = models.BigIntegerField(null=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sandbox_intent_positive"),
            models.CheckConstraint(
                condition=Q(received_minor__gte=0, received_minor__lte=F("amount_minor")),
                name="sandbox_intent_received_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(capturable_minor__gte=0, capturable_minor__lte=F("amount_minor")),
                name="sandbox_intent_capturable_within_amount",
            ),
        ]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_intent_created")]

    def __str__(self) -> str:
        return self.public_id


class Charge(models.Model):
    """One try to take the money of an intent; `amount_minor` is what was authorized, unless it failed."""

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="charges")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    # Ever, and kept back for it now.
    disputed = models.BooleanField(default=False)
    disputed_minor = models.BigIntegerField(default=0)
    payment_method = models.CharField(max_length=60)
    payment_method_details = models.JSONField()
    failure_code = models.CharField(max_length=40, null=True)
    failure_message = models.TextField(null=True)
    balance_transaction = models.CharField(max_length=40, null=True)
    created = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0, captured_minor__lte=F("amount_minor"))
                & (Q(captured_minor=0) | Q(status="succeeded")),
                name="sandbox_charge_captured_within_authorized",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("captured_minor")),
                name="sandbox_charge_refunded_within_captured",
            ),
        ]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_charge_created")]

    def __str__(self) -> str:
        return self.public_id


class StripeRefund(models.Model):
    """Money on its way back; a failed one gave its amount back to the charge. One without a balance transaction is the
    release of what was held and not taken."""

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    seq = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="refunds")
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.SUCCEEDED)
    reason = models.CharField(max_length=40, null=True)
    failure_reason = models.CharField(max_length=60, null=True)
    metadata = models.JSONField(default=dict)
    balance_transaction = models.CharField(max_length=40, null=True)
    failure_balance_transaction = models.CharField(max_length=40, null=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    created = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sandbox_stripe_refund_positive")]
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_stripe_refund_created")]

    def __str__(self) -> str:
        return self.public_id
