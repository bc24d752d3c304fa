"""Packages, the orders that pay for them, and what these have given."""

from __future__ import annotations

MEMBERSHIPS: tuple[tuple[str, str], ...] = (
    (
        "an order with a package, and no other, says what it gives, and for how much",
        """
        SELECT o.number, l.paid, p.value_minor, p.extra_minor FROM (
            SELECT order_id, sum(quantity * unit_price_minor - discount_minor) AS net, sum(tax_minor) AS tax
            FROM orders_orderline WHERE kind = 'package' GROUP BY order_id
        ) s
        FULL JOIN orders_packageorder p ON p.order_id = s.order_id
        JOIN orders_order o ON o.id = coalesce(s.order_id, p.order_id),
        LATERAL (SELECT s.net + CASE WHEN o.prices_include_tax THEN 0 ELSE s.tax END AS paid) l
        WHERE l.paid IS DISTINCT FROM p.value_minor + p.extra_minor
        """,
    ),
    (
        "an order's package has come to what its status says",
        """
        SELECT o.number, o.status, p.outcome FROM orders_packageorder p JOIN orders_order o ON o.id = p.order_id
        WHERE CASE WHEN o.status = 'payment_pending' THEN p.outcome <> 'waiting'
                   -- All of its money was back, and some of that refund has failed after all.
                   WHEN o.status = 'partially_paid' THEN p.outcome NOT IN ('waiting', 'called_off', 'undone')
                   WHEN o.status IN ('paid', 'completed') THEN p.outcome NOT IN ('given', 'credited')
                   ELSE p.outcome NOT IN ('called_off', 'undone') END
        """,
    ),
    (
        "a package that is paid has given its days once, or is credited; what was undone gives none any more",
        """
        SELECT o.number, p.outcome, p.validity_days, g.days, u.days FROM orders_packageorder p
        JOIN orders_order o ON o.id = p.order_id
        LEFT JOIN (
            SELECT h.order_id, h.days, m.customer_id, m.product_id, m.tier FROM customers_membershiphistory h
            JOIN customers_membership m ON m.id = h.membership_id WHERE h.event IN ('begun', 'renewed', 'upgraded')
        ) g ON g.order_id = p.order_id
        LEFT JOIN customers_membershiphistory u ON u.order_id = p.order_id AND u.event = 'reversed'
        WHERE (p.outcome IN ('waiting', 'called_off') AND g.order_id IS NOT NULL)
           OR (p.outcome = 'given' AND (g.order_id IS NULL OR u.order_id IS NOT NULL))
           OR (p.outcome IN ('credited', 'undone') AND g.order_id IS NOT NULL AND u.order_id IS NULL)
           OR g.days <> p.validity_days OR g.customer_id <> o.customer_id OR g.product_id <> p.product_id
        """,
    ),
    (
        "whatever an order has done to a membership, or is to do, is an order's with a package of the same customer",
        """
        SELECT e.order_id, e.customer_id FROM (
            SELECT h.order_id, m.customer_id FROM customers_membershiphistory h
            JOIN customers_membership m ON m.id = h.membership_id WHERE h.order_id IS NOT NULL
            UNION
            SELECT order_id, customer_id FROM customers_upgradeprocess WHERE order_id IS NOT NULL
        ) e LEFT JOIN (
            SELECT p.order_id, o.customer_id FROM orders_packageorder p JOIN orders_order o ON o.id = p.order_id
        ) p ON p.order_id = e.order_id AND p.customer_id = e.customer_id
        WHERE p.order_id IS NULL
        """,
    ),
    (
        "an ordered upgrade is in progress exactly as long as its order waits for its money",
        """
        SELECT u.id, u.state, p.order_id, p.outcome FROM customers_upgradeprocess u
        JOIN orders_packageorder p ON p.order_id = u.order_id
        WHERE (u.state = 'in_progress') <> (p.outcome = 'waiting')
        """,
    ),
    (
        # More stands than should where the customer had spent it before it was taken back.
        "the credit for a package stands in the ledger, and is what its outcome calls for",
        """
        SELECT o.number, p.outcome, p.credit_minor, e.credit, d.due FROM orders_packageorder p
        JOIN orders_order o ON o.id = p.order_id
        LEFT JOIN (
            SELECT split_part(t.source, ':', 2) AS id, -sum(l.amount_minor) AS credit
            FROM payments_ledgertransfer t JOIN payments_ledgerentry l ON l.transfer_id = t.id
            WHERE t.source LIKE 'package-credit:%' AND l.account = 'customer_credit' GROUP BY 1
        ) e ON e.id = p.order_id::text,
        LATERAL (SELECT greatest(0, least(
            CASE p.outcome WHEN 'given' THEN p.extra_minor + p.remainder_minor
                           WHEN 'credited' THEN p.extra_minor + p.value_minor ELSE 0 END,
            o.total_minor + o.credits_minor - o.refunded_minor - o.credits_returned_minor
        )) AS due) d
        WHERE p.credit_minor <> coalesce(e.credit, 0) OR p.credit_minor < d.due
           OR p.remainder_minor > p.value_minor
        """,
    ),
)
