"""The invariants of settlements: that the lines add up, that the ledger says the same, and that nothing is hidden that
is unexplained or that files have otherwise."""

from __future__ import annotations

INVARIANTS: tuple[tuple[str, str], ...] = (
    (
        "a settlement's totals are those of its lines",
        """
        SELECT s.gateway_settlement_id, s.lines_count, l.count, s.net_minor, l.net, s.fee_minor, l.fee, s.tax_minor,
               l.tax
        FROM settlements_settlement s LEFT JOIN (
            SELECT settlement_id, count(*) AS count, sum(net_minor) AS net,
                   sum(CASE WHEN kind = 'fee' AND wire_kind NOT IN ('tax_fee', 'tax') THEN fee_minor - gross_minor
                            ELSE fee_minor END) AS fee,
                   sum(CASE WHEN kind = 'fee' AND wire_kind IN ('tax_fee', 'tax') THEN tax_minor - gross_minor
                            ELSE tax_minor END) AS tax
            FROM settlements_settlementline WHERE superseded_at IS NULL GROUP BY 1
        ) l ON l.settlement_id = s.id
        WHERE (s.lines_count, s.net_minor, s.fee_minor, s.tax_minor)
              IS DISTINCT FROM (coalesce(l.count, 0), coalesce(l.net, 0), coalesce(l.fee, 0), coalesce(l.tax, 0))
        """,
    ),
    (
        "a line is in a settlement of its own gateway and currency",
        """
        SELECT l.line_id, s.gateway_settlement_id FROM settlements_settlementline l
        JOIN settlements_settlement s ON s.id = l.settlement_id
        WHERE l.superseded_at IS NULL AND (l.gateway <> s.gateway OR l.currency <> s.currency)
        """,
    ),
    (
        "the bank has what the settlements say, and the fees are those of their lines",
        """
        SELECT currency, account, sum(amount_minor) FROM (
            SELECT e.currency, e.account, e.amount_minor FROM payments_ledgerentry e
            JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE t.kind = 'settlement' AND e.account IN ('bank', 'gateway_fees', 'fee_tax')
            UNION ALL SELECT currency, 'bank', -coalesce(amount_minor, 0) FROM settlements_settlement
            UNION ALL SELECT currency, 'gateway_fees', -fee_minor FROM settlements_settlement
            UNION ALL SELECT currency, 'fee_tax', -tax_minor FROM settlements_settlement
        ) sides GROUP BY 1, 2 HAVING sum(amount_minor) <> 0
        """,
    ),
    (
        "a clearing account holds what was captured, less what went back, is disputed and was settled",
        """
        SELECT account, currency, sum(amount_minor) FROM (
            SELECT e.account, e.currency, e.amount_minor FROM payments_ledgerentry e
            JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account LIKE 'clearing\\_%' AND t.kind <> 'resolution'
            UNION ALL
            SELECT 'clearing_' || gateway, currency, refunded_minor - captured_minor FROM payments_paymentattempt
            UNION ALL
            SELECT 'clearing_' || a.gateway, d.currency, d.withdrawn_minor FROM payments_dispute d
            JOIN payments_paymentattempt a ON a.id = d.attempt_id
            UNION ALL
            SELECT 'clearing_' || gateway, currency, explained_minor FROM settlements_settlementline
            WHERE kind <> 'fee' AND superseded_at IS NULL
        ) sides GROUP BY 1, 2 HAVING sum(amount_minor) <> 0
        """,
    ),
    (
        "suspense holds what of the settlements nobody can explain",
        """
        SELECT currency, sum(amount_minor) FROM (
            SELECT e.currency, e.amount_minor FROM payments_ledgerentry e
            JOIN payments_ledgertransfer t ON t.id = e.transfer_id
            WHERE e.account = 'suspense' AND t.kind = 'settlement'
            UNION ALL SELECT currency, coalesce(amount_minor, 0) - net_minor FROM settlements_settlement
            UNION ALL SELECT currency, gross_minor - explained_minor FROM settlements_settlementline
            WHERE superseded_at IS NULL
        ) sides GROUP BY 1 HAVING sum(amount_minor) <> 0
        """,
    ),
    (
        "a matched line is about something of ours with its amount",
        """
        SELECT l.line_id, l.kind, l.entity_id, l.gross_minor FROM settlements_settlementline l
        LEFT JOIN payments_paymentattempt a ON a.id = l.attempt_id
        LEFT JOIN payments_refund r ON r.id = l.refund_id
        LEFT JOIN payments_dispute d ON d.id = l.dispute_id
        WHERE l.finding = 'matched' AND l.kind <> 'fee' AND l.superseded_at IS NULL AND NOT coalesce(CASE l.kind
            WHEN 'payment' THEN (a.gateway, a.gateway_payment_id, a.currency) = (l.gateway, l.entity_id, l.currency)
            WHEN 'refund' THEN (r.gateway_refund_id, -r.amount_minor) = (l.entity_id, l.gross_minor)
            WHEN 'refund_failure' THEN (r.gateway_refund_id, r.amount_minor) = (l.entity_id, l.gross_minor)
            WHEN 'dispute' THEN (d.gateway_dispute_id, -d.amount_minor) = (l.entity_id, l.gross_minor)
            WHEN 'dispute_reversal' THEN (d.gateway_dispute_id, d.amount_minor) = (l.entity_id, l.gross_minor)
            END, false)
        """,
    ),
    (
        "whatever of a settlement nobody can explain was put before a person",
        """
        SELECT missing.kind, missing.gateway_id FROM (
            SELECT 'settlement_line_' || finding AS kind, gateway, line_id AS gateway_id
            FROM settlements_settlementline WHERE finding <> 'matched' AND superseded_at IS NULL
            UNION ALL
            SELECT 'settlement_sum_differs', gateway, gateway_settlement_id FROM settlements_settlement
            WHERE state <> 'complete' AND read_at IS NOT NULL
        ) missing
        WHERE NOT EXISTS (
            SELECT FROM reconciliation_discrepancy d
            WHERE d.gateway = missing.gateway AND d.gateway_id = missing.gateway_id AND d.kind = missing.kind
        )
        """,
    ),
    (
        "what a file claims is kept row by row",
        """
        SELECT c.imported_id, c.gateway_settlement_id, c.rows_count, count(r.id)
        FROM settlements_settlementclaim c LEFT JOIN settlements_claimedrow r ON r.claim_id = c.id
        GROUP BY c.id HAVING count(r.id) <> c.rows_count
        """,
    ),
    (
        "whatever a file says otherwise than the gateway was put before a person",
        """
        SELECT c.imported_id, r.file_line, r.line_id
        FROM settlements_claimedrow r JOIN settlements_settlementclaim c ON c.id = r.claim_id
        LEFT JOIN settlements_settlementline l
            ON l.gateway = c.gateway AND l.line_id = r.line_id AND l.superseded_at IS NULL
        LEFT JOIN settlements_settlement s ON s.id = l.settlement_id
        WHERE c.judged_at IS NOT NULL AND NOT r.is_payout AND (r.is_repeated OR r.problem <> ''
            OR (s.gateway_settlement_id, l.kind, l.currency, l.gross_minor, l.net_minor)
                IS DISTINCT FROM (c.gateway_settlement_id, r.kind, r.currency, r.gross_minor, r.net_minor))
        AND NOT EXISTS (
            SELECT FROM reconciliation_discrepancy d WHERE d.gateway = c.gateway AND d.gateway_id = r.line_id
                AND d.kind IN ('file_line_unknown', 'file_line_differs', 'settled_twice')
        )
        """,
    ),
)
"""Name, and a statement that selects who offends and how."""
