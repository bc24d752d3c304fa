"""The gateway's own word takes the place of what only a file had said while the gateway was silent.

The lines of the file stay as they are and count no more: their settlement's totals are less by them, and what was
posted of them is posted back. What the file claims is compared afterwards (`judging`). In the caller's transaction;
locks the settlements that the lines were in.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from payments.settlements import filing
from payments.settlements.matching import IS_TAX, SUMS
from payments.settlements.models import SETTLED_ONCE, Settlement
from payments.settlements.posting import LineTotals, count_in, post_lines
from payments.settlements.staging import CHUNK
from payments.settlements.writing_on import write_on_again

_LINES = 2000
_ONCE = ", ".join(f"'{kind}'" for kind in SETTLED_ONCE)
# Once the gateway's lines of a settlement are there to their end, nothing of a file is left to doubt in it.
_OF_FILE = """k.gateway = %(gateway)s AND k.told_by = 'file' AND k.superseded_at IS NULL AND EXISTS (
    SELECT FROM settlements_settlement s WHERE s.id = k.settlement_id AND s.read_at IS NULL)"""
_WHOLE = ", ".join(
    f"{{0}}.{column}"
    for column in (
        "kind",
        "entity_id",
        "payment_id",
        "currency",
        "gross_minor",
        "fee_minor",
        "tax_minor",
        "net_minor",
        "settled_at",
    )
)
_SAME_TAX = f"(k.kind <> 'fee' OR ({IS_TAX.replace('l.', 'k.')}) = ({IS_TAX}))"

# A line is known by its id, or by what is settled once.
_TOLD = f"""
SELECT DISTINCT k.id
FROM told_line l JOIN LATERAL (
    SELECT * FROM settlements_settlementline k WHERE {_OF_FILE} AND k.line_id = l.line_id
    UNION ALL
    SELECT * FROM settlements_settlementline k
    WHERE {_OF_FILE} AND k.kind = l.kind AND k.kind IN ({_ONCE}) AND k.entity_id = l.entity_id
) k ON true
WHERE {CHUNK} AND NOT (k.line_id = l.line_id AND k.settlement_id = %(settlement)s
    AND ({_WHOLE.format("k")}) = ({_WHOLE.format("l")}) AND {_SAME_TAX})
"""  # noqa: S608 - put together of constants of ours
_UNTOLD = f"""
SELECT k.id FROM settlements_settlementline k
WHERE {_OF_FILE} AND k.settlement_id = %(settlement)s AND NOT EXISTS (
    SELECT FROM told_line l
    WHERE l.gateway = k.gateway AND l.settlement_id = %(name)s AND l.source = 'api' AND l.line_id = k.line_id
) ORDER BY k.id LIMIT %(limit)s
"""  # noqa: S608 - put together of constants of ours
_ALL = f"""
SELECT k.id FROM settlements_settlementline k
WHERE {_OF_FILE} AND k.settlement_id = %(settlement)s ORDER BY k.id LIMIT %(limit)s
"""  # noqa: S608 - put together of constants of ours
_SUPERSEDE = """
WITH old AS ({which}), gone AS (
    UPDATE settlements_settlementline k SET superseded_at = clock_timestamp() FROM old WHERE k.id = old.id
    RETURNING k.*
)
SELECT l.settlement_id, {sums}, array_agg(l.line_id ORDER BY l.id)
FROM gone l GROUP BY l.settlement_id ORDER BY l.settlement_id
"""
_WRITTEN = ("lines_count", "net_minor", "fee_minor", "tax_minor", "state", "transfers")


def supersede_told(settlement: Settlement, chunk: dict[str, Any]) -> None:
    """The lines of files that a chunk of the gateway's says otherwise, in whatever settlement a file has put them."""
    _supersede(settlement, _TOLD, chunk)


def supersede_untold(settlement: Settlement) -> None:
    """The lines of files that the gateway, whose lines are there to their end, does not have in this settlement."""
    while _supersede(settlement, _UNTOLD, _values(settlement)) == _LINES:
        pass


def supersede_all(settlement: Settlement) -> None:
    """Every line of files in this settlement: it is in another currency, or there is no such thing."""
    while _supersede(settlement, _ALL, _values(settlement)) == _LINES:
        pass


def _values(settlement: Settlement) -> dict[str, Any]:
    return {
        "settlement": settlement.pk,
        "gateway": settlement.gateway,
        "name": settlement.gateway_settlement_id,
        "limit": _LINES,
    }


def _supersede(settlement: Settlement, which: str, values: dict[str, Any]) -> int:
    """Take these lines out; how many they are."""
    with connection.cursor() as cursor:
        cursor.execute(_SUPERSEDE.format(which=which, sums=SUMS), values)
        rows = cursor.fetchall()
    superseded = 0
    for settlement_pk, *sums, line_ids in rows:
        lines = LineTotals(*sums)
        # The one at hand is locked and about to be saved by the caller: there is one of it.
        is_this = settlement_pk == settlement.pk
        was_in = settlement if is_this else Settlement.objects.select_for_update().get(pk=settlement_pk)
        count_in(was_in, -lines)
        post_lines(was_in, -lines, paid_out_minor=0)
        was_in.save(update_fields=_WRITTEN)
        write_on_again(was_in.gateway, filing.LINE_KINDS, line_ids)
        filing.clear_lines(was_in.gateway, line_ids)
        if not is_this:
            filing.file_sum(was_in)
        superseded += lines.count
    return superseded
