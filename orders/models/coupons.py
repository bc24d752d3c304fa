"""Coupons: what a code takes off an order, how often it may, and every time that it did.

The counters are the database's own: every use counts itself on the coupon, its code and its customer, and gives itself
back, so that no limit can be passed whatever runs at once. `orders.coupons.using` is the only writer of uses.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.models import Product, ProductKind, currency_choices
from customers.models import Customer
from kit.ids import new_id
from orders.models.orders import Order


class CouponKind(models.TextChoices):
    """What a coupon takes off."""

    PERCENT = "percent", "Percent"  # of the products that it is for
    AMOUNT = "amount", "Amount"  # at most what those cost
    FREE_DELIVERY = "free_delivery", "Free delivery"


class Coupon(models.Model):
    """A rule that takes something off an order, under one code or a batch of them.

    A limit that is empty is none. `currency` is that of the amounts, and of the orders that it is for.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=CouponKind.choices)
    percent_ppm = models.PositiveIntegerField("percentage, millionths", null=True, blank=True)
    amount_minor = models.BigIntegerField("amount, minor units", null=True, blank=True)
    currency = models.CharField(max_length=3, choices=currency_choices, blank=True, help_text="Empty: any.")
    minimum_minor = models.BigIntegerField("least price of all products, minor units", default=0)
    kinds = ArrayField(
        models.CharField(max_length=16, choices=ProductKind.choices),
        default=list,
        blank=True,
        help_text="The kinds of products that it is for; none means all.",
    )
    products: models.ManyToManyField[Product, Any] = models.ManyToManyField(
        Product, blank=True, related_name="+", help_text="The products that it is for; none means all."
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    max_uses_per_customer = models.PositiveIntegerField(null=True, blank=True)
    budget_minor = models.BigIntegerField("most that it takes off in all, minor units", null=True, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    # Counted by the database.
    used = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    spent_minor = models.BigIntegerField("taken off in all, minor units", default=0, db_default=0, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind="percent", percent_ppm__gt=0, percent_ppm__lte=1_000_000, amount_minor__isnull=True)
                | (Q(kind="amount", percent_ppm__isnull=True, amount_minor__gt=0) & ~Q(currency=""))
                | Q(kind="free_delivery", percent_ppm__isnull=True, amount_minor__isnull=True),
                name="coupon_takes_what_its_kind_says",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$") | Q(currency="", minimum_minor=0, budget_minor__isnull=True),
                name="coupon_amounts_have_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(minimum_minor__gte=0) & (Q(budget_minor__isnull=True) | Q(budget_minor__gt=0)),
                name="coupon_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(used__lte=F("max_uses")), name="coupon_used_within_its_limit"
            ),
            models.CheckConstraint(
                condition=Q(budget_minor__isnull=True) | Q(spent_minor__lte=F("budget_minor")),
                name="coupon_spent_within_its_budget",
            ),
            models.CheckConstraint(condition=Q(spent_minor__gte=0), name="coupon_spent_not_negative"),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="coupon_ends_after_it_starts",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CouponCode(models.Model):
    """A code under which a coupon may be used, in capitals and without blanks and hyphens; those of a batch are good
    once."""

    code = models.CharField(max_length=40, unique=True)
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="codes")
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    # Counted by the database.
    used = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]+$"), name="coupon_code_is_normalised"),
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(used__lte=F("max_uses")),
                name="coupon_code_used_within_its_limit",
            ),
        )

    def __str__(self) -> str:
        return self.code


class CouponCustomer(models.Model):
    """How often a customer has used a coupon and not got it back. Counted by the database."""

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="customers")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("coupon", "customer"), name="coupon_customer_once"),)

    def __str__(self) -> str:
        return f"{self.used} times"


class CouponUse(models.Model):
    """A coupon that an order has used, on the terms of that moment. What an order gives back it may use again."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="coupon_uses")
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="uses")
    code = models.ForeignKey(CouponCode, on_delete=models.PROTECT, related_name="uses")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    # With what it took off the delivery.
    discount_minor = models.BigIntegerField("taken off, minor units")
    # Kind, percentage or amount, and the lines that it was for, as the discount was worked out.
    terms = models.JSONField(default=dict)
    used_at = models.DateTimeField(db_default=models.functions.Now())
    given_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(discount_minor__gte=0), name="coupon_use_not_negative"),
            models.UniqueConstraint(
                fields=("order",), condition=Q(given_back_at__isnull=True), name="one_coupon_per_order"
            ),
        )
        indexes = (models.Index(fields=("coupon", "-id"), name="coupon_use_newest"),)

    def __str__(self) -> str:
        return f"{self.coupon_id} by {self.order_id}"
