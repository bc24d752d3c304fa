"""Campaigns whose order ends, and those whose order lives again. The caller holds the order locked."""

from __future__ import annotations

from orders.actors import SYSTEM
from orders.campaigns.moves import move_all
from orders.models import OPEN_CAMPAIGN_STATUSES, Campaign, CampaignStatus, Fulfilment, Order

_BEGUN = (CampaignStatus.SENDING, CampaignStatus.COMPLETED)


def call_off(order: Order) -> int:
    """What is not completed is cancelled; how many. Harmless to repeat. One statement."""
    return move_all(order.pk, OPEN_CAMPAIGN_STATUSES, CampaignStatus.CANCELLED, actor=SYSTEM, with_order=True)


def revive(order: Order) -> int:
    """What was cancelled because the order ended is a draft again: its time may be over, so staff look at it anew. Of
    an order that is delivered nothing is left to be sent.
    """
    if order.fulfilment == Fulfilment.DELIVERED:
        return 0
    return move_all(order.pk, (CampaignStatus.CANCELLED,), CampaignStatus.DRAFT, actor=SYSTEM, with_order=True)


def has_begun(order: Order) -> bool:
    """Whether any mail of the order's campaigns has left."""
    return Campaign.objects.filter(order=order, status__in=_BEGUN).exists()


def is_any_open(order: Order) -> bool:
    """Whether something of the order's campaigns is still to be sent."""
    return Campaign.objects.filter(order=order, status__in=OPEN_CAMPAIGN_STATUSES).exists()
