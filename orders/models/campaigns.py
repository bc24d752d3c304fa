"""Flyer campaigns: what goes out by mail for each piece of a flyer that was bought, and how far it has come.

The status is written by `orders.campaigns.moves` alone, the figures by `orders.campaigns.reporting`; the contents may
change while a campaign is a draft. The database holds all three.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from customers.models import Customer
from kit.ids import new_id
from kit.money import Money
from orders.models.history import ActorKind
from orders.models.orders import Order, OrderLine


class CampaignStatus(models.TextChoices):
    """How far a campaign has come."""

    DRAFT = "draft", "Draft"  # its contents may still change
    SCHEDULED = "scheduled", "Scheduled"  # handed to the mailing system for its time
    SENDING = "sending", "Sending"  # some of it has reached recipients
    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_CAMPAIGN_STATUSES = (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.SENDING)
"""Something of it is still to be done."""


class FlyerImage(models.Model):
    """An uploaded picture, as we encoded it: never the bytes that came. `name` is that of its file, and random.

    Flyers of `customer` may show it, and those that whoever uploaded it enters.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=40, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="flyer_images")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField("size, bytes")
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(name__regex=r"^[0-9a-f]{32}\.(jpg|png)$"), name="flyer_image_name"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"/uploads/{self.name}"


class Campaign(models.Model):
    """One piece of a flyer line. `position` counts the order's campaigns from 1.

    The figures are what the mailing system has reported, and never fall.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="campaigns", db_index=False)
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="campaigns")
    position = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT)
    # It was cancelled because its order ended, and is a draft again should the order live again.
    ended_with_order = models.BooleanField(default=False, db_default=False, editable=False)

    prop_address = models.CharField("property's address", max_length=300, blank=True)
    # A safe subset of HTML, see orders.campaigns.html.
    prop_desc = models.TextField("property's description", blank=True)
    prop_price_minor = models.BigIntegerField("property's price, minor units", null=True, blank=True)
    prop_currency = models.CharField("property's currency", max_length=3, blank=True)
    main_image = models.ForeignKey(
        FlyerImage, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    headline = models.CharField(max_length=200, blank=True)
    sub_headline = models.CharField(max_length=200, blank=True)
    rush = models.BooleanField(default=False)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    list_name = models.CharField(max_length=200, blank=True)

    delivered = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    opened = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    clicked = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    percentage_completed = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    reported_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("order", "position")
        permissions: ClassVar = (
            ("schedule_campaign", "Can schedule flyer campaigns, and take them back"),
            ("cancel_campaign", "Can cancel flyer campaigns"),
        )
        constraints = (
            models.UniqueConstraint(fields=("order", "position"), name="campaign_position_once"),
            models.CheckConstraint(condition=Q(status__in=CampaignStatus.values), name="campaign_status_known"),
            models.CheckConstraint(condition=Q(percentage_completed__lte=100), name="campaign_percentage_at_most_100"),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(percentage_completed=100), name="campaign_completed_means_all"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("scheduled", "sending", "completed")) | Q(scheduled_at__isnull=False),
                name="campaign_scheduled_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(prop_price_minor__isnull=True, prop_currency="")
                | Q(prop_price_minor__gte=0, prop_currency__regex=r"^[A-Z]{3}$"),
                name="campaign_price_has_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(ended_with_order=False) | Q(status="cancelled"), name="campaign_ended_means_cancelled"
            ),
        )
        indexes = (models.Index(fields=("status", "-id"), name="campaign_by_status"),)

    def __str__(self) -> str:
        return f"Campaign {self.pk}"

    @property
    def prop_price(self) -> Money | None:
        """What the property costs, if that is said."""
        return None if self.prop_price_minor is None else Money(self.prop_price_minor, self.prop_currency)


class CampaignHistory(models.Model):
    """One thing that happened to a campaign, by whom. Append-only by the database. Between two equal statuses its
    contents changed.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="history")
    from_status = models.CharField(max_length=16, choices=CampaignStatus.choices, blank=True)
    to_status = models.CharField(max_length=16, choices=CampaignStatus.choices)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "campaign history"
        constraints = (
            models.CheckConstraint(
                condition=Q(to_status__in=CampaignStatus.values), name="campaign_history_status_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.from_status} {self.to_status}"


class MailingKey(models.Model):
    """What a mailing system shows to report figures. The key itself is not kept: `digest` is its SHA-256, which 256
    random bits need no salt for.
    """

    name = models.CharField(max_length=80, help_text="Which system has it.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # How it ends, by which people tell keys apart.
    hint = models.CharField(max_length=4, editable=False)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions: ClassVar = (("revoke_mailingkey", "Can revoke the keys of mailing systems"),)

    def __str__(self) -> str:
        return self.name
