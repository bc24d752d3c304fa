"""Staff hand a campaign to the mailing system, take it back, or call it off. Locks the order's row, then the
campaign's."""

from __future__ import annotations

from django.db import transaction

from kit import clock
from orders.actors import Actor
from orders.campaigns.content import content_of, missing
from orders.campaigns.editing import locked_campaign
from orders.campaigns.moves import CampaignRefused, move
from orders.fulfilment import finish_campaigns, refuse_unsendable
from orders.models import OPEN_CAMPAIGN_STATUSES, Campaign, CampaignStatus, Fulfilment


def schedule_campaign(campaign_id: int, *, actor: Actor) -> Campaign:
    """The campaign waits for its time, and says what it says.

    Like goods, it leaves when its order is paid, at once where that is paid on delivery. Raises Campaign.DoesNotExist;
    CampaignRefused: `campaign_not_draft`, `campaign_incomplete` (with what is `missing`), `campaign_time_over`;
    StatusRefused: `not_sendable`, `refund_promised`.
    """
    with transaction.atomic(durable=True):
        campaign, order = locked_campaign(campaign_id)
        if campaign.status != CampaignStatus.DRAFT:
            raise CampaignRefused("campaign_not_draft", campaign)
        if lacking := missing(content_of(campaign)):
            raise CampaignRefused("campaign_incomplete", campaign, missing=lacking)
        if campaign.scheduled_at is not None and campaign.scheduled_at <= clock.now():
            raise CampaignRefused("campaign_time_over", campaign)
        if order.fulfilment == Fulfilment.UNFULFILLED:
            refuse_unsendable(order)
        move(campaign, CampaignStatus.SCHEDULED, actor=actor)
    return campaign


def take_back_campaign(campaign_id: int, *, actor: Actor) -> Campaign:
    """The campaign is a draft again. Raises Campaign.DoesNotExist, and CampaignRefused (`campaign_not_scheduled`) once
    mails have left, or before it was scheduled."""
    with transaction.atomic(durable=True):
        campaign, _ = locked_campaign(campaign_id)
        if campaign.status != CampaignStatus.SCHEDULED:
            raise CampaignRefused("campaign_not_scheduled", campaign)
        move(campaign, CampaignStatus.DRAFT, actor=actor)
    return campaign


def cancel_campaign(campaign_id: int, *, actor: Actor, reason: str = "") -> Campaign:
    """What is not sent of the campaign is not sent; its money is another matter. An order whose other campaigns are
    completed is delivered. Raises Campaign.DoesNotExist, and CampaignRefused (`campaign_over`)."""
    with transaction.atomic(durable=True):
        campaign, order = locked_campaign(campaign_id)
        if campaign.status not in OPEN_CAMPAIGN_STATUSES:
            raise CampaignRefused("campaign_over", campaign)
        move(campaign, CampaignStatus.CANCELLED, actor=actor, facts={"reason": reason} if reason else {})
        finish_campaigns(order, actor=actor)
    return campaign
