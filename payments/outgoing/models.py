"""Who wants to hear of what, what happened, and how far the telling has come.

An event is written only if somebody wants it, and never changes. A delivery is one event on its way to one
subscription.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from kit.ids import new_id


class EventType(models.TextChoices):
    """Everything that can be heard of. A new type is a new member, never a new meaning of an old one."""

    ORDER_PLACED = "order.placed", "Order placed"
    ORDER_PAID = "order.paid", "Order paid"
    ORDER_CANCELLED = "order.cancelled", "Order cancelled"
    ORDER_COMPLETED = "order.completed", "Order completed"
    ORDER_REFUNDED = "order.refunded", "Order refunded"
    ORDER_REVIVED = "order.revived", "Order revived by late money"
    PAYMENT_CAPTURED = "payment.captured", "Payment captured"
    PAYMENT_FAILED = "payment.failed", "Payment failed"
    REFUND_REQUESTED = "refund.requested", "Refund requested"
    REFUND_SUCCEEDED = "refund.succeeded", "Refund succeeded"
    REFUND_FAILED = "refund.failed", "Refund failed"
    PAYMENT_AUTHORIZED = "payment.authorized", "Payment authorized"
    REFUND_CREATED = "refund.created", "Refund created"
    REFUND_PROCESSED = "refund.processed", "Refund processed"
    DISPUTE_OPENED = "dispute.opened", "Dispute opened"
    DISPUTE_CLOSED = "dispute.closed", "Dispute closed"
    INVOICE_ISSUED = "invoice.issued", "Invoice issued"
    CREDIT_NOTE_ISSUED = "credit_note.issued", "Credit note issued"
    DEBIT_NOTE_ISSUED = "debit_note.issued", "Debit note issued"


class Wire(models.TextChoices):
    """In whose shape a subscriber is written to, and how its letters are signed."""

    QUITTANCE = "quittance", "Quittance"
    RAZORPAY = "razorpay", "Razorpay"


OF_AUDIENCES = (
    EventType.ORDER_PAID,
    EventType.PAYMENT_AUTHORIZED,
    EventType.PAYMENT_CAPTURED,
    EventType.PAYMENT_FAILED,
    EventType.REFUND_CREATED,
    EventType.REFUND_PROCESSED,
    EventType.REFUND_FAILED,
)
"""What an audience of its own hears of, each about what is that audience's."""
OF_THE_SHOP = tuple(
    type_
    for type_ in EventType
    if type_ not in (EventType.PAYMENT_AUTHORIZED, EventType.REFUND_CREATED, EventType.REFUND_PROCESSED)
)
"""What the shop's own systems hear of."""


