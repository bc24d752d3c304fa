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
            SELECT order_id, sum(quantity * unit_price_minor) AS products, sum(discount_minor) AS discount,
                   sum(tax_minor) AS tax
            FROM orders_orderline GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE l.order_id IS NULL OR o.products_minor <> l.products OR o.discount_minor <> l.discount
           OR o.tax_minor <> l.tax + o.delivery_tax_minor
           OR o.total_minor <> o.products_minor - o.discount_minor + o.delivery_minor - o.credits_minor
               + CASE WHEN o.prices_include_tax THEN 0 ELSE o.tax_minor END
        """,
    ),
    (
        "the taxes frozen on a line, or on a delivery, come to its tax, and none says why",
        """
        SELECT t.number, t.position, t.tax_minor, l.levied FROM (
            SELECT o.number, l.position, l.tax_minor, l.taxes, l.zero_reason, l.tax_category
            FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
            UNION ALL
            SELECT number, 0, delivery_tax_minor, delivery_taxes, delivery_zero_reason, delivery_tax_category
            FROM orders_order
        ) t, LATERAL (
            SELECT coalesce(sum((one ->> 'amount_minor')::bigint), 0) AS levied FROM jsonb_array_elements(t.taxes) one
        ) l WHERE t.tax_category <> '' AND (t.tax_minor <> l.levied OR t.tax_minor > 0 AND t.zero_reason <> '')
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
    (
        "a mail is due or sent for every order that was paid, and for every refund that was promised",
        """
        SELECT w.number, w.kind, w.subject_id FROM (
            SELECT id, number, 'payment' AS kind, NULL::uuid AS subject_id FROM orders_order
            WHERE status IN ('paid', 'completed') AND total_minor > 0
            UNION ALL
            SELECT o.id, o.number, 'refund', coalesce(f.cause_id, f.id) FROM payments_refund f
            JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id JOIN orders_order o ON o.id = r.subject_id
            WHERE f.state NOT IN ('requested', 'failed')
        ) w WHERE NOT EXISTS (
            SELECT FROM orders_notice n
            WHERE n.order_id = w.id AND n.kind = w.kind AND n.subject_id IS NOT DISTINCT FROM w.subject_id
        )
        """,
    ),
)
