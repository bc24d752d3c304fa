"""Payments and refunds, and what orders say of them."""

from __future__ import annotations

MONEY: tuple[tuple[str, str], ...] = (
    (
        "an order knows what was collected and refunded for it",
        """
        SELECT o.number, o.collected_minor, p.collected, o.refunded_minor, p.refunded FROM orders_order o LEFT JOIN (
            SELECT r.subject_id, a.currency, sum(a.captured_minor) AS collected,
                   sum(a.refunded_minor + a.credited_minor) AS refunded
            FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id GROUP BY 1, 2
        ) p ON p.subject_id = o.id AND p.currency = o.currency
        WHERE o.collected_minor <> coalesce(p.collected, 0) OR o.refunded_minor <> coalesce(p.refunded, 0)
        """,
    ),
    (
        "money that an order may not keep is on its way back",
        """
        SELECT o.number, o.status, o.total_minor, o.collected_minor, coalesce(r.promised, 0) FROM orders_order o
        LEFT JOIN (
            SELECT q.subject_id, sum(f.amount_minor) FILTER (WHERE f.state <> 'failed') AS promised,
                   bool_or(f.state = 'failed') AS failed
            FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest q ON q.id = a.request_id GROUP BY 1
        ) r ON r.subject_id = o.id
        WHERE o.collected_minor - greatest(coalesce(r.promised, 0), o.refunded_minor)
              > CASE WHEN o.status = 'cancelled' THEN 0 ELSE o.total_minor END
          AND NOT coalesce(r.failed, false)
          AND NOT EXISTS (
            -- What a bank disputes or has taken back cannot be sent back.
            SELECT FROM payments_dispute d JOIN payments_paymentattempt a ON a.id = d.attempt_id
            JOIN payments_paymentrequest q ON q.id = a.request_id WHERE q.subject_id = o.id
          )
        """,
    ),
    (
        "captured in another currency and not promised back",
        """
        SELECT o.number, a.gateway_payment_id, a.currency, a.captured_minor, coalesce(f.promised, 0)
        FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
        JOIN orders_order o ON o.id = r.subject_id AND o.currency <> a.currency
        LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) FILTER (WHERE state <> 'failed') AS promised,
                   bool_or(state = 'failed') AS failed
            FROM payments_refund GROUP BY 1
        ) f ON f.attempt_id = a.id
        WHERE a.captured_minor > coalesce(f.promised, 0) AND NOT coalesce(f.failed, false)
        """,
    ),
    (
        "every order that costs something has a payment request of its own currency, and every request an order",
        """
        SELECT o.number, r.id FROM orders_order o
        FULL JOIN payments_paymentrequest r ON r.subject_id = o.id
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
        SELECT a.gateway_payment_id, a.captured_minor, sum(f.amount_minor) FROM payments_paymentattempt a
        JOIN payments_refund f ON f.attempt_id = a.id AND f.state <> 'failed'
        GROUP BY a.id HAVING sum(f.amount_minor) > a.captured_minor OR bool_or(f.currency <> a.currency)
        """,
    ),
    (
        "what an attempt says went back is the sum of its refunds that succeeded",
        """
        SELECT a.gateway_payment_id, a.refunded_minor, f.refunded, a.credited_minor, f.credited
        FROM payments_paymentattempt a LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) FILTER (WHERE destination = 'original') AS refunded,
                   sum(amount_minor) FILTER (WHERE destination = 'credit') AS credited
            FROM payments_refund WHERE state = 'succeeded' GROUP BY 1
        ) f ON f.attempt_id = a.id
        WHERE a.refunded_minor <> coalesce(f.refunded, 0) OR a.credited_minor <> coalesce(f.credited, 0)
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
