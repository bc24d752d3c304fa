"""People: a user signs in, a customer buys, a session is one sign-in on one device."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from catalog.models import Event
from customers.tax_numbers import check_tax_number
from kit.ids import new_id


def normalised_email(email: str) -> str:
    """One spelling per address: NFKC, lower case, no surrounding blanks. Uniqueness is decided on this form."""
    return unicodedata.normalize("NFKC", email).strip().lower()


class UserManager(BaseUserManager["User"]):
    """Creates users with a hashed password and one spelling of their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normalised_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalised_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """An account that signs in by e-mail. Whether it may enter the back office is `is_staff`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField("e-mail", unique=True, max_length=254)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    # Every token carries the version it was made under; raising it makes all earlier tokens worthless at once.
    token_version = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_normalised"),
            models.CheckConstraint(condition=~Q(email=""), name="user_has_email"),
        )

    def set_password(self, raw_password: str | None) -> None:
        """Store the hash and end every session: whoever knew the old password is out."""
        super().set_password(raw_password)
        self.token_version += 1


class Customer(models.Model):
    """Somebody who buys."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="customer")
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    tax_number = models.CharField(
        "VAT number or GSTIN",
        max_length=20,
        blank=True,
        default="",
        db_default="",
        validators=[check_tax_number],
        help_text="Of a business; a VAT number with its country.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.user.email


class EventProfile(models.Model):
    """Somebody's entry in an event: who takes part, under which name. `entered_by` is the order that paid for it, as
    long as it does; written by `orders.entries` alone.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="profiles")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="profiles")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    live = models.BooleanField(default=True, help_text="Whether the event's site shows it.")
    entered_by = models.UUIDField(null=True, editable=False)
    entered_at = models.DateTimeField(null=True, editable=False)
    updated_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(entered_by__isnull=True, entered_at__isnull=True)
                | Q(entered_by__isnull=False, entered_at__isnull=False),
                name="event_profile_entered_says_when",
            ),
        )
        indexes = (
            models.Index(fields=("event", "-id"), name="event_profile_of_event"),
            models.Index(fields=("customer", "-id"), name="event_profile_of_customer"),
        )

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """An address a customer keeps for later. An order copies what it needs and never looks here again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="addresses")
    label = models.CharField(max_length=60, blank=True)
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=120)
    state = models.CharField(max_length=120, blank=True)
    # Ireland until 2015, Hong Kong and dozens of others have none.
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "addresses"
        constraints = (
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="address_country_is_alpha2"),
        )

    def __str__(self) -> str:
        return f"{self.street}, {self.city}"


class Session(models.Model):
    """One sign-in: the family of all refresh tokens that descend from it. Exactly one of them is valid at a time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    # The only refresh token of the family that has not been used; an older one that turns up was stolen or leaked.
    current_token = models.UUIDField()
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"session of {self.user_id}"


class FailureCount(models.Model):
    """Failed attempts (sign-ins, guessed codes) of one kind by one party in one stretch of time, for all processes."""

    scope = models.CharField(max_length=40)
    party = models.CharField(max_length=64, help_text="A hash: neither addresses nor e-mails are kept here.")
    window_starts_at = models.DateTimeField(db_index=True)
    failures = models.IntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("scope", "party", "window_starts_at"), name="failure_count_once"),
        )

    def __str__(self) -> str:
        return f"{self.scope}: {self.failures}"
