"""What a line of a settlement is to us: SQL over rows `l`, told or kept, that have a line's columns.

A payment is explained by what we have captured, a refund by what went back, a dispute by what it is about, a fee by
itself; whatever the gateway invents next by nothing.
"""

from __future__ import annotations

OURS = """
LEFT JOIN payments_paymentattempt a ON a.gateway = l.gateway AND a.gateway_payment_id <> ''
    AND a.gateway_payment_id = CASE WHEN l.kind = 'payment' THEN l.entity_id ELSE l.payment_id END
LEFT JOIN payments_refund r ON l.kind IN ('refund', 'refund_failure') AND r.gateway_refund_id = l.entity_id
LEFT JOIN payments_dispute d ON l.kind IN ('dispute', 'dispute_reversal') AND d.gateway_dispute_id = l.entity_id
CROSS JOIN LATERAL (
    SELECT CASE l.kind
        WHEN 'payment' THEN CASE WHEN a.currency = l.currency THEN a.captured_minor END
        WHEN 'refund' THEN CASE WHEN r.currency = l.currency THEN -r.amount_minor END
        WHEN 'refund_failure' THEN CASE WHEN r.currency = l.currency THEN r.amount_minor END
        WHEN 'dispute' THEN CASE WHEN d.currency = l.currency THEN -d.amount_minor END
        WHEN 'dispute_reversal' THEN CASE WHEN d.currency = l.currency THEN d.amount_minor END
        WHEN 'fee' THEN l.gross_minor END AS minor,
    CASE WHEN l.kind = 'payment' THEN a.currency WHEN l.kind IN ('refund', 'refund_failure') THEN r.currency
        ELSE d.currency END AS currency
) ours
CROSS JOIN LATERAL (
    SELECT coalesce(ours.minor, 0) AS explained_minor,
    CASE WHEN ours.minor = l.gross_minor THEN 'matched'
         WHEN ours.minor IS NULL AND ours.currency IS NULL THEN 'unknown' ELSE 'differs' END AS finding
) found
"""
"""Joins to each row `l` what we have (a, r, d), what of it (ours.minor, ours.currency), and what follows (found.*)."""

IS_TAX = "l.wire_kind IN ('tax_fee', 'tax')"
"""Of a line of kind fee: whether it is the tax on others."""

_OWN_FEE = f"l.kind = 'fee' AND NOT {IS_TAX}"
_OWN_TAX = f"l.kind = 'fee' AND {IS_TAX}"
SUMS = f"""count(*), coalesce(sum(l.net_minor), 0)::bigint, coalesce(sum(l.fee_minor), 0)::bigint,
    coalesce(sum(l.tax_minor), 0)::bigint,
    coalesce(sum(l.explained_minor) FILTER (WHERE l.kind <> 'fee'), 0)::bigint,
    coalesce(sum(l.gross_minor - l.explained_minor), 0)::bigint,
    coalesce(sum(l.gross_minor) FILTER (WHERE {_OWN_FEE}), 0)::bigint,
    coalesce(sum(l.gross_minor) FILTER (WHERE {_OWN_TAX}), 0)::bigint"""
"""What kept lines `l` add up to: the fields of `posting.LineTotals`, in their order."""
