"""What goes over the wire beside the objects themselves: events and their deliveries, stored answers, faults."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Gateway(models.TextChoices):
    """Whose part the sandbox plays."""

    STRIPE = "stripe"
    RAZORPAY = "razorpay"


class Event(models.Model):
    """Something that happened, with the object as it was then. Never changed afterwards."""

    seq = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10, choices=Gateway)
    public_id = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=60)
    document = models.JSONField()
    created = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["created", "seq"], name="sandbox_event_created")]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"


class Delivery(models.Model):
    """One sending of an event to the project's webhook; an event may have none (lost) or several (sent twice)."""

    seq = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    # The deliveries of one act go out one after the other; those of different acts side by side.
    act = models.UUIDField()
    # Null once nothing is to be sent any more: it was delivered, or given up.
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_status = models.PositiveIntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="sandbox_delivery_due")]

    def __str__(self) -> str:
        return f"delivery {self.seq} of {self.event_id}"


class StoredAnswer(models.Model):
    """The first answer given under an idempotency key; every later call with the key gets it again."""

    gateway = models.CharField(max_length=10, choices=Gateway)
    key = models.CharField(max_length=255)
    # Of path and parameters: the same key with others is a mistake of the caller's.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    request_id = models.CharField(max_length=40)
    created = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "key"], name="sandbox_answer_key")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.key}"


class ArmedFault(models.Model):
    """A fault waiting for calls to strike; gone after the last one."""

    seq = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10, choices=Gateway)
    call = models.CharField(max_length=10)
    fault = models.CharField(max_length=20)
    remaining = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.fault} on {self.gateway} {self.call} x {self.remaining}"
