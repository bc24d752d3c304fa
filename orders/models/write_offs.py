"""What people gave up of what customers owe for goods that have left. Written by `orders.writing_off` alone.

What of it came after all is not kept here: the ledger has it, and `Order.written_off_minor` what is still given up.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from kit.money import Money
from orders.models.orders import Order
from orders.queries import WAITING_FIRST, OrderWriteOffQuerySet


class OrderWriteOff(models.Model):
    """An amount that a person gave up, or wants to give up once a second person agrees.

    What was asked for never changes, and what was decided about it is decided once: the database refuses anything else.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="write_offs")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("amount, minor units")
    reason = models.CharField(max_length=200)
    # The form that it was asked under: a retry finds it here instead of a second one.
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(db_default=models.functions.Now())
    needs_approval = models.BooleanField(default=False)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    refused_because = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[OrderWriteOff]] = OrderWriteOffQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "write-off"
        permissions = (("approve_write_off", "Can approve and refuse write-offs that others have asked for"),)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0) & ~Q(reason=""), name="order_write_off_says_why"),
            # The second wall behind the act: nobody approves what they have asked for themselves.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="order_write_off_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, approved_by__isnull=True, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=False, refused_by__isnull=True)
                | Q(needs_approval=True, decided_at__isnull=False, approved_by__isnull=True)
                # Where nobody has refused it, the money came.
                & ~Q(refused_because=""),
                name="order_write_off_decided_once",
            ),
        )
        indexes = (models.Index(*WAITING_FIRST, name="order_write_off_waiting_first"),)

    def __str__(self) -> str:
        return f"{self.amount} written off"

    @property
    def amount(self) -> Money:
        """What is given up."""
        return Money(self.amount_minor, self.currency)

    @property
    def is_pending(self) -> bool:
        """Whether a second person has yet to decide."""
        return self.needs_approval and self.decided_at is None

    @property
    def is_refused(self) -> bool:
        """Whether it will not happen: a person has refused it, or the money came before anybody decided."""
        return self.decided_at is not None and self.approved_by_id is None
