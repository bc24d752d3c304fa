"""Merchants' integrations, their keys, and the payment orders that they make with them.

What an order says of its money is what payments say of it, written by `payments.merchants.settling` under the order's
lock, so that every list of them is read from an index; the database compares the two at commit.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from kit.money import Money
from payments.merchants.names import account_id
from payments.models import Refund


class Merchant(models.Model):
    """One integration of a merchant. Never deleted, but switched off: then none of its keys counts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80, unique=True, help_text="Payers see it on the checkout page.")
    account_id = models.CharField(max_length=18, unique=True, default=account_id, editable=False, help_text="acc_...")
    # Where the checkout page may send a payer with the outcome, and nowhere else; the first one where nobody chose.
    callback_urls = ArrayField(models.CharField(max_length=500), default=list, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class MerchantKey(models.Model):
    """A key id and its secret. The secret signs what the merchant is handed, so it is kept sealed (`payments.sealing`);
    its digest is what a call is compared with, so that no call opens it."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="keys")
    key_id = models.CharField(max_length=23, unique=True, help_text="rzp_test_... or rzp_live_...")
    sealed_secret = models.TextField(editable=False)
    secret_digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    # Another one has taken its place: until then both count.
    valid_until = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions: ClassVar = (("manage_merchantkey", "Can issue, replace and revoke merchants' keys"),)
        indexes = (models.Index(fields=("merchant", "-id"), name="merchant_key_newest"),)

    def __str__(self) -> str:
        return self.key_id


class MerchantKeyUse(models.Model):
    """How many calls came with a key in one second, for all processes. Forgotten with a crash of the database."""

    key = models.OneToOneField(MerchantKey, on_delete=models.CASCADE, primary_key=True, related_name="use")
    second = models.BigIntegerField()
    calls = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.key_id}: {self.calls}"


class CaptureBy(models.TextChoices):
    """Who takes money that a payer's bank only authorizes for an order."""

    US = "us", "Us, at once"  # payment_capture 1
    CHECKOUT = "checkout", "The checkout, or the merchant's call"  # nothing said: what is left authorized waits
    MERCHANT = "merchant", "The merchant's call"  # payment_capture 0: the gateway holds it


class MerchantOrderStatus(models.TextChoices):
    """How far an order has come; it never goes back, whatever is refunded later."""

    CREATED = "created", "Created"
    ATTEMPTED = "attempted", "Attempted"  # somebody tried to pay
    PAID = "paid", "Paid"  # captured in full


class MerchantOrder(models.Model):
    """A payment order of a merchant. Its id is the subject of its one payment request; `reference` the gateway's own
    order id, known once the gateway has it. An order without one is not there for anybody.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="orders", db_index=False)
    # The key that it was made with.
    key = models.ForeignKey(MerchantKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    reference = models.CharField(max_length=40, null=True, unique=True, help_text="order_...")  # noqa: DJ001 - null is "not yet known", and unique
    amount_minor = models.BigIntegerField("amount, minor units")
    currency = models.CharField(max_length=3)
    receipt = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001 - the wire tells null from an empty text
    # JSON as it was sent: the order of its keys is the merchant's.
    notes = models.TextField(default="{}", blank=True)
    capture = models.CharField(max_length=16, choices=CaptureBy.choices)
    status = models.CharField(
        max_length=16, choices=MerchantOrderStatus.choices, default=MerchantOrderStatus.CREATED, editable=False
    )
    attempts = models.PositiveIntegerField(default=0, editable=False)
    paid_minor = models.BigIntegerField("paid, minor units", default=0, editable=False)
    # Whether money of it is authorized and waits to be captured.
    authorized = models.BooleanField(default=False, editable=False)
    # The gateway was never told for certain: nobody was shown it, and money for it goes back.
    given_up = models.BooleanField(default=False, editable=False)
    # What its merchant's systems have been told of.
    told = ArrayField(models.CharField(max_length=80), default=list, editable=False)
    # The edge's idempotency record that made it: a retry after a crash finds it here instead of a second one.
    placement_key = models.UUIDField(null=True, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="merchant_order_amount_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="merchant_order_currency"),
            models.CheckConstraint(condition=Q(capture__in=CaptureBy.values), name="merchant_order_capture_known"),
            models.CheckConstraint(
                condition=Q(status="created", attempts=0, paid_minor=0)
                | Q(status="attempted", attempts__gt=0, paid_minor__lt=F("amount_minor"))
                | Q(status="paid", attempts__gt=0, paid_minor=F("amount_minor")),
                name="merchant_order_status_follows_from_its_money",
            ),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, paid_minor__lte=F("amount_minor")),
                name="merchant_order_paid_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(given_up=False) | Q(reference__isnull=True), name="merchant_order_given_up_is_not_shown"
            ),
        )
        # Each list is read from an index, the newest first. Orders that are not shown are in none of them.
        indexes = (
            models.Index(
                fields=("merchant", "-created_at", "-id"),
                condition=Q(reference__isnull=False),
                name="merchant_order_newest",
            ),
            models.Index(
                fields=("merchant", "receipt", "-created_at", "-id"),
                condition=Q(reference__isnull=False, receipt__isnull=False),
                name="merchant_order_by_receipt",
            ),
            models.Index(
                fields=("merchant", "authorized", "-created_at", "-id"),
                condition=Q(reference__isnull=False),
                name="merchant_order_by_authorized",
            ),
        )

    def __str__(self) -> str:
        return self.reference or str(self.pk)

    @property
    def amount(self) -> Money:
        """What is asked."""
        return Money(self.amount_minor, self.currency)


class MerchantRefund(models.Model):
    """What a merchant said of a refund that it asked for; how far it has come is on the refund itself."""

    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, primary_key=True, related_name="of_merchant")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="refunds", db_index=False)
    notes = models.TextField(default="{}", blank=True)
    receipt = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001 - the wire tells null from an empty text
    speed = models.CharField(max_length=16, default="normal")
    # X-Refund-Idempotency, and what was asked under it.
    idempotency_key = models.CharField(max_length=255, null=True, blank=True, editable=False)  # noqa: DJ001 - unique where there is one
    fingerprint = models.BinaryField(max_length=32, default=b"", editable=False)
    # The edge's idempotency record that it was asked under: a retry after a crash finds it here instead of a second.
    request_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("merchant", "idempotency_key"), name="merchant_refund_key_once"),
        )

    def __str__(self) -> str:
        return str(self.refund_id)
