"""Lines that nobody could explain are looked at again: a payment or a refund may have become known since.

What a person has written off meanwhile has left suspense; that is undone for what is explained after all, or in part.
"""

from __future__ import annotations

from django.db import connection, transaction

from payments.settlements import filing
from payments.settlements.matching import OURS
from payments.settlements.models import Finding, Settlement, SettlementLine
from payments.settlements.posting import post_explained
from payments.settlements.writing_on import write_on_again

_LINES = 2000

_REMATCH = f"""
WITH page AS (
    SELECT l.id FROM settlements_settlementline l
    WHERE l.settlement_id = %(settlement)s AND l.finding <> 'matched' AND l.superseded_at IS NULL AND l.id > %(after)s
    ORDER BY l.id LIMIT %(limit)s
), found AS (
    SELECT l.id, l.explained_minor AS before, l.finding AS was, found.*, a.id AS attempt, r.id AS refund,
        d.id AS dispute
    FROM settlements_settlementline l JOIN page USING (id) {OURS}
), changed AS (
    UPDATE settlements_settlementline l SET finding = found.finding, explained_minor = found.explained_minor,
        attempt_id = found.attempt, refund_id = found.refund, dispute_id = found.dispute
    FROM found WHERE l.id = found.id AND (l.finding, l.explained_minor, l.attempt_id, l.refund_id, l.dispute_id)
        IS DISTINCT FROM (found.finding, found.explained_minor, found.attempt, found.refund, found.dispute)
    RETURNING l.line_id, l.finding, l.finding <> found.was AS is_another, l.explained_minor - found.before AS more
)
SELECT (SELECT max(id) FROM page), coalesce(sum(more), 0)::bigint, count(*) FILTER (WHERE finding = 'matched'),
    coalesce(array_agg(line_id) FILTER (WHERE is_another OR more <> 0), '{{}}')
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
                last, explained, matched_now, changed_ids = cursor.fetchone()
            if last is None:
                return matched
            post_explained(settlement, explained)
            settlement.save(update_fields=["transfers"])
            write_on_again(settlement.gateway, filing.LINE_KINDS, changed_ids)
            filing.clear_lines(settlement.gateway, changed_ids)
            filing.file_unmatched(settlement_pk, first=after + 1, last=last)
            matched, after = matched + matched_now, last
