"""Entries in events and the orders that pay for them."""

from __future__ import annotations

ENTRIES: tuple[tuple[str, str], ...] = (
    (
        "an entry stands as long as its order is paid, and its order lives until it is called off or its money is back",
        """
        SELECT o.number, o.status, e.ended_at, p.id, p.entered_by FROM orders_entryorder e
        JOIN orders_order o ON o.id = e.order_id JOIN customers_eventprofile p ON p.id = e.profile_id
        WHERE (e.ended_at IS NULL) <> (o.status NOT IN ('cancelled', 'refunded'))
           OR (p.entered_by IS NOT DISTINCT FROM o.id) <> (o.status IN ('paid', 'completed'))
        """,
    ),
    (
        "whoever is entered has an order that pays for it",
        """
        SELECT p.id, p.entered_by FROM customers_eventprofile p
        LEFT JOIN orders_entryorder e ON e.order_id = p.entered_by AND e.profile_id = p.id
        WHERE p.entered_by IS NOT NULL AND e.order_id IS NULL
        """,
    ),
    (
        "an order for an entry pays for one, and no other does",
        """
        SELECT o.number, o.order_type, e.profile_id FROM orders_order o
        LEFT JOIN orders_entryorder e ON e.order_id = o.id
        WHERE (o.order_type = 'entry') <> (e.order_id IS NOT NULL)
        """,
    ),
)
