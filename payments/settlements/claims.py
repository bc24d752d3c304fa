"""What a file claims, kept as it stands there before anything is made of it: as a whole, or not at all.

Who is right is decided later and may be decided again, whenever the gateway speaks: `judging`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from payments.reconciliation.models import Discrepancy, DiscrepancyKind, DiscrepancyState, Resolution
from payments.settlements.models import Settlement, SettlementClaim, SettlementImport

_KEEP_CLAIMS = """
INSERT INTO settlements_settlementclaim (imported_id, gateway, gateway_settlement_id, rows_count)
SELECT %(imported)s, %(gateway)s, named.name, count(l.number)
FROM unnest(%(names)s::text[]) named (name)
LEFT JOIN told_line l ON l.settlement_id = named.name AND l.gateway = %(gateway)s AND l.source = 'file'
GROUP BY named.name ORDER BY min(l.number), named.name
"""
_KEEP_ROWS = """
INSERT INTO settlements_claimedrow (claim_id, file_line, line_id, kind, wire_kind, entity_id, payment_id,
    request_reference, currency, gross_minor, fee_minor, tax_minor, net_minor, settled_at, settled_since, settled_until,
    bank_reference, tax_is_known, is_payout, is_repeated, problem)
SELECT c.id, l.file_line, l.line_id, l.kind, l.wire_kind, l.entity_id, l.payment_id, l.request_reference, l.currency,
    l.gross_minor, l.fee_minor, l.tax_minor, l.net_minor, l.settled_at, l.settled_since, l.settled_until,
    l.bank_reference, l.tax_is_known, l.is_payout,
    row_number() OVER (PARTITION BY l.line_id ORDER BY l.number) > 1, l.problem
FROM told_line l JOIN settlements_settlementclaim c
    ON c.imported_id = %(imported)s AND c.gateway_settlement_id = l.settlement_id
WHERE l.gateway = %(gateway)s AND l.source = 'file'
"""


def keep(imported: SettlementImport, names: Iterable[str]) -> None:
    """Keep what the told file claims of each of these settlements. Harmless to repeat; one transaction."""
    if SettlementClaim.objects.filter(imported=imported).exists():
        return
    values: dict[str, Any] = {"imported": imported.pk, "gateway": imported.gateway, "names": list(names)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_KEEP_CLAIMS, values)
        cursor.execute(_KEEP_ROWS, values)


def waiting_for_gateway(gateway: str) -> list[str]:
    """The settlements that files name, and of which the gateway has not given its own lines so far; without those that
    a person has dealt with."""
    named = SettlementClaim.objects.filter(gateway=gateway, judged_at__isnull=True, rows_count__gt=0)
    dealt_with = Discrepancy.objects.filter(
        kind=DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN,
        gateway=gateway,
        state=DiscrepancyState.RESOLVED,
        resolution__in=(Resolution.ACCEPTED, Resolution.TAKEN_BACK),
    )
    settled = Settlement.objects.filter(gateway=gateway, read_at__isnull=False)
    waiting = named.exclude(gateway_settlement_id__in=dealt_with.values("gateway_id")).exclude(
        gateway_settlement_id__in=settled.values("gateway_settlement_id")
    )
    return list(waiting.order_by("gateway_settlement_id").values_list("gateway_settlement_id", flat=True).distinct())


def bookable(gateway: str, names: Iterable[str]) -> set[str]:
    """Of these settlements, those of which a file alone can be believed for now: the gateway has not given its own
    lines, nor said that it has no such thing."""
    known = set(
        Settlement.objects.filter(gateway=gateway, gateway_settlement_id__in=list(names), read_at__isnull=False)
        .order_by()
        .values_list("gateway_settlement_id", flat=True)
    )
    refused = set(
        Discrepancy.objects.filter(
            kind=DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN, gateway=gateway, gateway_id__in=list(names)
        )
        .exclude(state=DiscrepancyState.GONE)
        .order_by()
        .values_list("gateway_id", flat=True)
    )
    return set(names) - known - refused
