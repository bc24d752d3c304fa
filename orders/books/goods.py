"""Stock: its counters, its movements, and the orders that hold it."""

from __future__ import annotations

GOODS: tuple[tuple[str, str], ...] = (
    (
        "stock counters are the sums of their movements",
        """
        SELECT v.sku, s.on_hand, m.on_hand, s.reserved, m.reserved FROM catalog_stock s
        JOIN catalog_variant v ON v.id = s.variant_id
        LEFT JOIN (
            SELECT variant_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
            FROM catalog_stockmovement GROUP BY variant_id
        ) m USING (variant_id)
        WHERE s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0)
        """,
    ),
    (
        "nothing is promised that is not there",
        "SELECT variant_id, on_hand, reserved FROM catalog_stock WHERE reserved > on_hand OR reserved < 0",
    ),
    (
        "an order holds stock exactly as long as it has goods to send",
        """
        SELECT number, status, variant_id, wanted, held FROM (
            SELECT o.number, o.status, l.variant_id,
                   CASE WHEN o.status IN ('payment_pending', 'partially_paid', 'paid')
                        AND o.fulfilment = 'unfulfilled' THEN l.quantity ELSE 0 END AS wanted,
                   coalesce(h.held, 0) AS held
            FROM orders_order o
            JOIN (SELECT order_id, variant_id, sum(quantity) AS quantity FROM orders_orderline GROUP BY 1, 2) l
                ON l.order_id = o.id
            LEFT JOIN (
                SELECT source_id, variant_id, sum(reserved_change) AS held FROM catalog_stockmovement GROUP BY 1, 2
            ) h ON h.source_id = o.reservation_id AND h.variant_id = l.variant_id
        ) orders WHERE wanted <> held
        """,
    ),
    (
        "all reserved stock is held by orders",
        """
        SELECT m.source_id, m.held FROM (
            SELECT source_id, sum(reserved_change) AS held FROM catalog_stockmovement
            WHERE kind IN ('reserved', 'released', 'sent') GROUP BY 1 HAVING sum(reserved_change) <> 0
        ) m LEFT JOIN orders_order o ON o.reservation_id = m.source_id
        WHERE o.id IS NULL
        """,
    ),
)
