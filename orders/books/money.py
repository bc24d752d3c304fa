"""Payments and refunds, and what orders say of them."""

from __future__ import annotations

# What of its payments an order, or a merchant's, keeps and could send back: what is neither back nor promised back, nor
# with the payer's bank. While a bank looks into a payment, none of it can go back; nor what a gateway has failed to
# send back three times, or a person has given up. That is put before a person by a reconciliation: `not_sent_back`.
# What was given back of the sale is not due any more, and may not be kept if it is paid again.
_KEPT = """
SELECT o.name, o.status, o.total_minor, p.currency, p.kept, p.waiting, p.lessened, p.may_go FROM (
    SELECT id, number::text AS name, status, total_minor, currency FROM orders_order
    UNION ALL
    SELECT id, coalesce(reference, id::text), CASE WHEN given_up THEN 'cancelled' ELSE status END, amount_minor,
           currency
    FROM merchants_merchantorder
) o JOIN (
    SELECT subject_id, currency, sum(kept) AS kept, sum(waiting) AS waiting, sum(lessened) AS lessened,
           sum(kept) FILTER (WHERE kept > 0 AND NOT is_given_up) AS may_go FROM (
        SELECT r.subject_id, a.currency, coalesce(f.lessened, 0) AS lessened, coalesce(f.waiting, 0) AS waiting,
               coalesce(f.failures >= 3 OR f.is_given_up, false) AS is_given_up,
               left_.minor - greatest(coalesce(d.withdrawn, 0), CASE WHEN d.is_open THEN left_.minor END) AS kept
        FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
        LEFT JOIN (
            SELECT attempt_id, sum(amount_minor - excess_minor) FILTER (WHERE state <> 'failed') AS promised,
                   sum(amount_minor) FILTER (WHERE state = 'requested') AS waiting,
                   sum(amount_minor - surplus_minor - excess_minor)
                       FILTER (WHERE state NOT IN ('requested', 'failed')) AS lessened,
                   count(*) FILTER (WHERE state = 'failed' AND gateway_refund_id IS NOT NULL) AS failures,
                   bool_or(given_up_by_id IS NOT NULL) AS is_given_up
            FROM payments_refund GROUP BY 1
        ) f ON f.attempt_id = a.id
        LEFT JOIN (
            SELECT attempt_id, sum(withdrawn_minor) AS withdrawn, bool_or(state NOT IN ('won', 'lost')) AS is_open
            FROM payments_dispute GROUP BY 1
        ) d ON d.attempt_id = a.id
        CROSS JOIN LATERAL (SELECT a.captured_minor - coalesce(f.promised, 0) AS minor) left_
        WHERE a.captured_minor > 0
    ) attempts GROUP BY 1, 2
) p ON p.subject_id = o.id AND {where}
WHERE p.kept > CASE WHEN o.status = 'cancelled' OR p.currency <> o.currency THEN 0
              ELSE o.total_minor - p.lessened - p.waiting END
  AND p.may_go > 0
"""

