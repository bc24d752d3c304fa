"""What a mailing system reports: how many mails of a campaign have arrived, were opened and clicked, and how far it is.

Reports may come twice, late and in any order: figures never fall, and what has been reached is never taken back. Locks
the order's row, then the campaign's, then what delivering the order locks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.db import transaction

from kit import clock
from orders.actors import SYSTEM
from orders.campaigns.editing import locked_campaign
from orders.campaigns.moves import CampaignRefused, move
from orders.fulfilment import finish_campaigns
from orders.models import Campaign, CampaignStatus

MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals since a campaign began, none below zero nor above MOST; what is not reported is 0."""

    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    percentage_completed: int = 0


def report_figures(campaign_id: int, figures: Figures, *, source: str) -> Campaign:
    """The campaign's figures are at least these. Once mails have arrived it is Sending, at 100 % Completed; when that
    was the last of its order, the order is delivered. A report about one that was cancelled counts, and moves nothing.

    `source` names the key that it came with. Raises Campaign.DoesNotExist, and CampaignRefused
    (`campaign_not_scheduled`) for a draft; then nothing was written.
    """
    with transaction.atomic(durable=True):
        campaign, order = locked_campaign(campaign_id)
        if campaign.status == CampaignStatus.DRAFT:
            raise CampaignRefused("campaign_not_scheduled", campaign)
        _raise(campaign, figures)
        facts = {**asdict(figures), "mailing_key": source}
        has_begun = campaign.delivered > 0 or campaign.percentage_completed == 100
        if campaign.status == CampaignStatus.SCHEDULED and has_begun:
            move(campaign, CampaignStatus.SENDING, actor=SYSTEM, facts=facts)
        if campaign.status == CampaignStatus.SENDING and campaign.percentage_completed == 100:
            move(campaign, CampaignStatus.COMPLETED, actor=SYSTEM, facts=facts)
            finish_campaigns(order, actor=SYSTEM)
    return campaign


def _raise(campaign: Campaign, figures: Figures) -> None:
    higher = {name: value for name, value in asdict(figures).items() if value > getattr(campaign, name)}
    if not higher:
        return
    for name, value in higher.items():
        setattr(campaign, name, value)
    campaign.reported_at = clock.now()
    campaign.save(update_fields=[*higher, "reported_at"])
