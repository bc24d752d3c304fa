"""Orders that make somebody a member, or that were to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from catalog.models import Product
from orders.models.orders import Order


class PackageOutcome(models.TextChoices):
    """What an order for a package has come to."""

    WAITING = "waiting", "Not paid yet"
    CALLED_OFF = "called_off", "Called off"  # before it was paid; late money may bring it back
    GIVEN = "given", "Given"  # the membership's history says what
    CREDITED = "credited", "Credited instead"  # it was paid and could give nothing any more: its value is credit
    UNDONE = "undone", "Undone"  # cancelled or refunded after it was paid


class PackageOrder(models.Model):
    """What an order with packages gives once it is paid, as it was when it was placed, and what has come of it.

    An order gives days of one package, the highest: `validity_days` counts all pieces of it. A tier of 0 gives nothing.
    Written by `orders.memberships` alone, under the customer's lock.
    """

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="package")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    tier = models.PositiveSmallIntegerField()
    validity_days = models.PositiveSmallIntegerField()
    # What is paid for those days, with its tax, and for packages of the same order that give none.
    value_minor = models.BigIntegerField("value, minor units")
    extra_minor = models.BigIntegerField("value of what gives nothing, minor units", default=0)
    outcome = models.CharField(max_length=10, choices=PackageOutcome.choices, default=PackageOutcome.WAITING)
    # What an upgrade has left of its days, and the order of that upgrade; none where the shop gave it by itself.
    remainder_minor = models.BigIntegerField("value of what was left, minor units", default=0)
    remainder_by = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="+")
    # What stands as the customer's credit for all that; more than it should if it was spent before it was taken back.
    credit_minor = models.BigIntegerField("credit, minor units", default=0)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(outcome__in=PackageOutcome.values), name="package_order_outcome_known"),
            models.CheckConstraint(
                condition=Q(value_minor__gte=0, extra_minor__gte=0, remainder_minor__gte=0, credit_minor__gte=0),
                name="package_order_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tier=0, validity_days=0) | Q(tier__gt=0, validity_days__gt=0),
                name="package_order_gives_days_in_a_tier",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.validity_days} days of tier {self.tier}"
