"""What is said of settlements against what is kept: by the gateway, which may say of a line something else than before,
and by files. A file is believed to repeat what the gateway told; where it does not, a person has to look.

None of it is in the ledger: the amount of such a discrepancy is by how much the two sides differ.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from payments.reconciliation import discrepancies
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct
from payments.settlements import facts, filing
from payments.settlements.matching import IS_TAX
from payments.settlements.models import SETTLED_ONCE
from payments.settlements.staging import CHUNK

_ONCE = ", ".join(f"'{kind}'" for kind in SETTLED_ONCE)

# Lines `l` that were told, each with the line `k` of settlement `s` that is kept of it, if there is one, and the
# payment request `q` behind that. A line is known by its id, or by what is settled once. `t` is the settlement at hand.
_FROM_GATEWAY = f"""
SELECT l.*, l.number AS place, NULL AS sha256, NULL AS file_name, false AS is_repeated
FROM told_line l WHERE {CHUNK}
"""  # noqa: S608 - put together of constants of ours
_FROM_FILE = """
SELECT r.*, r.file_line AS place, 'file' AS source, c.gateway, c.gateway_settlement_id AS settlement_id,
    i.sha256, i.file_name
FROM settlements_claimedrow r JOIN settlements_settlementclaim c ON c.id = r.claim_id
JOIN settlements_settlementimport i ON i.id = c.imported_id
WHERE r.claim_id = %(claim)s AND (r.line_id, r.file_line) > (%(after_line)s, %(after)s)
    AND (r.line_id, r.file_line) <= (%(last_line)s, %(last)s)
"""
_KEPT = f"""
JOIN settlements_settlement t ON t.id = %(settlement)s
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
LEFT JOIN payments_paymentattempt p ON p.id = k.attempt_id
LEFT JOIN payments_paymentrequest q ON q.id = p.request_id
"""  # noqa: S608 - put together of constants of ours
# The same line, told again. A file may have the day alone, leave out what it does not know, and have tax in the fee.
_IS_SAME = f"""coalesce(
    k.line_id = l.line_id AND k.settlement_id = t.id AND k.kind = l.kind AND k.entity_id = l.entity_id
    AND (k.kind <> 'fee' OR ({IS_TAX.replace("l.", "k.")}) = ({IS_TAX}))
    AND (l.payment_id = '' OR k.payment_id IN ('', l.payment_id)) AND k.currency = l.currency
    AND k.gross_minor = l.gross_minor AND k.net_minor = l.net_minor
    AND (k.tax_minor = l.tax_minor OR NOT l.tax_is_known)
    AND k.settled_at >= l.settled_since AND k.settled_at < l.settled_until
    AND (l.bank_reference = '' OR s.bank_reference IN ('', l.bank_reference))
    AND (l.request_reference = '' OR coalesce(q.gateway_reference, '') IN ('', l.request_reference))
    AND l.problem = '', false)"""
# The row of the payout itself says what was paid out. As long as the gateway has not said it, nobody knows better.
_IS_PAID_OUT = """(l.problem = '' AND (t.amount_minor IS NULL
    OR (t.currency, t.amount_minor) = (l.currency, -l.net_minor)
    AND (l.bank_reference = '' OR t.bank_reference IN ('', l.bank_reference))))"""
_VERDICT = f"""CASE
    WHEN l.is_repeated THEN 'twice'
    WHEN l.is_payout THEN CASE WHEN {_IS_PAID_OUT} THEN '' ELSE 'differs' END
    WHEN {_IS_SAME} THEN ''
    WHEN l.problem <> '' OR k.id IS NULL AND l.currency <> t.currency THEN 'differs'
    WHEN k.id IS NULL THEN 'unknown'
    WHEN k.line_id <> l.line_id OR k.settlement_id <> t.id THEN 'twice'
    ELSE 'differs' END"""
_OURS = f"""CASE WHEN l.is_payout THEN jsonb_build_object('settlement', l.settlement_id, 'currency', l.this_currency,
        'net_minor', -l.paid_out_minor)
    WHEN k.id IS NULL THEN jsonb_build_object() ELSE {facts.KEPT} END"""
_DIFFERENCE = """CASE WHEN l.is_payout THEN l.net_minor + coalesce(l.paid_out_minor, 0)
    WHEN k.id IS NULL OR l.verdict = 'twice' THEN l.net_minor
    WHEN k.currency = l.currency THEN l.net_minor - k.net_minor ELSE 0 END"""
_CONTRADICTIONS = f"""
SELECT l.verdict, l.line_id, CASE WHEN k.currency <> l.currency THEN k.currency ELSE l.currency END,
    {_DIFFERENCE}, {_OURS}, {facts.CLAIMED}
