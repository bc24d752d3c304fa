"""Integrations, each with one key. The key itself is nowhere: what is kept of it tells it from every other."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from customers.models import User
from kit.ids import new_id


class Scope(models.TextChoices):
    """What an integration may do, for whoever is signed in beside it."""

    ORDERS = "orders", "Place orders"
    PACKAGES = "packages", "Upgrade and renew packages"
    DISCOUNT = "discount", "Give discounts, up to its percentage"
    READ = "read", "Read orders"


class Integration(models.Model):
    """A system of somebody's that calls us. Never deleted, but revoked: then its key counts no more.

    Written by `customers.integrations.keys` alone, but for its name, its scopes and its percentage.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80, unique=True)
    key_prefix = models.CharField("key", max_length=12, editable=False, help_text="The beginning of its key.")
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    max_discount_percent = models.DecimalField(
        "greatest discount, %",
        max_digits=5,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Of a line, for who may give discounts.",
    )
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", editable=False, db_index=False
    )
    # Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", editable=False, db_index=False
    )
    revoked_because = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("name",)
        permissions: ClassVar = (("revoke_integration", "Can revoke integrations"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values, scopes__len__gt=0), name="integration_scopes_known"
            ),
            models.CheckConstraint(
                condition=Q(max_discount_percent__gte=0, max_discount_percent__lte=100),
                name="integration_discount_is_a_percentage",
            ),
            models.CheckConstraint(condition=Q(key_digest__regex=r"^[0-9a-f]{64}$"), name="integration_key_digest"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_because="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_because="")),
                name="integration_revoked_for_a_reason",
            ),
        )

    def __str__(self) -> str:
        return self.name


class IntegrationUse(models.Model):
    """How many calls came with a key in one second, for all processes. Forgotten with a crash of the database."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, primary_key=True, related_name="use")
    second = models.BigIntegerField()
    calls = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.integration_id}: {self.calls}"
