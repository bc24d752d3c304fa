"""What people gave back of an order, and for what. Written by `orders.returns` alone.

How far the money has come is not kept here: `payments.models.Refund` says so, by `cause_id`.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from kit.money import Money
from orders.models.orders import Order, OrderLine
from orders.queries import WAITING_FIRST, OrderRefundQuerySet
from payments.models import RefundDestination


class RefundKind(models.TextChoices):
    """What it is for."""

    FULL = "full", "Everything that is left"
    PARTIAL = "partial", "An amount"
    LINES = "lines", "Lines"  # so many pieces of some lines, and the delivery if it says so
    GOODWILL = "goodwill", "Goodwill"  # an amount, and nothing was wrong with the goods


class OrderRefund(models.Model):
    """Money of an order that a person gave back, or wants to give back once a second person agrees.

    `credits_minor` of the amount comes back as the credits that the order was paid with, the rest in money; whatever it
    is, `delivery_minor` of the amount is for the delivery, with its tax, and `tax_minor` of it is tax. What was asked
    for never changes, and what was decided about it is decided once: the database refuses anything else.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    kind = models.CharField(max_length=16, choices=RefundKind.choices)
    destination = models.CharField(max_length=16, choices=RefundDestination.choices)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("amount, minor units")
    credits_minor = models.BigIntegerField("credits, minor units", default=0, db_default=0)
    tax_minor = models.BigIntegerField("tax, minor units", default=0)
    delivery_minor = models.BigIntegerField("delivery, minor units", default=0)
    reason = models.CharField(max_length=200)
    # The edge's idempotency record, or the form, that it was asked under: a retry finds it here instead of a second.
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField(db_default=models.functions.Now())
    needs_approval = models.BooleanField(default=False)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_because = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[OrderRefund]] = OrderRefundQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        permissions = (("approve_refund", "Can approve and refuse refunds that others have asked for"),)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=RefundKind.values), name="order_refund_kind_known"),
            models.CheckConstraint(
                condition=Q(destination__in=RefundDestination.values), name="order_refund_destination_known"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, tax_minor__gte=0, delivery_minor__gte=0)
                & Q(tax_minor__lte=F("amount_minor"), delivery_minor__lte=F("amount_minor")),
                name="order_refund_amounts",
            ),
            models.CheckConstraint(
                condition=Q(credits_minor__gte=0, credits_minor__lte=F("amount_minor")),
                name="order_refund_credits_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(kind="lines") | Q(delivery_minor=0), name="order_refund_delivery_goes_with_lines"
            ),
            # The second wall behind the act: nobody approves what they have asked for themselves.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="order_refund_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, approved_by__isnull=True, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=False, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=True, refused_by__isnull=False)
                # Nobody has refused it: its order was called off.
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=True, refused_by__isnull=True)
                & ~Q(refused_because=""),
                name="order_refund_decided_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                condition=Q(needs_approval=True, decided_at__isnull=True),
                name="order_refund_to_decide",
            ),
            models.Index(*WAITING_FIRST, name="order_refund_waiting_first"),
        )

    def __str__(self) -> str:
        return f"{self.amount} back"

    @property
    def amount(self) -> Money:
        """What goes back."""
        return Money(self.amount_minor, self.currency)

    @property
    def money_minor(self) -> int:
        """What of it goes back in money."""
        return self.amount_minor - self.credits_minor

    @property
    def is_pending(self) -> bool:
        """Whether a second person has yet to decide."""
        return self.needs_approval and self.decided_at is None

    @property
    def is_refused(self) -> bool:
        """Whether it will not happen: a person has refused it, or its order was called off before anybody decided."""
        return self.decided_at is not None and self.approved_by_id is None


class OrderRefundLine(models.Model):
    """So many pieces of a line, given back. Its id is the source of their way back into stock.

    `discount_minor` and `tax_minor` are these pieces' shares of the line's; `amount_minor` is what goes back for them:
    price less discount plus tax, or less where only less was given.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    refund = models.ForeignKey(OrderRefund, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refunds")
    quantity = models.IntegerField()
    amount_minor = models.BigIntegerField("amount, minor units")
    discount_minor = models.BigIntegerField("discount, minor units", default=0)
    tax_minor = models.BigIntegerField("tax, minor units", default=0)
    # Whether the pieces come back into stock.
    restock = models.BooleanField(default=False)

    class Meta:
        ordering = ("refund", "order_line")
        constraints = (
            models.UniqueConstraint(fields=("refund", "order_line"), name="order_refund_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_refund_line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0, discount_minor__gte=0, tax_minor__gte=0),
                name="order_refund_line_amounts_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} of {self.order_line_id}"
