"""What gateways told us by webhook, kept as received."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from payments.models.requests import GatewayName


class EventState(models.TextChoices):
    """What became of a received event."""

    RECEIVED = "received", "Received"  # verified and stored, not yet worked
    WORKED = "worked", "Worked"
    ORPHANED = "orphaned", "Orphaned"  # about nothing we know (yet)
    FAILED = "failed", "Failed"  # given up after several tries; a person has to look


class WebhookEvent(models.Model):
    """One verified event. It says only that something happened; what is true now is asked of the gateway."""

    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    # Stripe's event id. For Razorpay the SHA-256 of the body: its event id is an unsigned header, free to make up.
    event_key = models.CharField(max_length=80)
    event_type = models.CharField(max_length=80)
    # The payment request that the event is about: pi_... or order_..., empty if it names none.
    gateway_reference = models.CharField(max_length=64, blank=True)
    # The dispute that it is about: du_... or disp_..., empty if it is about none.
    dispute_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    body = models.BinaryField()
    state = models.CharField(max_length=16, choices=EventState.choices, default=EventState.RECEIVED)
    # When a worker last failed at it, and how often: the pauses grow.
    tried_at = models.DateTimeField(null=True, blank=True)
    times_tried = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(db_default=models.functions.Now())
    worked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        permissions = (("work_again_webhookevent", "Can have received events worked again"),)
        constraints = (models.UniqueConstraint(fields=("gateway", "event_key"), name="webhook_event_once"),)
        indexes = (
            models.Index(fields=("received_at",), condition=Q(state="received"), name="webhook_event_to_work"),
            models.Index(fields=("received_at",), condition=Q(state="orphaned"), name="webhook_event_orphaned"),
            models.Index(fields=("gateway", "gateway_reference"), name="webhook_event_reference"),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.gateway_reference}"
