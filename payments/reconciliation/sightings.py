"""What a gateway has listed: in this run, to tell repetitions and what is missing; and ever, to know what a list of the
same time has to show again.

This run's are in a temporary table of the database session, so that a million of them take no memory here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from payments.reconciliation.models import Seen

_CHUNK = 200

_NOTE = """
INSERT INTO reconciliation_sighting (gateway, what, gateway_id, created_at)
SELECT %(gateway)s::varchar, %(what)s::varchar, seen.id, seen.at
FROM unnest(%(ids)s::text[], %(times)s::timestamptz[]) AS seen (id, at)
WHERE EXISTS (SELECT FROM {ours})
ON CONFLICT DO NOTHING
"""
_OURS = {
    Seen.PAYMENT: "payments_paymentattempt a WHERE a.gateway = %(gateway)s::varchar AND a.gateway_payment_id = seen.id",
    Seen.REFUND: "payments_refund f WHERE f.gateway_refund_id = seen.id",
    Seen.DISPUTE: "payments_dispute d WHERE d.gateway_dispute_id = seen.id",
}
_GONE = """
SELECT gateway_id FROM reconciliation_sighting s
WHERE gateway = %s AND what = %s AND created_at >= %s AND created_at < %s
  AND NOT EXISTS (SELECT FROM reconciling r WHERE r.what = s.what AND r.id = s.gateway_id)
"""
# What has money in it: a try that came to nothing is not worth a question.
_NEVER_LISTED = {
    Seen.PAYMENT: """
        SELECT a.gateway_payment_id AS id FROM payments_paymentattempt a
        WHERE a.gateway = %(gateway)s::varchar AND a.created_at >= %(since)s AND a.created_at < %(until)s
          AND a.state IN ('captured', 'authorized')
    """,
    Seen.REFUND: """
        SELECT f.gateway_refund_id AS id FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
        WHERE a.gateway = %(gateway)s::varchar AND f.created_at >= %(since)s AND f.created_at < %(until)s
          AND f.gateway_refund_id IS NOT NULL AND f.state <> 'failed'
    """,
}
_UNSEEN = """
CREATE TEMP TABLE reconciling_unseen AS SELECT ours.id FROM ({ours}) ours
WHERE NOT EXISTS (SELECT FROM reconciling r WHERE r.what = %(what)s::varchar AND r.id = ours.id)
  AND NOT EXISTS (
    SELECT FROM reconciliation_sighting s
    WHERE s.gateway = %(gateway)s::varchar AND s.what = %(what)s::varchar AND s.gateway_id = ours.id
  )
"""


def start() -> datetime:
    """Forget what an earlier run of this session has seen; the database's time of now."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciling, reconciling_unseen")
        cursor.execute("CREATE TEMP TABLE reconciling (what text, id text, PRIMARY KEY (what, id))")
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def add(what: str, ids: Iterable[str]) -> set[str]:
    """Take note of these; returns those that are new in this run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reconciling SELECT DISTINCT %s::text, id FROM unnest(%s::text[]) AS seen (id) "
            "ON CONFLICT DO NOTHING RETURNING id",
            [what, list(ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def among(what: str, ids: Collection[str]) -> set[str]:
    """Which of these were noted in this run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM reconciling WHERE what = %s AND id = ANY(%s)", [what, list(ids)])
        return {row[0] for row in cursor.fetchall()}


def keep(gateway: str, what: Seen, seen: Sequence[tuple[str, datetime]]) -> None:
    """Remember for later runs what of this is in our books, with its creation by the gateway's time."""
    values: dict[str, Any] = {
        "gateway": gateway,
        "what": what.value,
        "ids": [gateway_id for gateway_id, _ in seen],
        "times": [at for _, at in seen],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE.format(ours=_OURS[what]), values)


def gone(gateway: str, what: Seen, since: datetime, until: datetime) -> list[str]:
    """What was listed for this stretch of time before and is not in this run's list of it."""
    with connection.cursor() as cursor:
        cursor.execute(_GONE, [gateway, what.value, since, until])
        return [row[0] for row in cursor.fetchall()]


def never_listed(gateway: str, what: Seen, since: datetime, until: datetime) -> Iterator[list[str]]:
    """What we wrote down in this stretch of time and no list has ever shown, a chunk at a time."""
    values: dict[str, Any] = {"gateway": gateway, "what": what.value, "since": since, "until": until}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # As long as it takes: one pass over the table, without a lock on anybody's rows.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("DROP TABLE IF EXISTS reconciling_unseen")
        cursor.execute("ANALYZE reconciling")
        cursor.execute(_UNSEEN.format(ours=_NEVER_LISTED[what]), values)
    last = ""
    while chunk := _chunk(last):
        yield chunk
        last = chunk[-1]


def _chunk(after: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM reconciling_unseen WHERE id > %s ORDER BY id LIMIT %s", [after, _CHUNK])
        return [row[0] for row in cursor.fetchall()]