class ExactDecoder(json.JSONDecoder):
    """Numbers with a point stay as exact as PostgreSQL keeps them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_float": Decimal})


class Subscription(models.Model):
    """One of the shop's systems, or of an audience of its own, and what it wants to hear of. Never deleted, but
    disabled.

    Its secrets sign for us and are kept encrypted (`payments.sealing`). `disabled_at` and `disabled_because` say since
    when and why it hears nothing, in words for staff.
    """

    name = models.CharField(max_length=80, unique=True)
    # Whose events it hears, by the caller's word, unknown here: nobody's means those of the shop.
    audience_id = models.UUIDField(null=True, editable=False)
    wire = models.CharField(
        max_length=16, choices=Wire.choices, default=Wire.QUITTANCE, db_default=Wire.QUITTANCE, editable=False
    )
    url = models.CharField("URL", max_length=500)
    events = ArrayField(models.CharField(max_length=32, choices=EventType.choices))
    sealed_secret = models.TextField(editable=False)
    # During a rotation both secrets sign, until then.
    sealed_previous_secret = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    active = models.BooleanField(default=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_because = models.CharField(max_length=200, blank=True, editable=False)
    # Failed tries since the last that succeeded, over all its deliveries, and when the first of them was.
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    # Nothing is sent to a failing subscriber before this.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(events__contained_by=EventType.values), name="subscription_events_known"
            ),
            models.CheckConstraint(condition=Q(events__len__gt=0), name="subscription_wants_something"),
            models.CheckConstraint(
                condition=Q(audience_id__isnull=True, wire="quittance") | Q(audience_id__isnull=False, wire="razorpay"),
                name="subscription_wire_is_its_audiences",
            ),
            models.CheckConstraint(
                condition=Q(active=True, disabled_at__isnull=True, disabled_because="")
                | (Q(active=False, disabled_at__isnull=False) & ~Q(disabled_because="")),
                name="subscription_disabled_says_why",
            ),
            models.CheckConstraint(
                condition=Q(failures_in_a_row=0, failing_since__isnull=True)
                | Q(failures_in_a_row__gt=0, failing_since__isnull=False),
                name="subscription_failing_since_its_first_failure",
            ),
        )

    def __str__(self) -> str:
        return self.name


class OutgoingEvent(models.Model):
    """Something that happened. Its id is what receivers tell repetitions by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=32, choices=EventType.choices)
    # What it happened to, such as an order: the caller's word, unknown here.
    subject_id = models.UUIDField()
    # Who hears of it: the subscriptions of this audience, and those of the shop where it is nobody's.
    audience_id = models.UUIDField(null=True)
    body = models.JSONField(decoder=ExactDecoder)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(type__in=EventType.values), name="outgoing_event_type_known"),
        )
        indexes = (models.Index(fields=("subject_id",), name="outgoing_event_subject"),)

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class DeliveryState(models.TextChoices):
    """How far an event has come on its way to one subscription."""

    WAITING = "waiting", "Waiting"  # to be tried, or tried again, once it is due
    DELIVERED = "delivered", "Delivered"  # the receiver answered 2xx
    GIVEN_UP = "given_up", "Given up"  # three days without a 2xx


class Delivery(models.Model):
    """One event on its way to one subscription. What the receiver answers is never stored, but its status code."""

    event = models.ForeignKey(OutgoingEvent, on_delete=models.PROTECT, related_name="deliveries")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    # Since when it is to be told: the event's own time, or when staff had it sent again.
    wanted_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    # While a sender has it under way, nobody else sends it; what a dead one had is free again after this.
    claimed_until = models.DateTimeField(null=True, blank=True)
    times_tried = models.PositiveIntegerField(default=0)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_reason = models.CharField(max_length=40, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        permissions: ClassVar = (("redeliver_delivery", "Can send an event again"),)
        constraints = (
            models.UniqueConstraint(fields=("event", "subscription"), name="delivery_once_per_subscription"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at__isnull=True)),
                name="delivery_delivered_says_when",
            ),
        )
        indexes = (
            models.Index(fields=("subscription", "next_try_at"), condition=Q(state="waiting"), name="delivery_due"),
            models.Index(fields=("wanted_at",), condition=Q(state="waiting"), name="delivery_too_old"),
        )

    def __str__(self) -> str:
        return f"{self.event_id} {self.get_state_display()}"


class Turn(models.Model):
    """The one row that says whose turn it is to send, and until when unless they keep it (`turns`)."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    holder = models.UUIDField()
    until = models.DateTimeField()

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="turn_is_one"),)

    def __str__(self) -> str:
        return f"{self.holder} until {self.until:%Y-%m-%d %H:%M:%S}"


class DeliveryTry(models.Model):
    """One try to deliver: when, what came of it in a word, and how long it took. Kept for a while (`forgetting`)."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    duration_ms = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "delivery tries"
        indexes = (models.Index(fields=("at",), name="delivery_try_at"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or self.reason}"


def is_overlapping(subscription: Subscription, now: datetime) -> bool:
    """Whether the secret before the last rotation still signs."""
    until = subscription.previous_secret_until
    return until is not None and now < until
