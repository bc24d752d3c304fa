"""Customers' credit: its terms, what orders have of it, what staff granted."""

from __future__ import annotations

# A use of a term by credit that names none, while a term that ends earlier, and was there, had something left.
_PASSED_OVER = """
SELECT u.entry_id, u.term_id, earlier.id FROM payments_credittermuse u
JOIN payments_ledgerentry e ON e.id = u.entry_id AND e.amount_minor > 0 AND e.term_id IS NULL
JOIN payments_creditterm t ON t.id = u.term_id
JOIN payments_creditterm earlier ON earlier.customer_id = t.customer_id AND earlier.currency = t.currency
    AND (coalesce(earlier.expires_at, 'infinity'), earlier.id) < (coalesce(t.expires_at, 'infinity'), t.id)
    AND earlier.entry_id < u.entry_id
WHERE earlier.amount_minor > (
    SELECT coalesce(sum(before.amount_minor), 0) FROM payments_credittermuse before
    WHERE before.term_id = earlier.id AND before.id < u.id
)
"""

CREDITS: tuple[tuple[str, str], ...] = (
    (
        "what is left of a customer's terms is their credit",
        """
        SELECT b.customer_id, b.currency, b.balance_minor, t.left_minor FROM payments_creditbalance b FULL JOIN (
            SELECT customer_id, currency, sum(left_minor) AS left_minor FROM payments_creditterm GROUP BY 1, 2
        ) t ON t.customer_id = b.customer_id AND t.currency = b.currency
        WHERE coalesce(b.balance_minor, 0) <> coalesce(t.left_minor, 0)
        """,
    ),
    (
        "a term has left what came less what went",
        """
        SELECT t.id, t.amount_minor, t.left_minor, u.used FROM payments_creditterm t LEFT JOIN (
            SELECT term_id, sum(amount_minor) AS used FROM payments_credittermuse GROUP BY 1
        ) u ON u.term_id = t.id WHERE t.left_minor <> t.amount_minor - coalesce(u.used, 0)
        """,
    ),
    (
        "every entry of credit is in terms: what came, what went, what came back",
        """
        SELECT e.id, e.amount_minor, t.brought, u.used FROM payments_ledgerentry e
        LEFT JOIN (SELECT entry_id, amount_minor AS brought FROM payments_creditterm) t ON t.entry_id = e.id
        LEFT JOIN (
            SELECT entry_id, sum(amount_minor) AS used FROM payments_credittermuse WHERE entry_id IS NOT NULL GROUP BY 1
        ) u ON u.entry_id = e.id
        -- Of what was there before there were terms only the balance is known.
        WHERE e.account = 'customer_credit' AND e.id >= (
            SELECT min(id) FROM (
                SELECT min(entry_id) AS id FROM payments_creditterm UNION ALL
                SELECT min(entry_id) FROM payments_credittermuse
            ) known
        ) AND e.amount_minor <> coalesce(u.used, 0) - coalesce(t.brought, 0)
        """,
    ),
    ("credit is spent from the term that ends first", _PASSED_OVER),
    (
        "a term that was moved went on as another, with as much",
        """
        SELECT t.id, n.moved, u.moved FROM payments_creditterm t
        LEFT JOIN (
            SELECT moved_from_id, sum(amount_minor) AS moved FROM payments_creditterm GROUP BY 1
        ) n ON n.moved_from_id = t.id
        LEFT JOIN (
            SELECT term_id, sum(amount_minor) AS moved FROM payments_credittermuse WHERE entry_id IS NULL GROUP BY 1
        ) u ON u.term_id = t.id
        WHERE coalesce(n.moved, 0) <> coalesce(u.moved, 0)
        """,
    ),
    (
        "an order is paid with its credits as long as it lives, less what refunds have given back",
        """
        SELECT o.number, o.status, o.credits_minor, o.credits_returned_minor, e.spent, r.returned FROM orders_order o
        LEFT JOIN (
            SELECT e.subject_id, sum(e.amount_minor) AS spent
            FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account = 'customer_credit' AND t.kind IN ('ordered', 'called_off', 'credit_returned') GROUP BY 1
        ) e ON e.subject_id = o.id
        LEFT JOIN (
            SELECT order_id, sum(credits_minor) AS returned FROM orders_orderrefund
            WHERE NOT needs_approval OR approved_by_id IS NOT NULL GROUP BY 1
        ) r ON r.order_id = o.id
        WHERE o.credits_returned_minor <> coalesce(r.returned, 0)
           OR coalesce(e.spent, 0) <> CASE WHEN o.status = 'cancelled' OR o.given_up THEN 0
                                           ELSE o.credits_minor - o.credits_returned_minor END
        """,
    ),
    (
        "what was paid for credit is the customer's credit once, and no more of it is taken back than went back",
        """
        SELECT o.number, o.status, o.total_minor, e.bought, e.taken, f.allowance, d.lost FROM orders_order o
        LEFT JOIN (
            SELECT e.subject_id, -sum(e.amount_minor) FILTER (WHERE t.kind = 'earned') AS bought,
                   sum(e.amount_minor) FILTER (WHERE t.kind = 'credit_taken') AS taken
            FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account = 'customer_credit' AND t.kind IN ('earned', 'credit_taken') GROUP BY 1
        ) e ON e.subject_id = o.id
        LEFT JOIN (
            SELECT r.subject_id, f.currency, sum(f.amount_minor - f.surplus_minor - f.excess_minor) AS allowance
            FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE f.state NOT IN ('requested', 'failed') GROUP BY 1, 2
        ) f ON f.subject_id = o.id AND f.currency = o.currency
        LEFT JOIN (
            SELECT r.subject_id, d.currency, sum(d.withdrawn_minor - d.surplus_minor) AS lost
            FROM payments_dispute d JOIN payments_paymentattempt a ON a.id = d.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id WHERE d.state = 'lost' GROUP BY 1, 2
        ) d ON d.subject_id = o.id AND d.currency = o.currency
        WHERE CASE WHEN o.order_type = 'credit'
                   THEN coalesce(e.taken, 0) NOT BETWEEN 0 AND coalesce(f.allowance, 0) + coalesce(d.lost, 0)
                     OR coalesce(e.bought, 0) <> CASE
                         WHEN o.status IN ('paid', 'completed') OR o.status = 'refunded' AND NOT o.given_up
                         THEN o.total_minor ELSE 0 END
                   ELSE e.subject_id IS NOT NULL END
        """,
    ),
    (
        "what staff granted is in the ledger, and no more of it is revoked",
        """
        SELECT g.id, g.amount_minor, e.granted, r.revoked, r.posted FROM orders_creditgrant g
        LEFT JOIN (
            SELECT t.source, -sum(e.amount_minor) AS granted
            FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
            WHERE t.kind = 'credit_granted' AND e.account = 'customer_credit' GROUP BY 1
        ) e ON e.source = 'credit-granted:' || g.id
        LEFT JOIN (
            SELECT v.grant_id, sum(v.amount_minor) AS revoked, sum(p.revoked) AS posted FROM orders_creditrevocation v
            LEFT JOIN (
                SELECT t.source, sum(e.amount_minor) AS revoked
                FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
                WHERE t.kind = 'credit_revoked' AND e.account = 'customer_credit' GROUP BY 1
            ) p ON p.source = 'credit-revoked:' || v.id GROUP BY 1
        ) r ON r.grant_id = g.id
        WHERE coalesce(e.granted, 0) <> CASE WHEN g.needs_approval AND g.approved_by_id IS NULL THEN 0
                                             ELSE g.amount_minor END
           OR coalesce(r.revoked, 0) > coalesce(e.granted, 0) OR coalesce(r.revoked, 0) <> coalesce(r.posted, 0)
        """,
    ),
    (
        "credits that were granted, revoked and expired are those in the accounts for them",
        """
        SELECT account, kind, currency, sum(amount_minor) FROM (
            SELECT e.account, t.kind, e.currency, e.amount_minor
            FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account IN ('credits_granted', 'credits_expired')
        ) moved
        WHERE kind NOT IN ('credit_granted', 'credit_revoked', 'credit_expired')
           OR (account = 'credits_expired') <> (kind = 'credit_expired')
        GROUP BY 1, 2, 3
        """,
    ),
    (
        # What could not be taken back stands against refunds; what a bank took back is a loss, and on no document.
        "the invoice of credit that was bought, less its notes, is what stands of that credit, and is no revenue",
        """
        SELECT o.number, o.status, d.total, e.bought, d.tax, e.revenue FROM (
            SELECT order_id, currency,
                   sum(CASE kind WHEN 'credit_note' THEN -total_minor ELSE total_minor END) AS total,
                   sum(CASE kind WHEN 'credit_note' THEN -tax_minor ELSE tax_minor END) AS tax
            FROM orders_invoice GROUP BY 1, 2
        ) d JOIN orders_order o ON o.id = d.order_id
        LEFT JOIN (
            SELECT l.subject_id, l.currency,
                   -sum(l.amount_minor) FILTER (
                       WHERE l.account IN ('customer_credit', 'refunds')
                          OR l.account = 'write_off' AND t.kind = 'credit_taken'
                   ) AS bought,
                   sum(abs(l.amount_minor)) FILTER (
                       WHERE l.account IN ('revenue', 'delivery_revenue', 'tax_payable', 'discounts')
                   ) AS revenue
            FROM payments_ledgerentry l JOIN payments_ledgertransfer t ON t.id = l.transfer_id GROUP BY 1, 2
        ) e ON e.subject_id = d.order_id AND e.currency = d.currency
        WHERE o.order_type = 'credit' AND (d.total <> coalesce(e.bought, 0) OR d.tax <> 0 OR e.revenue > 0)
        """,
    ),
)
