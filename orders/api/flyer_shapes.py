"""How flyer campaigns look on /api/v1, and what may be entered: in plain values, or spelled as order retrieval shows
them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from customers.api.serializers import TextField
from kit.money import Money, MoneyError
from orders.api.refund_shapes import KnownFieldsSerializer, WholeNumberField
from orders.campaigns.reporting import MOST
from orders.models import Campaign, CampaignStatus

STATUS_CHOICES = [(label, label) for label in CampaignStatus.labels]
MAX_DESCRIPTION = 20_000
_CURRENCY = "USD"
_PRICE = re.compile(r"\$?(\d{1,3}(?:,\d{3})+|\d{1,18})(\.\d{1,6})?", re.ASCII)
_RUSH: Mapping[Any, bool] = {"0": False, "1": True, 0: False, 1: True}


@extend_schema_field(OpenApiTypes.STR)
class PriceField(serializers.Field[Any, Any, Any, Any]):
    """An amount in major units: "835500.00", 835500 or "$835,500"; the currency is another field."""

    default_error_messages: ClassVar = {"amount_invalid": 'Not an amount such as "835500.00".'}

    def to_internal_value(self, data: Any) -> Decimal:
        """The number alone."""
        if isinstance(data, str):
            match = _PRICE.fullmatch(data.strip())
            if match is None:
                self.fail("amount_invalid")
            return Decimal(match[1].replace(",", "") + (match[2] or ""))
        if isinstance(data, bool) or not isinstance(data, int | Decimal) or data < 0:
            self.fail("amount_invalid")
        return Decimal(data)


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantField(serializers.Field[Any, Any, Any, Any]):
    """An instant with its offset from UTC."""

    default_error_messages: ClassVar = {
        "instant_invalid": "Not an instant with its offset, such as 2027-03-04T14:23:00-06:00."
    }

    def to_internal_value(self, data: Any) -> datetime:
        """The instant in UTC."""
        try:
            instant = datetime.fromisoformat(data)
        except (TypeError, ValueError):
            self.fail("instant_invalid")
        if instant.tzinfo is None or not 2000 <= instant.year < 2100:
            self.fail("instant_invalid")
        return instant.astimezone(UTC)


@extend_schema_field(OpenApiTypes.BOOL)
class RushField(serializers.Field[Any, Any, Any, Any]):
    """true or false; "1" or "0" mean the same."""

    default_error_messages: ClassVar = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """The flag."""
        if not isinstance(data, str | int) or data not in _RUSH:
            self.fail("invalid")
        return _RUSH[data]


class LongTextField(serializers.CharField):
    """Text of several lines that was sent as text."""

    def to_internal_value(self, data: Any) -> str:
        """The text, or a refusal."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlyerWishSerializer(KnownFieldsSerializer):
    """What a flyer says; what is left out stays as it is."""

    prop_address = TextField(max_length=300, required=False, allow_blank=True)
    prop_desc = LongTextField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True, help_text="HTML; kept to a safe subset."
    )
    prop_price = PriceField(required=False, allow_null=True)
    prop_currency = TextField(max_length=3, required=False, help_text="Of prop_price; USD where it was never said.")
    main_image = TextField(
        max_length=100, required=False, allow_blank=True, allow_null=True, help_text="A path from flyer-images/."
    )
    headline = TextField(max_length=200, required=False, allow_blank=True)
    sub_headline = TextField(max_length=200, required=False, allow_blank=True)
    rush = RushField(required=False)
    scheduled = InstantField(required=False, allow_null=True)
    subject = TextField(max_length=200, required=False, allow_blank=True)
    list_name = TextField(max_length=200, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The fields of `orders.campaigns.content.FlyerContent` that were sent, by their names there."""
        content = dict(attrs)
        currency = content.pop("prop_currency", None)
        if currency is not None and content.get("prop_price") is None:
            detail = ErrorDetail("Goes with prop_price.", code="prop_price_missing")
            raise serializers.ValidationError({"prop_currency": [detail]})
        if content.get("prop_price") is not None:
            content["prop_price"] = _money(content["prop_price"], currency or self._currency())
        if "scheduled" in content:
            content["scheduled_at"] = content.pop("scheduled")
        if content.get("main_image", "") is None:
            content["main_image"] = ""
        return content

    def _currency(self) -> str:
        """That of the price as it is."""
        campaign = self.context.get("campaign")
        return (campaign.prop_currency if campaign else "") or _CURRENCY


def _money(amount: Decimal, currency: str) -> Money:
    try:
        return Money.from_major(amount, currency)
    except MoneyError:
        detail = ErrorDetail(f"Not an amount in {currency[:3]}.", code="amount_invalid")
        raise serializers.ValidationError({"prop_price": [detail]}) from None


class FlyerSerializer(serializers.Serializer[Any]):
    """A flyer campaign. `position` counts the order's flyers from 1, `line` is that of the order's line."""

    id = serializers.IntegerField()
    position = serializers.IntegerField()
    line = serializers.IntegerField()
    status = serializers.ChoiceField(STATUS_CHOICES)
    prop_address = serializers.CharField()
    prop_desc = serializers.CharField()
    prop_price = serializers.CharField(allow_null=True)
    prop_currency = serializers.CharField()
    main_image = serializers.CharField()
    headline = serializers.CharField()
    sub_headline = serializers.CharField()
    rush = serializers.BooleanField()
    scheduled = serializers.DateTimeField(allow_null=True)
    subject = serializers.CharField()
    list_name = serializers.CharField()
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    percentage_completed = serializers.IntegerField()


class FlyerPageSerializer(serializers.Serializer[Any]):
    """A page of flyers."""

    next = serializers.CharField(allow_null=True)
    results = FlyerSerializer(many=True)


class FiguresWishSerializer(KnownFieldsSerializer):
    """Totals since the campaign began. What is left out, or lower than before, changes nothing."""

    delivered = WholeNumberField(min_value=0, max_value=MOST, required=False)
    opened = WholeNumberField(min_value=0, max_value=MOST, required=False)
    clicked = WholeNumberField(min_value=0, max_value=MOST, required=False)
    percentage_completed = WholeNumberField(min_value=0, max_value=100, required=False)


class FiguresSerializer(serializers.Serializer[Any]):
    """How a campaign stands after a report."""

    id = serializers.IntegerField()
    status = serializers.ChoiceField(STATUS_CHOICES)
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    percentage_completed = serializers.IntegerField()


def shown_flyer(campaign: Campaign) -> dict[str, Any]:
    """The values of FlyerSerializer. The campaign comes with its line and its image."""
    price = campaign.prop_price
    plain = ("prop_address", "prop_desc", "prop_currency", "headline", "sub_headline", "rush", "subject", "list_name")
    return {
        **shown_figures(campaign),
        "position": campaign.position,
        "line": campaign.line.position,
        **{name: getattr(campaign, name) for name in plain},
        "prop_price": str(price.major) if price else None,
        "main_image": campaign.main_image.path if campaign.main_image else "",
        "scheduled": campaign.scheduled_at,
    }


def shown_figures(campaign: Campaign) -> dict[str, Any]:
    """The values of FiguresSerializer."""
    return {
        "id": campaign.pk,
        "status": CampaignStatus(campaign.status).label,
        "delivered": campaign.delivered,
        "opened": campaign.opened,
        "clicked": campaign.clicked,
        "percentage_completed": campaign.percentage_completed,
    }
