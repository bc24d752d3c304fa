"""What files claim against what is kept, the oldest file first: the last one speaks for a settlement.

A claim is compared when it is imported, and once more when the gateway's own lines have come since. In transactions of
so many rows each, under the settlement's lock; harmless to repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import batched, groupby
from typing import Any

from django.db import connection, transaction

from kit import clock
from payments.reconciliation import discrepancies
from payments.settlements import contradictions, filing, lacking
from payments.settlements.models import Settlement, SettlementClaim, SettlementImport

_ROWS = 2000
_BATCH = 500

# Of this file, every claim; of others, those that have waited for the gateway's own lines, which are there by now.
_DUE = """
SELECT c.id FROM settlements_settlementclaim c
JOIN settlements_settlement s ON (s.gateway, s.gateway_settlement_id) = (c.gateway, c.gateway_settlement_id)
WHERE c.gateway = %(gateway)s AND (c.imported_id = %(imported)s OR c.judged_at IS NULL AND s.read_at IS NOT NULL)
ORDER BY c.imported_id, c.id
"""
_PAGE = """
SELECT line_id, file_line FROM (
    SELECT line_id, file_line FROM settlements_claimedrow
    WHERE claim_id = %s AND (line_id, file_line) > (%s, %s) ORDER BY line_id, file_line LIMIT %s
) page ORDER BY line_id DESC, file_line DESC LIMIT 1
"""


def judge(gateway: str, imported: SettlementImport | None = None) -> None:
    """Compare what is due: the claims of a file, and those that have waited; put what they say otherwise before a
    person. A file that has a settlement whole takes back what was said of it before and is not said now."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"gateway": gateway, "imported": imported.pk if imported else None})
        due = [key for (key,) in cursor.fetchall()]
        if due:
            # What has just been written has no statistics, and files may be large.
            cursor.execute("ANALYZE settlements_settlementline, settlements_settlementclaim, settlements_claimedrow")
    for keys in batched(due, _BATCH):
        claims = SettlementClaim.objects.filter(pk__in=keys).select_related("imported")
        for _, of_file in groupby(claims.order_by("imported_id", "pk"), key=lambda claim: claim.imported_id):
            began = discrepancies.database_now()
            whole = [claim.gateway_settlement_id for claim in of_file if _judge_claim(claim)]
            discrepancies.clear_unsaid(
                kinds=filing.OF_FILE_KINDS, gateway=gateway, by="file", fact="settlement", among=whole, before=began
            )


def _judge_claim(claim: SettlementClaim) -> bool:
    """Whether the file has the settlement whole by itself."""
    name = {"gateway": claim.gateway, "gateway_settlement_id": claim.gateway_settlement_id}
    for page in _pages(claim):
        with transaction.atomic():
            settlement = Settlement.objects.select_for_update().get(**name)
            contradictions.file_claimed(page | {"settlement": settlement.pk, "gateway": claim.gateway})
    with transaction.atomic():
        settlement = Settlement.objects.select_for_update().get(**name)
        lacking.file_lacked(settlement)
        if settlement.read_at is not None and claim.judged_at is None:
            claim.judged_at = clock.now()
            claim.save(update_fields=["judged_at"])
        return lacking.is_whole(claim, settlement)


def _pages(claim: SettlementClaim) -> Iterator[dict[str, Any]]:
    """What names each page of a claim's rows to the statements over them."""
    after = ("", 0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [claim.pk, *after, _ROWS])
            last = cursor.fetchone()
        if last is None:
            return
        yield {"claim": claim.pk, "after_line": after[0], "after": after[1], "last_line": last[0], "last": last[1]}
        after = last
