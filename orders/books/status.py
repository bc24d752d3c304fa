"""Orders: their amounts, their status and its history."""

from __future__ import annotations

from orders.status import MOVES

_MOVES = ", ".join(f"('{before.value}', '{after.value}')" for before, moves in MOVES.items() for after in sorted(moves))

STATUS: tuple[tuple[str, str], ...] = (
    (
        "an order's status is the last one in its history",
        """
        SELECT o.number, o.status, h.to_status FROM orders_order o LEFT JOIN (
            SELECT DISTINCT ON (order_id) order_id, to_status FROM orders_orderhistory ORDER BY order_id, id DESC
        ) h ON h.order_id = o.id WHERE o.status IS DISTINCT FROM h.to_status
        """,
    ),
    (
        "every move of an order is in the table of moves",
        f"""
        SELECT order_id, id, from_status, to_status, before FROM (
            SELECT order_id, id, event, from_status, to_status,
                   lag(to_status) OVER (PARTITION BY order_id ORDER BY id) AS before
            FROM orders_orderhistory
        ) h
        WHERE CASE WHEN before IS NULL THEN event <> 'placed' OR from_status <> ''
              ELSE from_status <> before
                   OR from_status <> to_status AND (from_status, to_status) NOT IN ({_MOVES}) END
        """,  # noqa: S608 - the table of moves is a constant of ours
    ),
    (
        "an order's amounts are the sums of its lines",
        """
        SELECT o.number FROM orders_order o LEFT JOIN (
            SELECT order_id, sum(quantity * unit_price_minor) AS products, sum(discount_minor) AS discount
            FROM orders_orderline GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE l.order_id IS NULL OR o.products_minor <> l.products OR o.discount_minor <> l.discount
           OR o.total_minor <> o.products_minor - o.discount_minor + o.tax_minor + o.delivery_minor - o.credits_minor
        """,
    ),
    (
        "an order's status follows from its money and its goods",
        """
        SELECT number, status, total_minor, collected_minor, refunded_minor, fulfilment FROM orders_order
        WHERE status <> 'cancelled' AND status <> CASE
            WHEN collected_minor > 0 AND refunded_minor >= collected_minor THEN 'refunded'
            WHEN collected_minor >= total_minor AND fulfilment = 'delivered' THEN 'completed'
            WHEN collected_minor >= total_minor THEN 'paid'
            WHEN collected_minor > 0 THEN 'partially_paid'
            ELSE 'payment_pending' END
        """,
    ),
    (
        "a confirmation is due or sent for every order that was paid or is paid on delivery",
        """
        SELECT o.number FROM orders_order o
        WHERE (o.status IN ('paid', 'completed') OR o.payment_terms = 'on_delivery')
          AND NOT EXISTS (SELECT FROM orders_notice n WHERE n.order_id = o.id AND n.kind = 'confirmation')
        """,
    ),
)
