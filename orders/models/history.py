"""What happened to an order since it was placed, and what its customer is written about."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from orders.models.orders import Order, OrderStatus


class HistoryEvent(models.TextChoices):
    """What can happen to an order."""

    PLACED = "placed", "Placed"
    PAYMENT = "payment", "Payment changed"  # money came in or went back
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"  # nobody paid in time
    REVIVED = "revived", "Revived"  # money came late, and there was stock left
    LATE_MONEY = "late_money", "Late money"  # it came after the order's end and revived nothing
    REFUND_REQUESTED = "refund_requested", "Refund requested"
    REFUND_APPROVED = "refund_approved", "Refund approved"  # by a second person
    REFUND_REFUSED = "refund_refused", "Refund refused"
    REFUND_FAILED = "refund_failed", "Refund failed"  # the money is with us again, or still
    CREDITED = "credited", "Given as credit"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    PAYMENT_REQUESTED = "payment_requested", "Payment requested"  # after the one that it was placed with
    CAPTURE_REQUESTED = "capture_requested", "Capture requested"  # of money that is held
    PAYMENT_VOIDED = "payment_voided", "Payment voided"  # a request was called off, or a hold let go
    DISPUTE_OPENED = "dispute_opened", "Dispute opened"  # the payer's bank questions a payment
    DISPUTE_CLOSED = "dispute_closed", "Dispute closed"
    WRITE_OFF_REQUESTED = "write_off_requested", "Write-off requested"  # it waits for a second person
    WRITE_OFF_REFUSED = "write_off_refused", "Write-off refused"  # or the money came before anybody decided
    WRITTEN_OFF = "written_off", "Written off"  # nobody expects what is still owed to come
    WRITTEN_OFF_PAID = "written_off_paid", "Paid after it was written off"


UNTOLD_EVENTS = (
    HistoryEvent.WRITE_OFF_REQUESTED,
    HistoryEvent.WRITE_OFF_REFUSED,
    HistoryEvent.WRITTEN_OFF,
    HistoryEvent.WRITTEN_OFF_PAID,
)
"""What staff alone read: whom we have given up still owes us."""


class ActorKind(models.TextChoices):
    """Who did something."""

    CUSTOMER = "customer", "Customer"
    STAFF = "staff", "Staff"
    GATEWAY = "gateway", "Gateway"
    SYSTEM = "system", "System"  # a job or a command


class OrderHistory(models.Model):
    """One thing that happened to an order, by whom, and from which status to which. Append-only by the database."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="history")
    event = models.CharField(max_length=20, choices=HistoryEvent.choices)
    from_status = models.CharField(max_length=16, choices=OrderStatus.choices, blank=True)
    to_status = models.CharField(max_length=16, choices=OrderStatus.choices)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "order history"
        constraints = (
            models.CheckConstraint(condition=Q(to_status__in=OrderStatus.values), name="history_status_known"),
        )

    def __str__(self) -> str:
        return self.get_event_display()


class NoticeKind(models.TextChoices):
    """What a customer is written about."""

    CONFIRMATION = "confirmation", "Order confirmation"
    PAYMENT = "payment", "Payment received"  # all of it, with the invoice
    REFUND = "refund", "Refund"  # once for each refund


class Notice(models.Model):
    """A mail to be sent about an order: written in the transaction that is its reason, sent once by a job.

    One confirmation, one that it is paid, one for each refund.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind.choices)
    # What of several of its kind it is about: a refund's id.
    subject_id = models.UUIDField(null=True, blank=True)
    wanted_at = models.DateTimeField(db_default=models.functions.Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    times_tried = models.PositiveIntegerField(default=0)
    # After a failure, not before this.
    due_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("order", "kind", "subject_id"), nulls_distinct=False, name="notice_once_per_order"
            ),
        )
        indexes = (models.Index(fields=("due_at",), condition=Q(sent_at__isnull=True), name="notice_to_send"),)

    def __str__(self) -> str:
        return self.get_kind_display()
