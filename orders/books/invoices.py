"""Invoices: their numbers, that every paid order has its own, and that they say the same as the ledger."""

from __future__ import annotations

INVOICES: tuple[tuple[str, str], ...] = (
    (
        "the numbers of each series and fiscal year are dense, and their counter is at the last",
        """
        SELECT coalesce(i.series, c.series), coalesce(i.fiscal_year, c.fiscal_year), i.first, i.last, i.count, c.last
        FROM (
            SELECT series, fiscal_year, min(serial) AS first, max(serial) AS last, count(DISTINCT serial) AS distinct,
                   count(*) AS count, count(DISTINCT kind) AS kinds
            FROM orders_invoice GROUP BY 1, 2
        ) i FULL JOIN orders_invoicecounter c ON c.series = i.series AND c.fiscal_year = i.fiscal_year
        WHERE i.first IS DISTINCT FROM 1 OR i.last <> i.count OR i.distinct <> i.count OR i.kinds <> 1
           OR c.last IS DISTINCT FROM i.last
        """,
    ),
    (
        "within a series and fiscal year nothing is issued before the number before it",
        """
        SELECT number, issued_at, before FROM (
            SELECT number, issued_at, lag(issued_at) OVER (PARTITION BY series, fiscal_year ORDER BY serial) AS before
            FROM orders_invoice
        ) i WHERE issued_at < before
        """,
    ),
    (
        "every paid order that needs an invoice has exactly one",
        """
        SELECT o.number, o.status, i.count FROM orders_order o LEFT JOIN (
            SELECT order_id, count(*) AS count FROM orders_invoice WHERE kind = 'invoice' GROUP BY 1
        ) i ON i.order_id = o.id
        WHERE i.count > 1 OR i.count IS NULL AND o.needs_invoice AND o.status IN ('paid', 'completed')
        """,
    ),
    (
        "an invoice is of what its order costs, and only what is paid on delivery is still due",
        """
        SELECT i.number, o.number, i.total_minor, o.total_minor + o.credits_minor, i.tax_minor, o.tax_minor, i.due_minor
        FROM orders_invoice i JOIN orders_order o ON o.id = i.order_id
        WHERE i.kind = 'invoice' AND (
            i.total_minor <> o.total_minor + o.credits_minor OR i.tax_minor <> o.tax_minor OR i.currency <> o.currency
            OR i.due_minor > 0 AND o.payment_terms <> 'on_delivery' OR i.due_minor > o.total_minor
        )
        """,
    ),
    (
        "what a document says is what its columns say",
        """
        SELECT i.number FROM orders_invoice i, LATERAL (
            SELECT sum((line ->> 'net_minor')::bigint) AS net,
                   sum((SELECT sum((levy ->> 'amount_minor')::bigint) FROM jsonb_array_elements(line -> 'levies') levy))
                       AS tax
            FROM jsonb_array_elements(i.view -> 'lines') line
        ) l
        WHERE coalesce(l.net, 0) <> i.net_minor OR coalesce(l.tax, 0) <> i.tax_minor
           OR i.view ->> 'number' <> i.number OR i.view ->> 'kind' <> i.kind OR i.view ->> 'currency' <> i.currency
           OR (i.view ->> 'due_minor')::bigint <> i.due_minor
        """,
    ),
    (
        "the notes of an invoice are about its order, and never come to more than it",
        """
        SELECT i.number, n.total, i.total_minor, n.tax, i.tax_minor FROM orders_invoice i JOIN (
            SELECT corrects_id, min(order_id::text) AS least, max(order_id::text) AS most,
                   sum(CASE kind WHEN 'credit_note' THEN total_minor ELSE -total_minor END) AS total,
                   sum(CASE kind WHEN 'credit_note' THEN tax_minor ELSE -tax_minor END) AS tax
            FROM orders_invoice WHERE kind <> 'invoice' GROUP BY 1
        ) n ON n.corrects_id = i.id
        WHERE NOT (n.total BETWEEN 0 AND i.total_minor AND n.tax BETWEEN 0 AND i.tax_minor) OR i.kind <> 'invoice'
           OR n.least <> i.order_id::text OR n.most <> i.order_id::text
        """,
    ),
    (
        "an invoice less its notes is what stands of the sale in the ledger, with its tax",
        """
        SELECT o.number, o.status, d.total, e.sale, d.tax, e.tax FROM (
            SELECT order_id, currency,
                   sum(CASE kind WHEN 'credit_note' THEN -total_minor ELSE total_minor END) AS total,
                   sum(CASE kind WHEN 'credit_note' THEN -tax_minor ELSE tax_minor END) AS tax
            FROM orders_invoice GROUP BY 1, 2
        ) d JOIN orders_order o ON o.id = d.order_id
        LEFT JOIN (
            SELECT subject_id, currency, -sum(amount_minor) AS sale,
                   -sum(amount_minor) FILTER (WHERE account = 'tax_payable') AS tax
            FROM payments_ledgerentry
            WHERE account IN ('revenue', 'delivery_revenue', 'tax_payable', 'discounts', 'refunds') GROUP BY 1, 2
        ) e ON e.subject_id = d.order_id AND e.currency = d.currency
        WHERE o.order_type <> 'credit' AND (d.total <> coalesce(e.sale, 0) OR d.tax <> coalesce(e.tax, 0))
        """,
    ),
    (
        "a PDF is the one that its hash is of",
        """
        SELECT invoice_id FROM orders_invoicepdf WHERE sha256 <> encode(sha256(content), 'hex')
        """,
    ),
)
