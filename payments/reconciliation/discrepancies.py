"""Filing what differs, and taking note that it no longer does: the only writer of discrepancies but for what people do
about them (`resolving`).

Each function is one or two statements in the caller's transaction, or in none; all are harmless to repeat and may run
at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from kit.ids import new_id
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, DiscrepancyState, ProposedAct, urgency_of

type Facts = Mapping[str, Any]

_PAGE = 200

_FILE = """
WITH filed AS (
    SELECT f.* FROM jsonb_to_recordset(%s::jsonb) AS f (
        id uuid, kind text, gateway text, gateway_id text, currency text, amount_minor bigint, ours jsonb, theirs jsonb,
        proposed text, urgency smallint
    )
)
INSERT INTO reconciliation_discrepancy AS d
    (id, kind, urgency, gateway, gateway_id, currency, amount_minor, ours, theirs, proposed, state)
SELECT f.id, f.kind, f.urgency, f.gateway, f.gateway_id, f.currency, f.amount_minor, f.ours, f.theirs, f.proposed,
    'open'
FROM filed f
WHERE NOT EXISTS (
    SELECT FROM reconciliation_discrepancy known
    WHERE known.gateway = f.gateway AND known.gateway_id = f.gateway_id AND known.kind = f.kind
      AND known.state = 'resolved' AND known.resolution IN ('accepted', 'written_off', 'taken_back')
      AND (known.currency, known.amount_minor, known.ours, known.theirs)
          = (f.currency, f.amount_minor, f.ours, f.theirs)
)
ON CONFLICT (kind, gateway, gateway_id) WHERE state = 'open' DO UPDATE SET
    currency = excluded.currency, amount_minor = excluded.amount_minor, ours = excluded.ours,
    theirs = excluded.theirs, proposed = excluded.proposed, last_seen_at = statement_timestamp()
RETURNING d.kind, d.gateway_id, d.id = ANY(%s::uuid[])
"""
_KNOWN = """
SELECT d.kind, d.gateway_id FROM jsonb_to_recordset(%s::jsonb) AS f (
    kind text, gateway text, gateway_id text, currency text, amount_minor bigint, ours jsonb, theirs jsonb
) JOIN reconciliation_discrepancy d
    ON d.kind = f.kind AND d.gateway = f.gateway AND d.gateway_id = f.gateway_id
   AND (d.state = 'open' OR d.state = 'resolved' AND d.resolution IN ('accepted', 'written_off', 'taken_back')
        AND (d.currency, d.amount_minor, d.ours, d.theirs) = (f.currency, f.amount_minor, f.ours, f.theirs))
"""
_CLEAR = """
WITH gone AS (
    UPDATE reconciliation_discrepancy SET state = 'gone', resolved_at = statement_timestamp()
    WHERE state = 'open' AND {which} RETURNING id
)
INSERT INTO reconciliation_discrepancyact (discrepancy_id, deed, reason, before, after)
SELECT id, 'gone', '', jsonb_build_object('state', 'open'), jsonb_build_object('state', 'gone') FROM gone RETURNING id
"""
_THESE = "kind = %s AND gateway = %s AND gateway_id = ANY(%s)"
_UNSAID = (
    "kind = ANY(%s) AND gateway = %s AND theirs ->> %s = ANY(%s) AND theirs ->> 'told_by' = %s AND last_seen_at < %s"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A discrepancy to be filed. `amount_minor` is what the gateway has beyond what we have."""

    kind: DiscrepancyKind
    gateway: str
    gateway_id: str
    currency: str
    amount_minor: int
    ours: Facts
    theirs: Facts
    proposed: ProposedAct


def file(
    *,
    kind: DiscrepancyKind,
    gateway: str,
    gateway_id: str,
    currency: str,
    amount_minor: int,
    ours: Facts,
    theirs: Facts,
    proposed: ProposedAct,
) -> bool:
    """Put a difference before a person; True if it is new.

    An open one about the same thing is refreshed. What a person has accepted or written off is not filed again while
    its facts are the same.
    """
    finding = Finding(kind, gateway, gateway_id, currency, amount_minor, ours, theirs, proposed)
    return bool(file_all([finding]))