FROM (
    SELECT l.*, {_VERDICT} AS verdict, k.id AS kept_id, t.currency AS this_currency, t.amount_minor AS paid_out_minor
    FROM ({{told}}) l {_KEPT}
) l
LEFT JOIN settlements_settlementline k ON k.id = l.kept_id
LEFT JOIN settlements_settlement s ON s.id = k.settlement_id
{facts.SAID}
WHERE l.verdict <> '' ORDER BY l.place
"""  # noqa: S608 - put together of constants of ours
_NO_LONGER = f"""
SELECT DISTINCT l.line_id FROM ({{told}}) l {_KEPT}
JOIN reconciliation_discrepancy filed ON filed.gateway = l.gateway AND filed.gateway_id = l.line_id
    AND filed.state = 'open' AND filed.kind = ANY(%(kinds)s)
WHERE NOT l.is_payout AND NOT l.is_repeated AND {_IS_SAME} AND (l.source = 'file' OR k.finding = 'matched')
"""  # noqa: S608 - put together of constants of ours

_GATEWAYS_KINDS = {
    "differs": DiscrepancyKind.SETTLEMENT_LINE_DIFFERS,
    "unknown": DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN,
    "twice": DiscrepancyKind.SETTLED_TWICE,
}
_FILES_KINDS = {
    "differs": DiscrepancyKind.FILE_LINE_DIFFERS,
    "unknown": DiscrepancyKind.FILE_LINE_UNKNOWN,
    "twice": DiscrepancyKind.SETTLED_TWICE,
}


def file_told(chunk: dict[str, Any]) -> None:
    """Put before a person what the gateway says of the lines of a chunk otherwise than is kept, after those that are
    new were kept and in the same transaction; take back what it says no longer."""
    _file(_FROM_GATEWAY, chunk, _GATEWAYS_KINDS, filing.LINE_KINDS)


def file_claimed(page: dict[str, Any]) -> None:
    """The same for a page of the rows that a file has of a settlement.

    A row that says the same as is kept takes back what was said otherwise before.
    """
    _file(_FROM_FILE, page, _FILES_KINDS, filing.FILE_LINE_KINDS)


def _file(
    told: str,
    values: dict[str, Any],
    kinds: dict[str, DiscrepancyKind],
    taken_back: tuple[DiscrepancyKind, ...],
) -> None:
    same = _fetch(_NO_LONGER.format(told=told), values | {"kinds": [kind.value for kind in taken_back]})
    for kind in taken_back:
        discrepancies.clear(kind=kind, gateway=values["gateway"], gateway_ids=[line_id for (line_id,) in same])
    findings = [
        Finding(
            kind=kinds[verdict],
            gateway=values["gateway"],
            gateway_id=line_id,
            currency=currency,
            amount_minor=difference,
            ours=json.loads(ours),
            theirs=json.loads(theirs),
            proposed=ProposedAct.CHECK_GATEWAY,
        )
        for verdict, line_id, currency, difference, ours, theirs in _fetch(_CONTRADICTIONS.format(told=told), values)
    ]
    discrepancies.file_all(findings)


def _fetch(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