MONEY: tuple[tuple[str, str], ...] = (
    (
        "an order knows what was collected and refunded for it",
        """
        SELECT o.number, o.collected_minor, p.collected, o.refunded_minor, p.refunded FROM orders_order o LEFT JOIN (
            SELECT r.subject_id, a.currency, sum(a.captured_minor) AS collected,
                   sum(a.refunded_minor + a.credited_minor - a.excess_minor) AS refunded
            FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id GROUP BY 1, 2
        ) p ON p.subject_id = o.id AND p.currency = o.currency
        WHERE o.collected_minor <> coalesce(p.collected, 0) OR o.refunded_minor <> coalesce(p.refunded, 0)
        """,
    ),
    ("money that an order may not keep is on its way back", _KEPT.format(where="p.currency = o.currency")),
    ("captured in another currency and not promised back", _KEPT.format(where="p.currency <> o.currency")),
    (
        "every order that costs something has a payment request of its own currency, and every request an order",
        """
        SELECT o.number, r.id FROM orders_order o
        FULL JOIN (SELECT * FROM payments_paymentrequest WHERE owed_to = 'receivable') r ON r.subject_id = o.id
        WHERE o.id IS NULL OR (r.id IS NULL AND o.total_minor > 0) OR r.currency <> o.currency
        """,
    ),
    (
        "a payment request is paid when and only when it is captured in full",
        """
        SELECT r.id, r.state, r.amount_minor, a.captured FROM payments_paymentrequest r LEFT JOIN (
            SELECT request_id, currency, sum(captured_minor) AS captured FROM payments_paymentattempt GROUP BY 1, 2
        ) a ON a.request_id = r.id AND a.currency = r.currency
        WHERE (r.state = 'paid') <> (coalesce(a.captured, 0) >= r.amount_minor)
        """,
    ),
    (
        "refunds that have not failed never exceed what was captured",
        """
        SELECT a.gateway_payment_id, a.captured_minor, sum(f.amount_minor - f.excess_minor)
        FROM payments_paymentattempt a JOIN payments_refund f ON f.attempt_id = a.id AND f.state <> 'failed'
        GROUP BY a.id
        HAVING sum(f.amount_minor - f.excess_minor) > a.captured_minor OR bool_or(f.currency <> a.currency)
        """,
    ),
    (
        "what an attempt says went back is the sum of its refunds that succeeded",
        """
        SELECT a.gateway_payment_id, a.refunded_minor, f.refunded, a.credited_minor, f.credited, a.excess_minor,
               f.excess
        FROM payments_paymentattempt a LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) FILTER (WHERE destination = 'original') AS refunded,
                   sum(amount_minor) FILTER (WHERE destination = 'credit') AS credited, sum(excess_minor) AS excess
            FROM payments_refund WHERE state = 'succeeded' GROUP BY 1
        ) f ON f.attempt_id = a.id
        WHERE a.refunded_minor <> coalesce(f.refunded, 0) OR a.credited_minor <> coalesce(f.credited, 0)
           OR a.excess_minor <> coalesce(f.excess, 0)
        """,
    ),
    (
        "what went back twice lies in suspense and was put before a person",
        """
        SELECT f.id, f.excess_minor, e.booked, d.kind FROM payments_refund f
        JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id
        LEFT JOIN LATERAL (
            SELECT sum(amount_minor) AS booked FROM payments_ledgertransfer t
            JOIN payments_ledgerentry e ON e.transfer_id = t.id
            WHERE t.source = 'refund-promised:' || f.id AND e.account = 'suspense'
        ) e ON true
        LEFT JOIN reconciliation_discrepancy d ON d.kind = 'refunded_twice' AND d.gateway_id = f.gateway_refund_id
        WHERE f.state NOT IN ('requested', 'failed') AND (
            coalesce(e.booked, 0) <> f.excess_minor + CASE WHEN a.currency <> r.currency THEN f.surplus_minor ELSE 0 END
            OR f.excess_minor > 0 AND d.id IS NULL
        )
        """,
    ),
    (
        "what was written off of what went back twice is not with us again",
        """
        SELECT d.gateway_id, d.amount_minor, f.state FROM reconciliation_discrepancy d
        JOIN payments_refund f ON f.gateway_refund_id = d.gateway_id
        WHERE d.kind = 'refunded_twice' AND d.resolution = 'written_off' AND f.state = 'failed'
        """,
    ),
    (
        "what was written off of what went back twice stands in the ledger, and nothing of what was not",
        """
        SELECT d.gateway_id, d.resolution, d.amount_minor, e.booked FROM reconciliation_discrepancy d
        LEFT JOIN LATERAL (
            SELECT -sum(e.amount_minor) AS booked FROM payments_ledgertransfer t
            JOIN payments_ledgerentry e ON e.transfer_id = t.id AND e.account = 'write_off'
            WHERE t.source IN ('resolution:' || d.id, 'resolution-undone:' || d.id)
        ) e ON true
        WHERE d.kind = 'refunded_twice'
          AND coalesce(e.booked, 0) <> CASE WHEN d.resolution = 'written_off' THEN d.amount_minor ELSE 0 END
        """,
    ),
    (
        "a subject has at most one active payment request",
        """
        SELECT subject_id, count(*) FROM payments_paymentrequest WHERE state IN ('initiated', 'unknown', 'open')
        GROUP BY subject_id HAVING count(*) > 1
        """,
    ),
)
