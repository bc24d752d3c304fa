"""What of the settlements a person has to look at: lines of nothing of ours, sums that differ, money not paid out.

The amount of a discrepancy about a kept line or a sum is what of it lies in suspense.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import connection
from django.db.models import Min

from payments.reconciliation import discrepancies
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct
from payments.settlements import facts
from payments.settlements.matching import OURS
from payments.settlements.models import Settlement, SettlementClaim, SettlementState
from payments.settlements.staging import Header
from payments.settlements.writing_on import write_on_again

LINE_KINDS = (DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN, DiscrepancyKind.SETTLEMENT_LINE_DIFFERS)
"""Those about a line that we cannot explain, or of which the gateway says otherwise than before."""

FILE_LINE_KINDS = (DiscrepancyKind.FILE_LINE_UNKNOWN, DiscrepancyKind.FILE_LINE_DIFFERS)
"""Those about a row of a file that says otherwise than is kept."""

SUM_KINDS = (DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,)

OF_FILE_KINDS = (*FILE_LINE_KINDS, DiscrepancyKind.SETTLED_TWICE)
"""Those that a later file of the same settlement takes back by not saying so."""

KINDS = (
    *LINE_KINDS,
    DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
    DiscrepancyKind.SETTLED_TWICE,
    DiscrepancyKind.UNSETTLED,
    DiscrepancyKind.LINE_NO_LONGER_LISTED,
    DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN,
    *FILE_LINE_KINDS,
    DiscrepancyKind.FILE_LACKS_LINES,
)
"""What these reconciliations file."""

MOST_UNSETTLED = 1000
"""So many are filed at once, the oldest first: a gateway that pays nothing out is one fact, not a million."""

_BATCH = 500

_UNMATCHED = f"""
SELECT l.gateway, l.line_id, l.currency, l.finding, l.gross_minor - l.explained_minor,
    jsonb_strip_nulls(jsonb_build_object('payment', a.gateway_payment_id, 'refund', r.gateway_refund_id,
        'dispute', d.gateway_dispute_id, 'gross_minor', ours.minor, 'currency', ours.currency,
        'subject', asked.subject_id)),
    {facts.KEPT}
FROM settlements_settlementline l JOIN settlements_settlement s ON s.id = l.settlement_id {OURS}
JOIN settlements_settlementline k ON k.id = l.id {facts.SAID}
WHERE l.settlement_id = %s AND l.id BETWEEN %s AND %s AND l.finding <> 'matched' AND l.superseded_at IS NULL
ORDER BY l.id
"""  # noqa: S608 - put together of constants of ours
_UNSETTLED = """
SELECT a.gateway_payment_id, a.currency, a.captured_minor, a.created_at, asked.subject_id
FROM payments_paymentattempt a JOIN payments_paymentrequest asked ON asked.id = a.request_id
WHERE a.gateway = %s AND a.state = 'captured' AND a.created_at < %s
  AND a.created_at >= coalesce(%s::timestamptz, '-infinity')
  AND NOT EXISTS (SELECT FROM settlements_settlementline l
    WHERE l.attempt_id = a.id AND l.kind = 'payment' AND l.superseded_at IS NULL)
ORDER BY a.created_at LIMIT %s
"""
_SETTLED_AFTER_ALL = """
SELECT open.gateway_id FROM reconciliation_discrepancy open
JOIN settlements_settlementline l
    ON l.gateway = open.gateway AND l.kind = 'payment' AND l.entity_id = open.gateway_id AND l.superseded_at IS NULL