def file_all(findings: Sequence[Finding]) -> list[Finding]:
    """The same for several, one statement; returns those that are new."""
    by_thing = _by_thing(findings)
    if not by_thing:
        return []
    rows = [
        {"id": str(new_id()), "urgency": urgency_of(finding.kind).value, **asdict(finding)}
        for finding in by_thing.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_FILE, [json.dumps(rows, default=str), [row["id"] for row in rows]])
        new = {(kind, gateway_id) for kind, gateway_id, is_new in cursor.fetchall() if is_new}
    return [finding for finding in by_thing.values() if (finding.kind.value, finding.gateway_id) in new]


def only_new(findings: Sequence[Finding]) -> list[Finding]:
    """Those that `file_all` would call new; nothing is written."""
    by_thing = _by_thing(findings)
    if not by_thing:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [json.dumps([asdict(finding) for finding in by_thing.values()], default=str)])
        known = set(cursor.fetchall())
    return [finding for finding in by_thing.values() if (finding.kind.value, finding.gateway_id) not in known]


def finding_of(discrepancy: Discrepancy) -> Finding:
    """What was found when a discrepancy was last seen."""
    return Finding(
        kind=DiscrepancyKind(discrepancy.kind),
        gateway=discrepancy.gateway,
        gateway_id=discrepancy.gateway_id,
        currency=discrepancy.currency,
        amount_minor=discrepancy.amount_minor,
        ours=discrepancy.ours,
        theirs=discrepancy.theirs,
        proposed=ProposedAct(discrepancy.proposed),
    )


def _by_thing(findings: Sequence[Finding]) -> dict[tuple[str, str, str], Finding]:
    # The last word about a thing counts: one statement writes a row once.
    return {(finding.kind.value, finding.gateway, finding.gateway_id): finding for finding in findings}


def clear(*, kind: DiscrepancyKind, gateway: str, gateway_ids: Iterable[str]) -> int:
    """These things no longer differ in this way; how many were open."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR.format(which=_THESE), [kind.value, gateway, list(gateway_ids)])
        return len(cursor.fetchall())


def clear_unsaid(
    *, kinds: Iterable[DiscrepancyKind], gateway: str, by: str, fact: str, among: Iterable[str], before: datetime
) -> int:
    """What somebody has told (`told_by` among their facts) of things that are named by another of those facts, and has
    not told again since a moment, is said no longer; how many were open."""
    with connection.cursor() as cursor:
        values: list[Any] = [[kind.value for kind in kinds], gateway, fact, list(among), by, before]
        cursor.execute(_CLEAR.format(which=_UNSAID), values)
        return len(cursor.fetchall())


def database_now() -> datetime:
    """The moment by the clock that discrepancies are dated by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((now,),) = cursor.fetchall()
    moment: datetime = now
    return moment


def count_open(kinds: Iterable[DiscrepancyKind], gateways: Iterable[str]) -> int:
    """How many wait for a person."""
    waiting = Discrepancy.objects.filter(state=DiscrepancyState.OPEN)
    return waiting.filter(kind__in=list(kinds), gateway__in=list(gateways)).count()


def iter_open(kinds: Iterable[DiscrepancyKind], gateway: str) -> Iterator[Discrepancy]:
    """The open ones of a gateway, the oldest first, a page at a time: they may be dealt with meanwhile."""
    waiting = Discrepancy.objects.filter(state=DiscrepancyState.OPEN, kind__in=list(kinds), gateway=gateway)
    page = list(waiting.order_by("pk")[:_PAGE])
    while page:
        yield from page
        page = list(waiting.filter(pk__gt=page[-1].pk).order_by("pk")[:_PAGE])
