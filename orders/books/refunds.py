"""Refunds that people made: their payments, their pieces, their goods."""

from __future__ import annotations

REFUNDS: tuple[tuple[str, str], ...] = (
    (
        "a refund is promised by its payments, and by none before a second person has agreed where one is needed",
        """
        SELECT r.id, r.amount_minor, r.credits_minor, p.amount, p.states FROM orders_orderrefund r LEFT JOIN (
            SELECT cause_id, sum(amount_minor) AS amount, array_agg(DISTINCT state) AS states,
                   bool_or(state NOT IN ('requested', 'failed')) AS going
            FROM payments_refund WHERE cause_id IS NOT NULL GROUP BY 1
        ) p ON p.cause_id = r.id
        WHERE coalesce(p.amount, 0) <> r.amount_minor - r.credits_minor
           OR (r.needs_approval AND r.approved_by_id IS NULL AND p.going)
           OR (NOT r.needs_approval AND 'requested' = ANY(p.states))
        """,
    ),
    (
        "no piece of a line is given back twice, nor comes back into stock twice",
        """
        SELECT l.id, l.quantity, g.back, g.restocked FROM orders_orderline l JOIN (
            SELECT g.order_line_id, sum(g.quantity) FILTER (WHERE orders_refund_is_live(r.id)) AS back,
                   sum(g.quantity) FILTER (
                       WHERE g.restock AND (r.decided_at IS NULL OR r.approved_by_id IS NOT NULL)
                   ) AS restocked
            FROM orders_orderrefundline g JOIN orders_orderrefund r ON r.id = g.refund_id GROUP BY 1
        ) g ON g.order_line_id = l.id WHERE g.back > l.quantity OR g.restocked > l.quantity
        """,
    ),
    (
        "a refund by lines is the sum of its lines and its delivery",
        """
        SELECT r.id, r.amount_minor, g.amount FROM orders_orderrefund r LEFT JOIN (
            SELECT refund_id, sum(amount_minor) AS amount FROM orders_orderrefundline GROUP BY 1
        ) g ON g.refund_id = r.id
        WHERE CASE WHEN r.kind = 'lines' THEN r.amount_minor <> coalesce(g.amount, 0) + r.delivery_minor
              ELSE g.amount IS NOT NULL END
        """,
    ),
    (
        "goods that came back with a refund are in stock once, and no others",
        """
        SELECT r.id, g.id, g.quantity, m.on_hand_change
        FROM orders_orderrefundline g JOIN orders_orderrefund r ON r.id = g.refund_id
        JOIN orders_order o ON o.id = r.order_id JOIN orders_orderline l ON l.id = g.order_line_id
        LEFT JOIN catalog_stockmovement m ON m.source_id = g.id AND m.variant_id = l.variant_id
        WHERE coalesce(m.on_hand_change, 0) <> CASE
            WHEN g.restock AND o.fulfilment <> 'unfulfilled' AND (NOT r.needs_approval OR r.approved_by_id IS NOT NULL)
            THEN g.quantity ELSE 0 END
        """,
    ),
)