WHERE open.state = 'open' AND open.kind = 'unsettled' AND open.gateway = %s
"""


def file_unmatched(settlement_pk: int, *, first: int, last: int) -> None:
    """Put the lines of a settlement, from one to another, that we cannot explain before a person."""
    for rows in batched(_fetch(_UNMATCHED, settlement_pk, first, last), _BATCH):
        discrepancies.file_all(
            [
                Finding(
                    kind=DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN
                    if finding == "unknown"
                    else DiscrepancyKind.SETTLEMENT_LINE_DIFFERS,
                    gateway=gateway,
                    gateway_id=line_id,
                    currency=currency,
                    amount_minor=amount,
                    ours=json.loads(ours),
                    theirs=json.loads(theirs),
                    proposed=ProposedAct.CHECK_GATEWAY,
                )
                for gateway, line_id, currency, finding, amount, ours, theirs in rows
            ]
        )


def clear_lines(gateway: str, line_ids: list[str]) -> None:
    """These lines are explained after all, or count no more."""
    for kind in LINE_KINDS:
        discrepancies.clear(kind=kind, gateway=gateway, gateway_ids=line_ids)


def file_sum(settlement: Settlement, header: Header | None = None) -> None:
    """Put a settlement whose lines do not add up to it before a person; so one that the gateway has not confirmed.

    What was written off of it before, and is another amount by now, has not to be given up after all.
    """
    name = settlement.gateway_settlement_id
    in_suspense = (settlement.amount_minor or 0) - settlement.net_minor
    write_on_again(settlement.gateway, SUM_KINDS, [name], but=in_suspense)
    ours: dict[str, Any] = {
        "settlement": name,
        "lines": settlement.lines_count,
        "currency": settlement.currency,
        "net_minor": settlement.net_minor,
    }
    theirs: dict[str, Any] = {"settlement": name, "currency": settlement.currency}
    paid_out = (settlement.amount_minor, settlement.currency)
    told_otherwise = False
    if header is not None and header.amount_minor is not None and (header.amount_minor, header.currency) != paid_out:
        told_otherwise = True
        theirs |= {"net_minor": header.amount_minor, "currency": header.currency, "told_by": "gateway"}
        ours |= {"paid_out_minor": settlement.amount_minor}
    elif settlement.amount_minor is not None:
        theirs |= {"net_minor": settlement.amount_minor, "told_by": "gateway"}
    else:
        theirs |= {"told_by": "file", **_last_file(settlement)}
    if in_suspense or told_otherwise or settlement.state == SettlementState.UNCONFIRMED:
        discrepancies.file(
            kind=DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
            gateway=settlement.gateway,
            gateway_id=name,
            currency=settlement.currency,
            amount_minor=in_suspense,
            ours=ours,
            theirs=theirs,
            proposed=ProposedAct.LOOK_AGAIN if settlement.amount_minor is None else ProposedAct.CHECK_GATEWAY,
        )
    else:
        discrepancies.clear(kind=DiscrepancyKind.SETTLEMENT_SUM_DIFFERS, gateway=settlement.gateway, gateway_ids=[name])


def _last_file(settlement: Settlement) -> dict[str, Any]:
    """The file that speaks for a settlement, and where in it; nothing if none does."""
    claims = SettlementClaim.objects.filter(
        gateway=settlement.gateway, gateway_settlement_id=settlement.gateway_settlement_id, rows_count__gt=0
    )
    last = claims.order_by("-imported").select_related("imported").first()
    if last is None:
        return {}
    first_row = last.rows.aggregate(first=Min("file_line"))["first"]
    return {"sha256": last.imported.sha256, "file": last.imported.file_name, "file_line": first_row}


def file_unsettled(gateway: str, *, before: datetime, since: datetime | None) -> int:
    """Put payments of so long ago that no settlement contains before a person, and take back those that one does by
    now; how many there are, up to MOST_UNSETTLED."""
    settled = [payment_id for (payment_id,) in _fetch(_SETTLED_AFTER_ALL, gateway)]
    discrepancies.clear(kind=DiscrepancyKind.UNSETTLED, gateway=gateway, gateway_ids=settled)
    rows = list(_fetch(_UNSETTLED, gateway, before, since, MOST_UNSETTLED))
    for batch in batched(rows, _BATCH):
        discrepancies.file_all(
            [
                Finding(
                    kind=DiscrepancyKind.UNSETTLED,
                    gateway=gateway,
                    gateway_id=payment_id,
                    currency=currency,
                    amount_minor=0,
                    ours={
                        "payment": payment_id,
                        "subject": str(subject_id),
                        "currency": currency,
                        "captured_minor": captured,
                        "created_at": created.isoformat(),
                    },
                    theirs={},
                    proposed=ProposedAct.ASK_SUPPORT,
                )
                for payment_id, currency, captured, created, subject_id in batch
            ]
        )
    return len(rows)


def _fetch(statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        yield from cursor.fetchall()
