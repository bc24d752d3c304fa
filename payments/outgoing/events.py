"""Emitting: an event comes into being in the transaction of what happened, together with its deliveries, and only if an
active subscription wants to hear of it. One statement; with no subscription it reads an empty table and writes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from kit import clock, strict_json
from kit.ids import new_id
from payments.deferring import defer_job
from payments.outgoing.models import EventType

# The job that sends what is due.
SEND = "outgoing.send"
QUEUE = "outgoing"

EMIT = """
emitted_events AS (
    INSERT INTO outgoing_outgoingevent (id, type, subject_id, body, audience_id, created_at)
    SELECT happened.id, happened.type, happened.subject_id, happened.body, happened.audience_id,
           %(event_at)s::timestamptz
    FROM {happened} AS happened (id, type, subject_id, body, audience_id)
    WHERE EXISTS (
        SELECT FROM outgoing_subscription wanting WHERE wanting.active AND happened.type = ANY (wanting.events)
          AND wanting.audience_id IS NOT DISTINCT FROM happened.audience_id
    )
    RETURNING id, type, audience_id
), emitted_deliveries AS (
    INSERT INTO outgoing_delivery
        (event_id, subscription_id, state, wanted_at, next_try_at, times_tried, last_reason)
    SELECT emitted_events.id, wanting.id, 'waiting', %(event_at)s::timestamptz, %(event_at)s::timestamptz, 0, ''
    FROM emitted_events
    JOIN outgoing_subscription wanting ON wanting.active AND emitted_events.type = ANY (wanting.events)
     AND wanting.audience_id IS NOT DISTINCT FROM emitted_events.audience_id
    RETURNING id
)
"""
"""Two members of a WITH list, for a statement that writes what happened itself. `happened` is an SQL expression of rows
(id uuid, type text, subject_id uuid, body jsonb, audience_id uuid), `HAPPENED_IN_PLACE` for one of the shop's; the
values are those of `emit_values`. No job is enqueued: the periodic one finds the deliveries."""

HAPPENED_IN_PLACE = "(SELECT %(event_id)s::uuid, %(event_type)s::text, %(event_subject)s::uuid, {body}, NULL::uuid)"
"""One event in place of `happened`. `body` is an SQL expression of type jsonb, evaluated only if somebody wants it."""

# The words of the condition are those of an index that holds nothing but the jobs looked for: whatever else waits,
# and there may be much, is not looked at inside the transaction of somebody's money.
_WRITE = """
WITH {emit}
SELECT EXISTS (SELECT FROM emitted_deliveries)
    AND NOT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'outgoing.send')
"""
_MANY = "unnest(%(ids)s::uuid[], %(types)s::text[], %(subjects)s::uuid[], %(bodies)s::jsonb[], %(audiences)s::uuid[])"
_EMIT_MANY = _WRITE.format(emit=EMIT.format(happened=_MANY))


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to what, and what receivers are told of it: JSON without floats, and with nobody's personal data,
    since events are never deleted: but an audience of its own is told of its own payers. `audience_id` is who hears of
    it; nobody's means the shop's own systems.
    """

    type: EventType
    subject_id: uuid.UUID
    body: Mapping[str, Any] = field(default_factory=dict)
    audience_id: uuid.UUID | None = None


def emit(*happenings: Happening) -> None:
    """Everybody who wants to hear of these will, once the caller's transaction has committed; nobody if it does not.

    One statement for any number, and two more with the job that sends them, unless one waits already.
    """
    values: dict[str, Any] = {
        "event_at": clock.now(),
        "ids": [new_id() for _ in happenings],
        "types": [happening.type.value for happening in happenings],
        "subjects": [happening.subject_id for happening in happenings],
        "bodies": [strict_json.dumps(happening.body).decode() for happening in happenings],
        "audiences": [happening.audience_id for happening in happenings],
    }
    with connection.cursor() as cursor:
        cursor.execute(_EMIT_MANY, values)
        job_is_missing = bool(cursor.fetchone()[0])
    if job_is_missing:
        defer_job(SEND, queue=QUEUE, timestamp=int(clock.now().timestamp()))


def emit_values(*, event_type: EventType, subject_id: uuid.UUID, at: datetime) -> dict[str, Any]:
    """The values of `EMIT` with `HAPPENED_IN_PLACE`."""
    return {"event_id": new_id(), "event_type": event_type.value, "event_subject": subject_id, "event_at": at}
