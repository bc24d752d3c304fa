"""The five states of a campaign: the table of moves, and the only writer of both status and history once a campaign is
there (`orders.campaigns.creating` writes the first status with the first line of history).

Nothing else assigns `Campaign.status`; the database refuses, at commit, a status that the history does not explain.
Whoever moves a campaign holds its order locked.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import connection

from kit import strict_json
from kit.errors import DomainError, Fault
from orders.actors import Actor
from orders.models import Campaign, CampaignHistory, CampaignStatus

MOVES: Mapping[CampaignStatus, frozenset[CampaignStatus]] = {
    # Entered. Staff hand it to the mailing system, or it is called off.
    CampaignStatus.DRAFT: frozenset({CampaignStatus.SCHEDULED, CampaignStatus.CANCELLED}),
    # It waits for its time. Somebody takes it back to change it, the first mails arrive, or it is called off.
    CampaignStatus.SCHEDULED: frozenset({CampaignStatus.DRAFT, CampaignStatus.SENDING, CampaignStatus.CANCELLED}),
    # Mails arrive. The last one does, or the rest is called off.
    CampaignStatus.SENDING: frozenset({CampaignStatus.COMPLETED, CampaignStatus.CANCELLED}),
    # The end; people go on opening it.
    CampaignStatus.COMPLETED: frozenset(),
    # The end, unless its order lives again: then it is entered anew.
    CampaignStatus.CANCELLED: frozenset({CampaignStatus.DRAFT}),
}

_MOVE = """
WITH moving AS MATERIALIZED (
    SELECT id, status FROM orders_campaign
    WHERE order_id = %(order)s AND status = ANY(%(before)s::text[])
      AND (%(campaign)s::bigint IS NULL OR id = %(campaign)s::bigint)
      AND (NOT %(only_ended)s OR ended_with_order)
    ORDER BY id FOR UPDATE
), moved AS (
    UPDATE orders_campaign c SET status = %(to)s, ended_with_order = %(ends)s FROM moving WHERE c.id = moving.id
)
INSERT INTO orders_campaignhistory (campaign_id, from_status, to_status, actor_kind, actor_id, facts)
SELECT id, status, %(to)s, %(actor_kind)s, %(actor_id)s::uuid, %(facts)s::jsonb FROM moving
"""


class CampaignRefused(DomainError):
    """The campaign's state, or its order's, does not allow what was asked. Facts: status, id."""

    def __init__(self, code: str, campaign: Campaign, **facts: Any) -> None:
        status = CampaignStatus(campaign.status)
        super().__init__([Fault(code, {"status": status, "id": campaign.pk, **facts})])


def move(campaign: Campaign, to: CampaignStatus, *, actor: Actor, facts: Mapping[str, Any] | None = None) -> None:
    """One campaign moves, and the move is written down. Raises CampaignRefused if the table has no such move."""
    current = CampaignStatus(campaign.status)
    if to not in MOVES[current]:
        raise CampaignRefused("campaign_move_not_allowed", campaign, to=to)
    _move(campaign.order_id, (current,), to, actor=actor, facts=facts, campaign_id=campaign.pk)
    campaign.status = to


def move_all(
    order_id: uuid.UUID,
    before: tuple[CampaignStatus, ...],
    to: CampaignStatus,
    *,
    actor: Actor,
    facts: Mapping[str, Any] | None = None,
    with_order: bool = False,
) -> int:
    """All campaigns of an order that are in these states move; how many. One statement.

    `with_order`: they are cancelled because the order ends, or lives again those that were.
    """
    assert all(to in MOVES[status] for status in before)
    return _move(order_id, before, to, actor=actor, facts=facts, with_order=with_order)


def note_change(campaign: Campaign, names: list[str], *, actor: Actor) -> None:
    """Write down that a campaign says something else now."""
    CampaignHistory.objects.create(
        campaign=campaign,
        from_status=campaign.status,
        to_status=campaign.status,
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        facts={"changed": names},
    )


def _move(
    order_id: uuid.UUID,
    before: tuple[CampaignStatus, ...],
    to: CampaignStatus,
    *,
    actor: Actor,
    facts: Mapping[str, Any] | None,
    campaign_id: int | None = None,
    with_order: bool = False,
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            {
                "order": order_id,
                "campaign": campaign_id,
                "before": [status.value for status in before],
                "to": to.value,
                "ends": with_order and to == CampaignStatus.CANCELLED,
                "only_ended": with_order and to == CampaignStatus.DRAFT,
                "actor_kind": actor.kind.value,
                "actor_id": actor.user_id,
                "facts": strict_json.dumps(dict(facts or {})).decode(),
            },
        )
        return int(cursor.rowcount)
