"""Lines that nobody could explain are looked at again: a payment or a refund may have become known since.

What a person has written off meanwhile has left suspense; that is undone for what is explained after all.
"""

from __future__ import annotations

from django.db import connection, transaction

from payments import ledger
from payments.models import TransferKind
from payments.reconciliation.models import Discrepancy, Resolution
from payments.settlements import filing
from payments.settlements.matching import OURS
from payments.settlements.models import Finding, Settlement, SettlementLine
from payments.settlements.posting import post_explained

_LINES = 2000

_REMATCH = f"""
WITH page AS (
    SELECT l.id FROM settlements_settlementline l
    WHERE l.settlement_id = %(settlement)s AND l.finding <> 'matched' AND l.superseded_at IS NULL AND l.id > %(after)s
    ORDER BY l.id LIMIT %(limit)s
), found AS (
    SELECT l.id, l.explained_minor AS before, found.*, a.id AS attempt, r.id AS refund, d.id AS dispute
    FROM settlements_settlementline l JOIN page USING (id) {OURS}
), changed AS (
    UPDATE settlements_settlementline l SET finding = found.finding, explained_minor = found.explained_minor,
        attempt_id = found.attempt, refund_id = found.refund, dispute_id = found.dispute
    FROM found WHERE l.id = found.id AND (l.finding, l.explained_minor, l.attempt_id, l.refund_id, l.dispute_id)
        IS DISTINCT FROM (found.finding, found.explained_minor, found.attempt, found.refund, found.dispute)
    RETURNING l.line_id, l.finding, l.explained_minor - found.before AS more
)
SELECT (SELECT max(id) FROM page), coalesce(sum(more), 0)::bigint,
    coalesce(array_agg(line_id) FILTER (WHERE finding = 'matched'), '{{}}')
FROM changed
"""  # noqa: S608 - put together of constants of ours


def rematch(gateway: str) -> int:
    """Post what is explained by now, and put the rest before a person; how many lines are matched at last."""
    unmatched = SettlementLine.objects.filter(gateway=gateway, superseded_at__isnull=True).exclude(
        finding=Finding.MATCHED
    )
    matched = 0
    for settlement_pk in unmatched.order_by("settlement_id").values_list("settlement_id", flat=True).distinct():
        matched += _rematch_settlement(settlement_pk)
    return matched


def _rematch_settlement(settlement_pk: int) -> int:
    matched, after = 0, 0
    while True:
        with transaction.atomic():
            settlement = Settlement.objects.select_for_update().get(pk=settlement_pk)
            values = {"settlement": settlement_pk, "after": after, "limit": _LINES}
            with connection.cursor() as cursor:
                cursor.execute(_REMATCH, values)
                last, explained, line_ids = cursor.fetchone()
            if last is None:
                break
            post_explained(settlement, explained)
            settlement.save(update_fields=["transfers"])
            filing.clear_lines(settlement.gateway, line_ids)
            write_on_again(settlement.gateway, line_ids)
            matched, after = matched + len(line_ids), last
    filing.file_unmatched(settlement_pk)
    return matched


def write_on_again(gateway: str, line_ids: list[str]) -> None:
    """What was written off of these lines has not to be given up after all."""
    given_up = Discrepancy.objects.filter(
        gateway=gateway, gateway_id__in=line_ids, kind__in=filing.LINE_KINDS, resolution=Resolution.WRITTEN_OFF
    )
    for key in given_up.values_list("pk", flat=True):
        ledger.reverse(source=f"resolution-undone:{key}", of=[f"resolution:{key}"], kind=TransferKind.RESOLUTION)
