"""What a campaign says, changed while it is a draft. Locks the order's row, then the campaign's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction

from kit.errors import DomainError, Fault
from orders.actors import Actor
from orders.campaigns.content import FIELDS, FlyerContent, content_of
from orders.campaigns.images import find_images
from orders.campaigns.moves import CampaignRefused, note_change
from orders.models import Campaign, CampaignStatus, FlyerImage, Order


def locked_campaign(campaign_id: int) -> tuple[Campaign, Order]:
    """A campaign and its order, both locked, in this order: the order's row, then the campaign's. Raises
    Campaign.DoesNotExist."""
    order_id: uuid.UUID = Campaign.objects.values_list("order_id", flat=True).get(pk=campaign_id)
    order = Order.objects.select_for_update().get(pk=order_id)
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("main_image").get(pk=campaign_id)
    return campaign, order


def edit_campaign(campaign_id: int, changes: Mapping[str, Any], *, actor: Actor) -> Campaign:
    """The campaign says what `changes` say, fields of FlyerContent by their names; the history says which changed.

    Raises Campaign.DoesNotExist, CampaignRefused (`campaign_not_draft`), and DomainError (`image_not_found` for an
    image that is neither the customer's nor uploaded by who asks).
    """
    with transaction.atomic(durable=True):
        campaign, order = locked_campaign(campaign_id)
        if campaign.status != CampaignStatus.DRAFT:
            raise CampaignRefused("campaign_not_draft", campaign)
        before = content_of(campaign)
        after = replace(before, **changes)
        changed = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
        if not changed:
            return campaign
        if "main_image" in changed:
            campaign.main_image = _image(after.main_image, order, actor)
        _write(campaign, after)
        note_change(campaign, changed, actor=actor)
    return campaign


def _image(path: str, order: Order, actor: Actor) -> FlyerImage | None:
    if not path:
        return None
    image = find_images({path}, customer_id=order.customer_id, user_id=actor.user_id).get(path)
    if image is None:
        raise DomainError([Fault("image_not_found", {"path": path}, at=("main_image",))])
    return image


def _write(campaign: Campaign, content: FlyerContent) -> None:
    price = content.prop_price
    campaign.prop_address, campaign.prop_desc = content.prop_address, content.prop_desc
    campaign.prop_price_minor = price.minor if price else None
    campaign.prop_currency = price.currency if price else ""
    campaign.headline, campaign.sub_headline = content.headline, content.sub_headline
    campaign.rush, campaign.scheduled_at = content.rush, content.scheduled_at
    campaign.subject, campaign.list_name = content.subject, content.list_name
    campaign.save(
        update_fields=[
            *("prop_address", "prop_desc", "prop_price_minor", "prop_currency", "main_image"),
            *("headline", "sub_headline", "rush", "scheduled_at", "subject", "list_name"),
        ]
    )
