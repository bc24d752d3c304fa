"""Both sides' facts of a discrepancy about settlements, as SQL: where they stand, what they are about, every amount.

A discrepancy's facts name the file and its line, the settlement, the line and what is known of the payment behind it,
so that a page can show and link all of it.
"""

from __future__ import annotations

SAID = """
LEFT JOIN payments_paymentattempt paid ON paid.id = k.attempt_id
LEFT JOIN payments_paymentrequest asked ON asked.id = paid.request_id
LEFT JOIN LATERAL (
    SELECT i.sha256, i.file_name, r.file_line FROM settlements_settlementclaim c
    JOIN settlements_claimedrow r ON r.claim_id = c.id AND r.line_id = k.line_id
    JOIN settlements_settlementimport i ON i.id = c.imported_id
    WHERE k.told_by = 'file' AND c.gateway = k.gateway AND c.gateway_settlement_id = s.gateway_settlement_id
    ORDER BY c.imported_id, r.file_line LIMIT 1
) said ON true
"""
"""Joins to a kept line `k` of a settlement `s` the payment behind it, and the file that has told of it."""

KEPT = """jsonb_strip_nulls(jsonb_build_object('settlement', s.gateway_settlement_id, 'line', k.line_id, 'kind', k.kind,
    'called', k.wire_kind, 'entity', nullif(k.entity_id, ''), 'payment', nullif(k.payment_id, ''),
    'reference', asked.gateway_reference, 'subject', asked.subject_id, 'currency', k.currency,
    'gross_minor', k.gross_minor, 'fee_minor', k.fee_minor, 'tax_minor', k.tax_minor, 'net_minor', k.net_minor,
    'settled_at', k.settled_at, 'bank_reference', nullif(s.bank_reference, ''),
    'told_by', CASE k.told_by WHEN 'api' THEN 'gateway' ELSE 'file' END, 'sha256', said.sha256,
    'file', said.file_name, 'file_line', said.file_line))"""
"""A kept line `k`, joined by SAID."""

CLAIMED = """jsonb_strip_nulls(jsonb_build_object('settlement', l.settlement_id, 'line', l.line_id, 'kind', l.kind,
    'called', l.wire_kind, 'entity', nullif(l.entity_id, ''), 'payment', nullif(l.payment_id, ''),
    'reference', nullif(l.request_reference, ''), 'currency', l.currency, 'gross_minor', l.gross_minor,
    'fee_minor', l.fee_minor, 'tax_minor', l.tax_minor, 'net_minor', l.net_minor, 'settled_at', l.settled_at,
    'bank_reference', nullif(l.bank_reference, ''), 'told_by', CASE l.source WHEN 'api' THEN 'gateway' ELSE 'file' END,
    'sha256', l.sha256, 'file', l.file_name, 'file_line', nullif(l.file_line, 0),
    'problem', nullif(l.problem, '')))"""
"""A line `l` as it was told: by a row of a file, or by the gateway."""
