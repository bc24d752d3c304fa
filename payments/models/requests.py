"""What is asked (a payment request: Stripe's PaymentIntent, Razorpay's order) and each try to pay it (an attempt)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from kit.money import Money


class GatewayName(models.TextChoices):
    """Who collects the money."""

    STRIPE = "stripe", "Stripe"
    RAZORPAY = "razorpay", "Razorpay"
    OFFLINE = "offline", "On delivery"  # cash, counted and recorded by staff


class OwedTo(models.TextChoices):
    """In which account of the ledger money stands that is paid for a request, and so what kind of thing it is for."""

    RECEIVABLE = "receivable", "Customer receivable"  # an order of the shop: the money is ours once it is earned
    MERCHANT_FUNDS = "merchant_funds", "Collected for merchants"  # a merchant's order: the money is never ours


class RequestState(models.TextChoices):
    """How far a payment request has come."""

    INITIATED = "initiated", "Initiated"  # we mean to ask the gateway; a crash may have cut us off right here
    UNKNOWN = "unknown", "Outcome unknown"  # we asked and got no usable answer; it is asked about until it is known
    OPEN = "open", "Open"  # the gateway has it and waits for the payer
    PAID = "paid", "Paid"  # captured in full
    CLOSED = "closed", "Closed"  # captured in part; the rest was let go
    CANCELLED = "cancelled", "Cancelled"  # it can no longer be paid
    REFUSED = "refused", "Refused"  # the gateway would not take it on


ACTIVE_REQUEST_STATES = (RequestState.INITIATED, RequestState.UNKNOWN, RequestState.OPEN)


class PaymentRequest(models.Model):
    """An amount asked of a payer through one gateway. Its id is the gateway's idempotency key.

    The row is committed before the gateway is called. `subject_id` names what the money is for; of what kind that is
    payments knows only to whom its money is owed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject_id = models.UUIDField()
    owed_to = models.CharField(
        max_length=16, choices=OwedTo.choices, default=OwedTo.RECEIVABLE, db_default=OwedTo.RECEIVABLE
    )
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    gateway_reference = models.CharField(max_length=64, null=True, blank=True, help_text="pi_... or order_...")  # noqa: DJ001 - null is "not yet known", and unique
    # What the payer's browser needs to pay. A secret: shown to the payer alone, never in logs or the back office.
    client_secret = models.CharField(max_length=255, blank=True)
    amount_minor = models.BigIntegerField("amount, minor units")
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=200, blank=True)
    # The money is only held; a person captures it, in whole or in part.
    hold = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=16, choices=RequestState.choices, default=RequestState.INITIATED)
    # Set once somebody has decided that nobody should pay this any more; the gateway is told by a job.
    cancel_wanted_at = models.DateTimeField(null=True, blank=True)
    # When the gateway was last asked about it by a job, and how often: the pauses grow.
    asked_at = models.DateTimeField(null=True, blank=True)
    times_asked = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_request_amount_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="payment_request_currency"),
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="payment_request_state_known"),
            models.CheckConstraint(condition=Q(gateway__in=GatewayName.values), name="payment_request_gateway_known"),
            models.CheckConstraint(condition=Q(owed_to__in=OwedTo.values), name="payment_request_owed_to_known"),
            models.UniqueConstraint(fields=("gateway", "gateway_reference"), name="payment_request_reference_once"),
            # Unknown counts as active: as long as nobody knows, nobody may be asked a second time.
            models.UniqueConstraint(
                fields=("subject_id",),
                condition=Q(state__in=ACTIVE_REQUEST_STATES),
                name="one_active_payment_request_per_subject",
            ),
        )
        indexes = (
            models.Index(fields=("subject_id",), name="payment_request_subject"),
            models.Index(
                fields=("created_at",),
                condition=Q(state__in=("initiated", "unknown"))
                | Q(state="open", cancel_wanted_at__isnull=False)
                | Q(state="refused", cancel_wanted_at__isnull=True)
                | Q(state="refused", gateway_reference__isnull=False),
                name="payment_request_to_chase",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} by {self.get_gateway_display()}"

    @property
    def amount(self) -> Money:
        """What is asked."""
        return Money(self.amount_minor, self.currency)


class AttemptState(models.TextChoices):
    """What became of one try to pay. The order of the members is the order in which they may follow each other."""

    STARTED = "started", "Started"  # the bank has not answered yet
    FAILED = "failed", "Failed"  # declined; late authorization may still turn it into success
    AUTHORIZED = "authorized", "Authorized"  # the money is held for us and waits to be captured
    CANCELLED = "cancelled", "Cancelled"  # the hold was given up
    CAPTURED = "captured", "Captured"  # the money is ours, whatever is refunded later


class PaymentAttempt(models.Model):
    """One try to pay a request, as the gateway tells it: Stripe's charge, Razorpay's payment, cash over the counter."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.ForeignKey(PaymentRequest, on_delete=models.PROTECT, related_name="attempts")
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    gateway_payment_id = models.CharField(max_length=64, help_text="ch_... or pay_...")
    state = models.CharField(max_length=16, choices=AttemptState.choices)
    amount_minor = models.BigIntegerField("amount, minor units")
    captured_minor = models.BigIntegerField("captured, minor units", default=0)
    refunded_minor = models.BigIntegerField("refunded, minor units", default=0)
    # What of it went back as customer credit instead.
    credited_minor = models.BigIntegerField("credited, minor units", default=0, db_default=0)
    # What of these two is the same money, given back twice.
    excess_minor = models.BigIntegerField("given back twice, minor units", default=0, db_default=0)
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=32, blank=True, help_text="card, upi, paypal, cash ...")
    last4 = models.CharField(max_length=4, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    # What else a gateway tells a merchant of a payment for a merchant's order, as it tells it; nothing for our own.
    details = models.JSONField(default=dict, db_default={}, blank=True)
    # Committed before the gateway is asked to capture, so that a crash in between is noticed.
    capture_wanted_at = models.DateTimeField(null=True, blank=True)
    # How much of a hold a person wants captured; without it, what was asked for.
    capture_wanted_minor = models.BigIntegerField("capture wanted, minor units", null=True, blank=True)
    created_at = models.DateTimeField(db_default=models.functions.Now())
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(fields=("gateway", "gateway_payment_id"), name="payment_attempt_once"),
            models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="payment_attempt_state_known"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, captured_minor__gte=0, refunded_minor__gte=0, credited_minor__gte=0)
                & Q(captured_minor__lte=F("amount_minor"), refunded_minor__lte=F("captured_minor"))
                & Q(excess_minor__gte=0, excess_minor__lte=F("refunded_minor"))
                & Q(refunded_minor__lte=F("captured_minor") - F("credited_minor") + F("excess_minor")),
                name="payment_attempt_refunded_within_captured_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(capture_wanted_minor__isnull=True)
                | Q(capture_wanted_at__isnull=False, capture_wanted_minor__gt=0)
                & Q(capture_wanted_minor__lte=F("amount_minor")),
                name="payment_attempt_capture_wanted_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(state="captured", captured_minor__gt=0) | (~Q(state="captured") & Q(captured_minor=0)),
                name="payment_attempt_captured_means_money",
            ),
        )
        indexes = (
            models.Index(
                fields=("capture_wanted_at",),
                condition=Q(state="authorized", capture_wanted_at__isnull=False),
                name="payment_attempt_to_capture",
            ),
            models.Index(fields=("gateway", "created_at"), name="payment_attempt_by_gateway"),
        )

    def __str__(self) -> str:
        return f"{self.gateway_payment_id} {self.get_state_display()}"
