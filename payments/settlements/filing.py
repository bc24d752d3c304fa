"""What of the settlements a person has to look at: lines of nothing of ours, sums that differ, money not paid out.

The amount of a discrepancy about a line or a sum is what of it lies in suspense.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import connection
from django.db.models import Sum

from payments.reconciliation import discrepancies
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct
from payments.settlements.matching import OURS
from payments.settlements.models import Settlement, SettlementImport, SettlementLine
from payments.settlements.staging import Header

LINE_KINDS = (DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN, DiscrepancyKind.SETTLEMENT_LINE_DIFFERS)
"""Those about a line that we cannot explain, or that is told in two ways."""

KINDS = (
    *LINE_KINDS,
    DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
    DiscrepancyKind.SETTLED_TWICE,
    DiscrepancyKind.UNSETTLED,
)
"""What these reconciliations file."""

MOST_UNSETTLED = 1000
"""So many are filed at once, the oldest first: a gateway that pays nothing out is one fact, not a million."""

_SHOWN = 20
_BATCH = 500

_UNMATCHED = f"""
SELECT l.gateway, l.line_id, l.currency, l.finding, l.gross_minor - l.explained_minor,
    jsonb_strip_nulls(jsonb_build_object('payment', a.gateway_payment_id, 'refund', r.gateway_refund_id,
        'dispute', d.gateway_dispute_id, 'amount_minor', ours.minor, 'currency', ours.currency)),
    jsonb_build_object('settlement', s.gateway_settlement_id, 'kind', l.kind, 'called', l.wire_kind,
        'entity', l.entity_id, 'payment', l.payment_id, 'gross_minor', l.gross_minor, 'fee_minor', l.fee_minor,
        'tax_minor', l.tax_minor, 'net_minor', l.net_minor, 'currency', l.currency)
FROM settlements_settlementline l JOIN settlements_settlement s ON s.id = l.settlement_id {OURS}
WHERE l.settlement_id = %s AND l.id >= %s AND l.finding <> 'matched' AND l.superseded_at IS NULL ORDER BY l.id
"""  # noqa: S608 - put together of constants of ours
_UNSETTLED = """
SELECT a.gateway_payment_id, a.currency, a.captured_minor, a.created_at FROM payments_paymentattempt a
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


def file_unmatched(settlement_pk: int, *, since_line: int = 0) -> None:
    """Put the lines of a settlement, from one on, that we cannot explain before a person."""
    for rows in batched(_fetch(_UNMATCHED, settlement_pk, since_line), _BATCH):
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
    """These lines are explained after all."""
    for kind in LINE_KINDS:
        discrepancies.clear(kind=kind, gateway=gateway, gateway_ids=line_ids)


def file_sum(settlement: Settlement, header: Header, imported: SettlementImport | None) -> None:
    """Put a settlement whose lines do not add up to it before a person; so one that the gateway has not confirmed, and
    one of which the files so far have not every line."""
    ours: dict[str, Any] = {"lines": settlement.lines_count, "net_minor": settlement.net_minor}
    theirs: dict[str, Any] = {"amount_minor": settlement.amount_minor}
    in_suspense = (settlement.amount_minor or 0) - settlement.net_minor
    told_otherwise = header.amount_minor is not None and (header.amount_minor, header.currency) != (
        settlement.amount_minor,
        settlement.currency,
    )
    if told_otherwise:
        theirs |= {"amount_minor": header.amount_minor, "currency": header.currency}
        ours |= {"amount_minor": settlement.amount_minor, "currency": settlement.currency}
    if imported is not None and settlement.read_at is not None:
        theirs |= _missing_from_files(settlement)
    if in_suspense or told_otherwise or settlement.amount_minor is None or "missing" in theirs:
        discrepancies.file(
            kind=DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
            gateway=settlement.gateway,
            gateway_id=settlement.gateway_settlement_id,
            currency=settlement.currency,
            amount_minor=in_suspense,
            ours=ours,
            theirs=theirs,
            proposed=ProposedAct.LOOK_AGAIN if settlement.amount_minor is None else ProposedAct.CHECK_GATEWAY,
        )
    else:
        discrepancies.clear(
            kind=DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
            gateway=settlement.gateway,
            gateway_ids=[settlement.gateway_settlement_id],
        )


def _missing_from_files(settlement: Settlement) -> dict[str, Any]:
    """The lines that the gateway has and none of the files: how many, their sum, and the first of them."""
    missing = SettlementLine.objects.filter(
        settlement=settlement, seen_in__isnull=True, superseded_at__isnull=True
    ).order_by("pk")
    shown = list(missing.values_list("line_id", flat=True)[:_SHOWN])
    if not shown:
        return {}
    net = missing.aggregate(net=Sum("net_minor"))["net"]
    return {"missing": missing.count(), "missing_net_minor": net, "missing_lines": shown}


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
                    ours={"captured_minor": captured, "created_at": created.isoformat()},
                    theirs={},
                    proposed=ProposedAct.ASK_SUPPORT,
                )
                for payment_id, currency, captured, created in batch
            ]
        )
    return len(rows)


def _fetch(statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        yield from cursor.fetchall()
