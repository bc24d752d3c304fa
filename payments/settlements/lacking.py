"""What is missing: lines of a settlement that its last statement does not have although they are known, and settlements
in files that the gateway does not have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any

from django.db import connection, transaction

from payments.reconciliation import discrepancies
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct
from payments.settlements import facts
from payments.settlements.models import SETTLED_ONCE, Settlement, SettlementClaim

_SHOWN = 20
_BATCH = 500
_ONCE = ", ".join(f"'{kind}'" for kind in SETTLED_ONCE)

# The claim that counts, and those before it that are parts of the same statement: they share no row with it.
_PARTS = """
latest AS (
    SELECT id, imported_id, rows_count FROM settlements_settlementclaim
    WHERE gateway = %(gateway)s AND gateway_settlement_id = %(name)s ORDER BY imported_id DESC LIMIT 1
), part AS (
    SELECT id FROM latest
    UNION ALL
    SELECT c.id FROM settlements_settlementclaim c, latest
    WHERE c.gateway = %(gateway)s AND c.gateway_settlement_id = %(name)s AND c.id <> latest.id
        AND c.rows_count > 0 AND latest.rows_count > 0 AND NOT EXISTS (
            SELECT FROM settlements_claimedrow x JOIN settlements_claimedrow y ON y.line_id = x.line_id
            WHERE x.claim_id = latest.id AND y.claim_id = c.id AND NOT x.is_payout)
)"""
_LACKS = f"""
NOT EXISTS (
    SELECT FROM settlements_claimedrow r WHERE r.claim_id IN (SELECT id FROM {{claims}}) AND r.line_id = k.line_id
) AND NOT EXISTS (
    SELECT FROM settlements_claimedrow r WHERE r.claim_id IN (SELECT id FROM {{claims}}) AND k.kind IN ({_ONCE})
        AND r.kind = k.kind AND r.entity_id = k.entity_id
)"""  # noqa: S608 - put together of constants of ours
_LACKED = f"""
WITH {_PARTS}, lacked AS (
    SELECT k.* FROM settlements_settlementline k
    WHERE k.settlement_id = %(settlement)s AND k.superseded_at IS NULL AND {_LACKS.format(claims="part")}
), shown AS (SELECT * FROM lacked ORDER BY id LIMIT %(shown)s)
SELECT (SELECT count(*) FROM lacked), (SELECT coalesce(sum(net_minor), 0)::bigint FROM lacked),
    (SELECT count(*) FROM settlements_claimedrow WHERE claim_id IN (SELECT id FROM part) AND NOT is_payout),
    (SELECT i.sha256 FROM latest JOIN settlements_settlementimport i ON i.id = latest.imported_id),
    (SELECT i.file_name FROM latest JOIN settlements_settlementimport i ON i.id = latest.imported_id),
    (SELECT count(*) FROM part),
    (SELECT coalesce(jsonb_agg({facts.KEPT} ORDER BY k.id), '[]') FROM shown k
        JOIN settlements_settlement s ON s.id = k.settlement_id {facts.SAID})
"""  # noqa: S608 - put together of constants of ours
_IS_WHOLE = f"""
SELECT NOT EXISTS (
    SELECT FROM settlements_settlementline k
    WHERE k.settlement_id = %(settlement)s AND k.superseded_at IS NULL
        AND {_LACKS.format(claims="(VALUES (%(claim)s::bigint)) own (id)")}
)
"""  # noqa: S608 - put together of constants of ours
_NO_LONGER_LISTED = f"""
SELECT k.line_id, k.currency, k.net_minor, {facts.KEPT}
FROM settlements_settlementline k JOIN settlements_settlement s ON s.id = k.settlement_id {facts.SAID}
WHERE k.settlement_id = %(settlement)s AND k.superseded_at IS NULL AND k.told_by = 'api' AND NOT EXISTS (
    SELECT FROM told_line l
    WHERE l.gateway = %(gateway)s AND l.settlement_id = %(name)s AND l.source = 'api' AND l.line_id = k.line_id
) ORDER BY k.id
"""  # noqa: S608 - put together of constants of ours
# Over several currencies there is no sum.
_NOT_PAID_OUT = """
SELECT claimed.name, claimed.currency, coalesce(claimed.net, 0), coalesce(s.lines_count, 0) > 0,
    CASE WHEN s.lines_count > 0 THEN jsonb_build_object('settlement', claimed.name, 'lines', s.lines_count,
        'currency', s.currency, 'net_minor', s.net_minor, 'fee_minor', s.fee_minor, 'tax_minor', s.tax_minor)
    ELSE jsonb_build_object() END,
    jsonb_strip_nulls(jsonb_build_object('settlement', claimed.name, 'sha256', i.sha256,
        'file', i.file_name, 'file_line', claimed.file_line, 'lines', claimed.lines, 'currency', claimed.currency,
        'net_minor', claimed.net, 'settled_at', claimed.settled_at, 'told_by', 'file'))
