"""The ledger: that it balances, and that it says the same as the rows it explains."""

from __future__ import annotations

LEDGER: tuple[tuple[str, str], ...] = (
    (
        "every transfer has entries that sum to zero for each currency",
        """
        SELECT t.source, e.currency, e.sum FROM payments_ledgertransfer t LEFT JOIN (
            SELECT transfer_id, currency, sum(amount_minor) AS sum FROM payments_ledgerentry GROUP BY 1, 2
        ) e ON e.transfer_id = t.id WHERE e.sum IS NULL OR e.sum <> 0
        """,
    ),
    (
        "debits equal credits in every currency",
        """
        SELECT currency, sum(amount_minor) FROM payments_ledgerentry GROUP BY currency HAVING sum(amount_minor) <> 0
        """,
    ),
    (
        "what is due for an order and what of it is not yet earned stand in the ledger",
        """
        SELECT o.number, o.status, e.receivable, o.due, e.deferred, o.unearned FROM (
            SELECT o.id, o.number, o.status, o.currency,
                   CASE WHEN called_off THEN 0 ELSE o.total_minor END - o.collected_minor - o.written_off_minor AS due,
                   CASE WHEN called_off OR o.fulfilment <> 'unfulfilled'
                             OR o.status IN ('paid', 'completed', 'refunded')
                        THEN 0 ELSE o.total_minor + o.credits_minor END AS unearned
            FROM orders_order o, LATERAL (
                SELECT o.status = 'cancelled' OR o.given_up AS called_off
            ) s
        ) o
        LEFT JOIN (
            SELECT subject_id, currency,
                   sum(amount_minor) FILTER (WHERE account = 'receivable') AS receivable,
                   -sum(amount_minor) FILTER (WHERE account = 'deferred_revenue') AS deferred
            FROM payments_ledgerentry WHERE account IN ('receivable', 'deferred_revenue') GROUP BY 1, 2
        ) e ON e.subject_id = o.id AND e.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, f.currency, sum(f.surplus_minor) AS surplus
            FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE f.state NOT IN ('requested', 'failed') GROUP BY 1, 2
        ) f ON f.subject_id = o.id AND f.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, d.currency, sum(d.surplus_minor) AS surplus
            FROM payments_dispute d JOIN payments_paymentattempt a ON a.id = d.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id GROUP BY 1, 2
        ) d ON d.subject_id = o.id AND d.currency = o.currency
        WHERE coalesce(e.receivable, 0) <> o.due + coalesce(f.surplus, 0) + coalesce(d.surplus, 0)
           OR coalesce(e.deferred, 0) <> o.unearned
        """,
    ),
    (
        "what of an order is earned and not given back stands in the ledger",
        """
        SELECT o.number, o.status, e.sale, o.total_minor + o.credits_minor - o.credits_returned_minor
            - coalesce(f.allowance, 0)
        FROM orders_order o
        LEFT JOIN (
            -- Credit that was bought is no sale; it stands where a sale would, until it is taken back.
            SELECT e.subject_id, e.currency, -sum(e.amount_minor) AS sale
            FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE t.kind <> 'credit_taken'
              AND (e.account IN ('revenue', 'delivery_revenue', 'tax_payable', 'discounts', 'refunds')
                   OR e.account = 'customer_credit' AND t.kind = 'earned')
            GROUP BY 1, 2
        ) e ON e.subject_id = o.id AND e.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, f.currency, sum(f.amount_minor - f.surplus_minor - f.excess_minor) AS allowance
            FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE f.state NOT IN ('requested', 'failed') GROUP BY 1, 2
        ) f ON f.subject_id = o.id AND f.currency = o.currency
        WHERE o.status IN ('paid', 'completed') AND coalesce(e.sale, 0)
            <> o.total_minor + o.credits_minor - o.credits_returned_minor - coalesce(f.allowance, 0)
        """,
    ),
    (
        "a payment's money lies where the ledger says: captured less what went back and what is disputed",
        """
        SELECT a.gateway_payment_id, e.kept, a.captured_minor - a.refunded_minor - coalesce(d.withdrawn, 0)
        FROM payments_paymentattempt a
        LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) AS kept, bool_and(currency = only_currency) AS one FROM (
                SELECT attempt_id, amount_minor, currency, min(currency) OVER (PARTITION BY attempt_id) AS only_currency
                FROM payments_ledgerentry WHERE attempt_id IS NOT NULL AND account LIKE 'clearing\\_%'
            ) legs GROUP BY attempt_id
        ) e ON e.attempt_id = a.id
        LEFT JOIN (
            SELECT attempt_id, sum(withdrawn_minor) AS withdrawn FROM payments_dispute GROUP BY 1
        ) d ON d.attempt_id = a.id
        WHERE coalesce(e.kept, 0) <> a.captured_minor - a.refunded_minor - coalesce(d.withdrawn, 0) OR NOT e.one
        """,
    ),
    (
        "each refund that is promised and not yet back is owed in the ledger",
        """
        SELECT coalesce(f.id::text, e.id), f.state, f.amount_minor, e.owed FROM payments_refund f FULL JOIN (
            SELECT split_part(t.source, ':', 2) AS id, -sum(e.amount_minor) AS owed
            FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account = 'refunds_payable' GROUP BY 1
        ) e ON e.id = f.id::text
        WHERE coalesce(e.owed, 0)
              <> CASE WHEN f.state IN ('approved', 'unknown', 'sent') THEN f.amount_minor ELSE 0 END
        """,
    ),
    (
        "a customer's credit is the sum of its entries",
        """
        SELECT b.customer_id, b.currency, b.balance_minor, e.credit FROM payments_creditbalance b FULL JOIN (
            SELECT customer_id, currency, -sum(amount_minor) AS credit FROM payments_ledgerentry
            WHERE account = 'customer_credit' GROUP BY 1, 2
        ) e ON e.customer_id = b.customer_id AND e.currency = b.currency
        WHERE coalesce(b.balance_minor, 0) <> coalesce(e.credit, 0)
        """,
    ),
    (
        "each dispute stands in the ledger: kept back while it is open, owed anyway or written off once it is lost",
        """
        SELECT d.gateway_dispute_id, d.state, d.withdrawn_minor, d.surplus_minor, e.disputed, e.lost, e.owed
        FROM payments_dispute d FULL JOIN (
            SELECT split_part(t.source, ':', 2)::uuid AS id,
                   sum(e.amount_minor) FILTER (WHERE e.account = 'disputed') AS disputed,
                   sum(e.amount_minor) FILTER (WHERE e.account = 'write_off') AS lost,
                   sum(e.amount_minor) FILTER (WHERE e.account IN ('receivable', 'merchant_funds', 'suspense')) AS owed
            FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
            WHERE t.source LIKE 'dispute:%' GROUP BY 1
        ) e ON e.id = d.id
        WHERE d.id IS NULL
           OR coalesce(e.disputed, 0) <> CASE WHEN d.state = 'lost' THEN 0 ELSE d.withdrawn_minor END
           OR coalesce(e.lost, 0) <> CASE WHEN d.state = 'lost' THEN d.withdrawn_minor - d.surplus_minor ELSE 0 END
           OR coalesce(e.owed, 0) <> d.surplus_minor
        """,
    ),
    (
        "disputed money is that of disputes that are open",
        """
        SELECT coalesce(e.currency, d.currency), e.disputed, d.withdrawn FROM (
            SELECT currency, sum(amount_minor) AS disputed FROM payments_ledgerentry
            WHERE account = 'disputed' GROUP BY 1
        ) e FULL JOIN (
            SELECT currency, sum(withdrawn_minor) AS withdrawn FROM payments_dispute WHERE state <> 'lost' GROUP BY 1
        ) d USING (currency) WHERE coalesce(e.disputed, 0) <> coalesce(d.withdrawn, 0)
        """,
    ),
)
