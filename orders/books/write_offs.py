"""Write-offs: what people gave up of what customers owe, what of it came after all, and what the ledger says of it."""

from __future__ import annotations

WRITE_OFFS: tuple[tuple[str, str], ...] = (
    (
        "each write-off that nobody has to agree to any more is in the ledger, and no other",
        """
        SELECT coalesce(w.id::text, e.id), w.amount_minor, e.booked, e.receivable FROM orders_orderwriteoff w
        FULL JOIN (
            SELECT split_part(t.source, ':', 2) AS id,
                   sum(e.amount_minor) FILTER (WHERE e.account = 'write_off') AS booked,
                   -sum(e.amount_minor) FILTER (WHERE e.account = 'receivable') AS receivable,
                   min(e.subject_id::text) AS subject
            FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
            WHERE t.source LIKE 'write-off:%' GROUP BY 1
        ) e ON e.id = w.id::text
        CROSS JOIN LATERAL (
            SELECT CASE WHEN w.needs_approval AND w.approved_by_id IS NULL THEN 0 ELSE w.amount_minor END AS minor
        ) counts
        WHERE w.id IS NULL OR coalesce(e.booked, 0) <> counts.minor OR coalesce(e.receivable, 0) <> counts.minor
           OR e.subject <> w.order_id::text
        """,
    ),
    (
        "what is written off of an order is what was given up of it and has not come since",
        """
        SELECT o.number, o.written_off_minor, e.currency, e.written_off FROM (
            SELECT id, number, currency, written_off_minor FROM orders_order WHERE written_off_minor <> 0
        ) o FULL JOIN (
            SELECT e.subject_id, e.currency, sum(e.amount_minor) AS written_off
            FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
            WHERE (t.source LIKE 'write-off:%' OR t.source LIKE 'written-off-paid:%') AND e.account = 'write_off'
            GROUP BY 1, 2
        ) e ON e.subject_id = o.id AND e.currency = o.currency
        WHERE coalesce(o.written_off_minor, 0) <> coalesce(e.written_off, 0)
        """,
    ),
    (
        "nothing stays written off that was paid",
        """
        SELECT o.number, o.written_off_minor, e.receivable FROM orders_order o, LATERAL (
            SELECT sum(amount_minor) AS receivable FROM payments_ledgerentry
            WHERE subject_id = o.id AND currency = o.currency AND account = 'receivable'
        ) e WHERE o.written_off_minor > 0 AND e.receivable < 0
        """,
    ),
    (
        "nobody waits to write off more than is owed",
        """
        SELECT w.order_id, w.waiting, e.receivable FROM (
            SELECT order_id, currency, sum(amount_minor) AS waiting FROM orders_orderwriteoff
            WHERE needs_approval AND decided_at IS NULL GROUP BY 1, 2
        ) w LEFT JOIN LATERAL (
            SELECT sum(amount_minor) AS receivable FROM payments_ledgerentry e
            WHERE e.subject_id = w.order_id AND e.currency = w.currency AND e.account = 'receivable'
        ) e ON true WHERE w.waiting > coalesce(e.receivable, 0)
        """,
    ),
)
