"""What was told against what is kept: rows that say of a line something else than is known, or say it twice, or say
what nobody else does. A file is believed to repeat what the gateway told; where it does not, a person has to look."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from payments.reconciliation import discrepancies
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct
from payments.settlements import filing
from payments.settlements.models import SETTLED_ONCE
from payments.settlements.staging import CHUNK

_ONCE = ", ".join(f"'{kind}'" for kind in SETTLED_ONCE)
_FACTS = """jsonb_build_object('settlement', {settlement}, 'kind', {row}.kind, 'entity', {row}.entity_id,
    'payment', {row}.payment_id, 'currency', {row}.currency, 'gross_minor', {row}.gross_minor,
    'fee_minor', {row}.fee_minor, 'tax_minor', {row}.tax_minor, 'net_minor', {row}.net_minor,
    'settled_at', {row}.settled_at, 'bank_reference', {reference})"""
_OURS = _FACTS.format(row="k", settlement="s.gateway_settlement_id", reference="s.bank_reference")
_THEIRS = _FACTS.format(row="l", settlement="l.settlement_id", reference="l.bank_reference")

# The same line, told again. A file may have the day alone, leave out what it does not know, and have tax in the fee.
_IS_SAME = """coalesce(
    k.line_id = l.line_id AND k.settlement_id = %(settlement)s AND k.kind = l.kind AND k.entity_id = l.entity_id
    AND (l.payment_id = '' OR k.payment_id IN ('', l.payment_id)) AND k.currency = l.currency
    AND k.gross_minor = l.gross_minor AND k.net_minor = l.net_minor
    AND (k.tax_minor = l.tax_minor OR NOT l.tax_is_known)
    AND k.settled_at BETWEEN l.settled_at - interval '1 day' AND l.settled_at + interval '1 day'
    AND (l.bank_reference = '' OR s.bank_reference IN ('', l.bank_reference)) AND l.problem = '', false)"""
_KEPT = f"""
LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT 0 AS rank, x.* FROM settlements_settlementline x
        WHERE x.gateway = l.gateway AND x.line_id = l.line_id AND x.superseded_at IS NULL
        UNION ALL
        SELECT 1, x.* FROM settlements_settlementline x
        WHERE x.gateway = l.gateway AND x.kind = l.kind AND x.kind IN ({_ONCE}) AND x.entity_id = l.entity_id
            AND x.superseded_at IS NULL
    ) known ORDER BY rank LIMIT 1
) k ON true
LEFT JOIN settlements_settlement s ON s.id = k.settlement_id
"""  # noqa: S608 - put together of constants of ours
_CONTRADICTIONS = f"""
SELECT * FROM (
    SELECT CASE
        WHEN l.source = 'file' AND EXISTS (
            SELECT FROM told_line earlier
            WHERE earlier.line_id = l.line_id AND earlier.source = 'file' AND earlier.number < l.number
        ) THEN 'settled_twice'
        WHEN {_IS_SAME} THEN ''
        WHEN l.problem <> '' OR k.id IS NULL AND l.currency <> %(currency)s THEN 'settlement_line_differs'
        WHEN k.id IS NULL THEN 'settlement_line_unknown'
        WHEN k.line_id <> l.line_id OR k.settlement_id <> %(settlement)s THEN 'settled_twice'
        ELSE 'settlement_line_differs' END AS kind,
        l.line_id, l.currency, CASE WHEN k.id IS NULL THEN '{{}}' ELSE {_OURS} END AS ours,
        {_THEIRS} || jsonb_strip_nulls(jsonb_build_object('problem', nullif(l.problem, ''))) AS theirs, l.number
    FROM told_line l {_KEPT} WHERE {CHUNK}
) told WHERE kind <> '' ORDER BY number
"""  # noqa: S608 - put together of constants of ours
_SEEN = f"""
UPDATE settlements_settlementline kept SET seen_in_id = %(imported)s
FROM told_line l {_KEPT} WHERE {CHUNK} AND kept.id = k.id AND kept.seen_in_id IS NULL AND {_IS_SAME}
"""  # noqa: S608 - put together of constants of ours
_NO_LONGER = f"""
SELECT DISTINCT l.line_id FROM told_line l {_KEPT}
JOIN reconciliation_discrepancy open ON open.gateway = l.gateway AND open.gateway_id = l.line_id AND open.state = 'open'
    AND open.kind IN ('settlement_line_differs', 'settlement_line_unknown')
WHERE {CHUNK} AND {_IS_SAME} AND k.finding = 'matched'
"""  # noqa: S608 - put together of constants of ours


def file(chunk: dict[str, Any], *, is_file: bool) -> None:
    """Put the contradictions of a chunk before a person, after its lines were kept and in the same transaction.

    A file that says the same as we have takes back what an earlier one had said otherwise. The amounts are zero: none
    of it is in the ledger.
    """
    if is_file:
        _execute(_SEEN, chunk)
        filing.clear_lines(chunk["gateway"], [line_id for (line_id,) in _fetch(_NO_LONGER, chunk)])
    findings = [
        Finding(
            kind=DiscrepancyKind(kind),
            gateway=chunk["gateway"],
            gateway_id=line_id,
            currency=currency,
            amount_minor=0,
            ours=json.loads(ours),
            theirs=json.loads(theirs),
            proposed=ProposedAct.CHECK_GATEWAY,
        )
        for kind, line_id, currency, ours, theirs, _ in _fetch(_CONTRADICTIONS, chunk)
    ]
    discrepancies.file_all(findings)


def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _fetch(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
