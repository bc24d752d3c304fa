"""The invariants of merchants' orders: that each says what its payments say, and that the ledger owes what was
collected for it."""

from __future__ import annotations

INVARIANTS: tuple[tuple[str, str], ...] = (
    (
        "a merchant's order has one payment request, of its own amount, and every request for a merchant an order",
        """
        SELECT coalesce(o.id, r.subject_id), r.id, o.reference, r.gateway_reference FROM merchants_merchantorder o
        FULL JOIN (SELECT * FROM payments_paymentrequest WHERE owed_to = 'merchant_funds') r ON r.subject_id = o.id
        WHERE o.id IS NULL OR r.id IS NULL OR (r.amount_minor, r.currency) <> (o.amount_minor, o.currency)
           OR o.reference IS NOT NULL AND r.gateway_reference IS DISTINCT FROM o.reference
        UNION ALL
        SELECT r.subject_id, min(r.id::text)::uuid, NULL, NULL FROM payments_paymentrequest r
        JOIN merchants_merchantorder o ON o.id = r.subject_id GROUP BY 1 HAVING count(*) > 1
        """,
    ),
    (
        "a merchant's order says what its payments say",
        """
        SELECT o.reference, o.status, o.attempts, a.attempts, o.paid_minor, a.captured, o.authorized, a.authorized
        FROM merchants_merchantorder o LEFT JOIN (
            SELECT r.subject_id, count(*) AS attempts, bool_or(a.state = 'authorized') AS authorized,
                   sum(a.captured_minor) FILTER (WHERE a.currency = r.currency) AS captured
            FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE r.owed_to = 'merchant_funds' GROUP BY 1
        ) a ON a.subject_id = o.id
        WHERE o.attempts <> coalesce(a.attempts, 0) OR o.authorized <> coalesce(a.authorized, false)
           OR o.paid_minor <> least(coalesce(a.captured, 0), o.amount_minor)
           OR o.status <> CASE WHEN o.paid_minor = o.amount_minor THEN 'paid'
                               WHEN o.attempts > 0 THEN 'attempted' ELSE 'created' END
        """,
    ),
    (
        "what was collected for a merchant is owed to it in the ledger, less what was promised back or taken by a bank",
        """
        SELECT coalesce(o.reference, o.id::text, e.subject_id::text), e.owed, a.captured, f.surplus, d.surplus
        FROM merchants_merchantorder o FULL JOIN (
            SELECT subject_id, currency, -sum(amount_minor) AS owed FROM payments_ledgerentry
            WHERE account = 'merchant_funds' GROUP BY 1, 2
        ) e ON e.subject_id = o.id AND e.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, a.currency, sum(a.captured_minor) AS captured FROM payments_paymentattempt a
            JOIN payments_paymentrequest r ON r.id = a.request_id WHERE r.owed_to = 'merchant_funds' GROUP BY 1, 2
        ) a ON a.subject_id = o.id AND a.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, f.currency, sum(f.surplus_minor) AS surplus FROM payments_refund f
            JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE r.owed_to = 'merchant_funds' AND f.state NOT IN ('requested', 'failed') GROUP BY 1, 2
        ) f ON f.subject_id = o.id AND f.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, d.currency, sum(d.surplus_minor) AS surplus FROM payments_dispute d
            JOIN payments_paymentattempt a ON a.id = d.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE r.owed_to = 'merchant_funds' GROUP BY 1, 2
        ) d ON d.subject_id = o.id AND d.currency = o.currency
        WHERE o.id IS NULL OR coalesce(e.owed, 0)
              <> coalesce(a.captured, 0) - coalesce(f.surplus, 0) - coalesce(d.surplus, 0)
        """,
    ),
    (
        "nothing that was collected for a merchant is a sale of ours",
        """
        SELECT o.reference, e.account, e.amount_minor FROM payments_ledgerentry e
        JOIN merchants_merchantorder o ON o.id = e.subject_id
        WHERE e.account IN ('receivable', 'deferred_revenue', 'revenue', 'delivery_revenue', 'tax_payable',
                            'discounts', 'refunds', 'customer_credit')
        """,
    ),
    (
        "what a merchant said of a refund is of a refund of its own",
        """
        SELECT m.refund_id, m.merchant_id, o.merchant_id FROM merchants_merchantrefund m
        JOIN payments_refund f ON f.id = m.refund_id JOIN payments_paymentattempt a ON a.id = f.attempt_id
        JOIN payments_paymentrequest r ON r.id = a.request_id
        LEFT JOIN merchants_merchantorder o ON o.id = r.subject_id
        WHERE o.merchant_id IS DISTINCT FROM m.merchant_id
        """,
    ),
)
