"""Flyer campaigns: one for each piece, their status and its history, and the orders they belong to."""

from __future__ import annotations

from orders.campaigns.moves import MOVES

_MOVES = ", ".join(f"('{before.value}', '{after.value}')" for before, moves in MOVES.items() for after in sorted(moves))

CAMPAIGNS: tuple[tuple[str, str], ...] = (
    (
        "each piece of a flyer line has its campaign, and nothing else has one",
        """
        SELECT o.number, l.position, l.kind, l.quantity, c.campaigns FROM orders_orderline l
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN (SELECT line_id, order_id, count(*) AS campaigns FROM orders_campaign GROUP BY 1, 2) c
            ON c.line_id = l.id
        WHERE coalesce(c.campaigns, 0) <> CASE WHEN l.kind = 'flyer' THEN l.quantity ELSE 0 END
           OR c.order_id <> l.order_id
        """,
    ),
    (
        "a campaign's status is the last one in its history, and every move is in the table of moves",
        f"""
        SELECT c.id, c.status, h.from_status, h.to_status FROM orders_campaign c LEFT JOIN (
            SELECT campaign_id, from_status, to_status,
                   lag(to_status, 1, '') OVER (PARTITION BY campaign_id ORDER BY id) AS before,
                   lead(to_status) OVER (PARTITION BY campaign_id ORDER BY id) IS NULL AS is_last
            FROM orders_campaignhistory
        ) h ON h.campaign_id = c.id
        WHERE h.campaign_id IS NULL OR h.from_status <> h.before OR h.is_last AND h.to_status <> c.status
           OR h.before = '' AND h.to_status <> 'draft'
           OR h.before <> '' AND h.from_status <> h.to_status AND (h.from_status, h.to_status) NOT IN ({_MOVES})
        """,  # noqa: S608 - the table of moves is a constant of ours
    ),
    (
        "nothing is left to be sent of the campaigns of an order that is over or delivered",
        """
        SELECT o.number, o.status, o.fulfilment, c.id, c.status FROM orders_campaign c
        JOIN orders_order o ON o.id = c.order_id
        WHERE c.status IN ('draft', 'scheduled', 'sending')
          AND (o.status IN ('cancelled', 'refunded', 'completed') OR o.fulfilment = 'delivered')
        """,
    ),
    (
        "a campaign leaves when its order is paid, or at once where that is paid on delivery",
        """
        SELECT o.number, o.status, c.id, c.status FROM orders_campaign c JOIN orders_order o ON o.id = c.order_id
        WHERE c.status IN ('scheduled', 'sending') AND o.payment_terms = 'prepaid' AND o.status <> 'paid'
        """,
    ),
)