FROM (
    SELECT latest.gateway_settlement_id AS name, latest.imported_id, min(r.file_line) AS file_line,
        count(*) FILTER (WHERE NOT r.is_payout) AS lines, min(r.currency) AS currency, min(r.settled_at) AS settled_at,
        CASE WHEN count(DISTINCT r.currency) = 1
            THEN coalesce(sum(r.net_minor) FILTER (WHERE NOT r.is_payout), 0)::bigint END AS net
    FROM (
        SELECT DISTINCT ON (gateway_settlement_id) * FROM settlements_settlementclaim
        WHERE gateway = %(gateway)s AND gateway_settlement_id = ANY(%(names)s) AND rows_count > 0
        ORDER BY gateway_settlement_id, imported_id DESC
    ) latest JOIN settlements_claimedrow r ON r.claim_id = latest.id GROUP BY 1, 2
) claimed
JOIN settlements_settlementimport i ON i.id = claimed.imported_id
LEFT JOIN settlements_settlement s ON s.gateway = %(gateway)s AND s.gateway_settlement_id = claimed.name ORDER BY 1
"""


def file_lacked(settlement: Settlement) -> None:
    """Put a settlement whose last statement lacks lines that are known before a person; take it back if it lacks none.

    In the caller's transaction, under the settlement's lock. What is known stays as it is.
    """
    name = settlement.gateway_settlement_id
    values = {"settlement": settlement.pk, "gateway": settlement.gateway, "name": name, "shown": _SHOWN}
    ((lacked, net, rows, sha256, file_name, parts, lines),) = _fetch(_LACKED, values)
    if not lacked:
        discrepancies.clear(kind=DiscrepancyKind.FILE_LACKS_LINES, gateway=settlement.gateway, gateway_ids=[name])
        return
    shown = json.loads(lines)
    discrepancies.file(
        kind=DiscrepancyKind.FILE_LACKS_LINES,
        gateway=settlement.gateway,
        gateway_id=name,
        currency=settlement.currency,
        amount_minor=-net,
        ours={
            "settlement": name,
            "lines": settlement.lines_count,
            "currency": settlement.currency,
            "net_minor": settlement.net_minor,
            **_of_one(shown),
            "lacking": shown,
        },
        theirs={
            "settlement": name,
            "told_by": "file",
            "sha256": sha256,
            "file": file_name,
            **({"parts": parts} if parts > 1 else {}),
            "lines": rows,
            "currency": settlement.currency,
            "net_minor": settlement.net_minor - net,
            "lacks": lacked,
        },
        proposed=ProposedAct.CHECK_GATEWAY,
    )


def is_whole(claim: SettlementClaim, settlement: Settlement) -> bool:
    """Whether a file has every line of a settlement by itself."""
    return bool(_fetch(_IS_WHOLE, {"claim": claim.pk, "settlement": settlement.pk})[0][0])


def file_no_longer_listed(settlement: Settlement) -> None:
    """Put lines that the gateway has listed before, and does not list now, before a person; they stay booked. Take back
    those that it lists again.

    While its lines are told to their end, in the caller's transaction and under the settlement's lock.
    """
    name = settlement.gateway_settlement_id
    values = {"settlement": settlement.pk, "gateway": settlement.gateway, "name": name}
    kinds, began = (DiscrepancyKind.LINE_NO_LONGER_LISTED,), discrepancies.database_now()
    for rows in batched(_fetch(_NO_LONGER_LISTED, values), _BATCH):
        discrepancies.file_all(
            [
                Finding(
                    kind=DiscrepancyKind.LINE_NO_LONGER_LISTED,
                    gateway=settlement.gateway,
                    gateway_id=line_id,
                    currency=currency,
                    amount_minor=-net,
                    ours=json.loads(ours),
                    theirs={"settlement": name, "told_by": "gateway"},
                    proposed=ProposedAct.ASK_SUPPORT,
                )
                for line_id, currency, net, ours in rows
            ]
        )
    discrepancies.clear_unsaid(
        kinds=kinds, gateway=settlement.gateway, by="gateway", fact="settlement", among=[name], before=began
    )


def file_not_paid_out(gateway: str, names: Sequence[str]) -> None:
    """Put settlements before a person that files name, and that the gateway, when asked, has not paid out.

    What was booked of them while it was silent stays, until somebody takes it back.
    """
    for some in batched(names, _BATCH):
        with transaction.atomic():
            discrepancies.file_all(
                [
                    Finding(
                        kind=DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN,
                        gateway=gateway,
                        gateway_id=name,
                        currency=currency,
                        amount_minor=net,
                        ours=json.loads(ours),
                        theirs=json.loads(theirs),
                        proposed=ProposedAct.TAKE_BACK if is_booked else ProposedAct.CHECK_GATEWAY,
                    )
                    for name, currency, net, is_booked, ours, theirs in _fetch(
                        _NOT_PAID_OUT, {"gateway": gateway, "names": list(some)}
                    )
                ]
            )
            # It is more than not confirmed.
            discrepancies.clear(kind=DiscrepancyKind.SETTLEMENT_SUM_DIFFERS, gateway=gateway, gateway_ids=some)


def clear_not_paid_out(gateway: str, names: Iterable[str]) -> None:
    """The gateway has paid these out."""
    discrepancies.clear(kind=DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN, gateway=gateway, gateway_ids=names)


def _of_one(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of the only line that is missing: what a page links to."""
    names = ("line", "entity", "payment", "reference", "subject")
    return {name: lines[0][name] for name in names if name in lines[0]} if len(lines) == 1 else {}


def _fetch(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
