"""Campaigns of an order that is being placed: one for each piece of a flyer line, written by the transaction that
places it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from orders.campaigns.content import FlyerContent
from orders.models import FlyerImage


@dataclass(frozen=True, slots=True)
class FlyerLine:
    """A flyer line by its position in the order, how many pieces it has, and what each of them says to begin with."""

    position: int
    pieces: int
    content: FlyerContent
    image: FlyerImage | None


# The pieces are counted through the whole order, line by line.
_CREATE = """
WITH wanted (line, quantity, prop_address, prop_desc, prop_price, prop_currency, image, headline, sub_headline, rush,
             scheduled_at, subject, list_name) AS (
    VALUES {wanted}
), made AS (
    INSERT INTO orders_campaign (
        order_id, line_id, position, status, prop_address, prop_desc, prop_price_minor, prop_currency, main_image_id,
        headline, sub_headline, rush, scheduled_at, subject, list_name
    )
    SELECT l.order_id, l.id, row_number() OVER (ORDER BY w.line, piece), 'draft', w.prop_address, w.prop_desc,
           w.prop_price, w.prop_currency, w.image, w.headline, w.sub_headline, w.rush, w.scheduled_at, w.subject,
           w.list_name
    FROM wanted w
    JOIN orders_orderline l ON l.order_id = %(order)s AND l.position = w.line
    CROSS JOIN LATERAL generate_series(1, w.quantity) piece
    ORDER BY w.line, piece
    RETURNING id
)
INSERT INTO orders_campaignhistory (campaign_id, from_status, to_status, actor_kind, actor_id, facts)
SELECT id, '', 'draft', %(actor_kind)s, %(actor_id)s::uuid, '{{}}' FROM made ORDER BY id
"""
_CASTS = {
    "line": "::smallint",
    "quantity": "::int",
    "prop_price": "::bigint",
    "image": "::uuid",
    "rush": "::boolean",
    "scheduled_at": "::timestamptz",
}


def create_campaigns(
    order_id: uuid.UUID, flyers: Sequence[FlyerLine], *, actor_kind: str, actor_id: uuid.UUID | None
) -> None:
    """Drafts for all pieces of these lines, whose rows the transaction has written. One statement, without waiting for
    its answer where the caller pipelines."""
    if not flyers:
        return
    rows: list[str] = []
    values: dict[str, Any] = {"order": order_id, "actor_kind": actor_kind, "actor_id": actor_id}
    for index, flyer in enumerate(flyers):
        content, image = flyer.content, flyer.image
        price = content.prop_price
        columns = {
            "line": flyer.position,
            "quantity": flyer.pieces,
            "prop_address": content.prop_address,
            "prop_desc": content.prop_desc,
            "prop_price": price.minor if price else None,
            "prop_currency": price.currency if price else "",
            "image": image.pk if image else None,
            "headline": content.headline,
            "sub_headline": content.sub_headline,
            "rush": content.rush,
            "scheduled_at": content.scheduled_at,
            "subject": content.subject,
            "list_name": content.list_name,
        }
        rows.append("(" + ", ".join(f"%({name}{index})s{_CASTS.get(name, '::text')}" for name in columns) + ")")
        values |= {f"{name}{index}": value for name, value in columns.items()}
    with connection.cursor() as cursor:
        # Only the names of placeholders are put together here; every value travels as a parameter.
        cursor.execute(_CREATE.format(wanted=", ".join(rows)), values)
