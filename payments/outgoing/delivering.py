"""Sends what is due: many subscribers side by side, few at a time to each, so that a slow one holds up itself alone.

A delivery is claimed in a statement of its own, then sent with no transaction open, then recorded. A sender that dies
in between leaves a claim that ends by itself, after longer than anything of it can be under way: at least once, under
the same event id, and never twice at a time. Threads do nothing but HTTP; all reading and writing is done here, on the
one database connection there is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

from django.db import connection

from kit import clock
from kit.crashpoints import Seam, crashpoint
from payments.outgoing import letters, recording, targets
from payments.outgoing.letters import Letter
from payments.outgoing.models import Delivery
from payments.outgoing.posting import Answer
from payments.outgoing.targets import Resolve
from payments.outgoing.turns import Turn

type Carry = Callable[[Letter, Resolve], Answer]

# Letters on their way at once; to one subscriber, and to one that failed the last time.
SIDE_BY_SIDE = 16
TO_ONE = 4
TO_A_FAILING_ONE = 1
# No letter is begun after this. Those that may well end in a time limit are not begun in the last part of it, so that
# nobody waits for them when the next sender could begin.
BUDGET_S = 60.0
LAST_CALL_S = 15.0
# How soon something new goes out while everything that is under way takes its time.
LOOK_AGAIN_S = 0.5
# Longer than a letter can be on its way: LOOK_UP_S and TOTAL_S. It is not on its way any more when its claim ends,
# however slow this process is (`Letter.until`).
CLAIMED_FOR = timedelta(seconds=15)

# Random, because whoever has most to hear must not be first in every round. Claims are by the database's clock, so that
# no host's clock ends another's.
_CLAIM = """
UPDATE outgoing_delivery d
SET claimed_until = statement_timestamp() + %(turned)s::interval + %(claimed_for)s::interval,
    times_tried = times_tried + 1
FROM (
    SELECT due.id FROM outgoing_subscription s
    LEFT JOIN unnest(%(busy)s::bigint[], %(letters)s::int[]) AS b (id, letters) ON b.id = s.id
    CROSS JOIN LATERAL (
        SELECT w.id FROM outgoing_delivery w
        WHERE w.subscription_id = s.id AND w.state = 'waiting' AND w.next_try_at <= %(now)s::timestamptz
          AND (w.claimed_until IS NULL OR w.claimed_until <= statement_timestamp() + %(turned)s::interval)
        ORDER BY w.next_try_at
        LIMIT greatest(
            CASE WHEN s.failures_in_a_row = 0 THEN %(to_one)s::int ELSE %(to_a_failing_one)s::int END
            - coalesce(b.letters, 0),
            0
        )
        FOR UPDATE SKIP LOCKED
    ) due
    WHERE s.active AND (s.paused_until IS NULL OR s.paused_until <= %(now)s::timestamptz)
    ORDER BY random() LIMIT %(free)s::int
) picked WHERE d.id = picked.id RETURNING d.id
"""


def send_due(*, resolve: Resolve = targets.look_up, carry: Carry = letters.carry, budget_s: float = BUDGET_S) -> int:
    """Send what is due, and what falls due meanwhile, until nothing is left or the budget is spent; how many letters.

    One sender at a time has its turn; another one that begins meanwhile sends nothing, and one that was cut off for so
    long that its turn has ended begins nothing any more. Whatever happens, no two send the same delivery at a time.
    """
    if connection.in_atomic_block:
        raise RuntimeError("nobody's system is called inside a database transaction")
    turn = Turn()
    if not turn.keep():
        return 0
    try:
        return _send(turn, resolve, carry, time.monotonic() + budget_s)
    finally:
        turn.give_back()


def _send(turn: Turn, resolve: Resolve, carry: Carry, end: float) -> int:
    sent = 0
    under_way: dict[Future[Answer], Letter] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        while True:
            if turn.keep():
                for letter in _next_letters(list(under_way.values()), time_left=end - time.monotonic()):
                    under_way[threads.submit(carry, letter, resolve)] = letter
            if not under_way:
                return sent
            done, _ = wait(under_way, timeout=LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
            for one in done:
                crashpoint(Seam.LETTER_CARRIED)
                letter = under_way.pop(one)
                recording.record(letter.delivery_id, one.result(), tried=letter.times_tried)
                sent += 1


def _next_letters(under_way: Sequence[Letter], *, time_left: float) -> list[Letter]:
    """What there is room for. The letters that cannot be written are recorded as failed."""
    written = []
    if time_left > 0 and len(under_way) < SIDE_BY_SIDE:
        # By a clock that nobody can turn, and read before the claim begins.
        until = time.monotonic() + CLAIMED_FOR.total_seconds()
        claimed = _claim(under_way, failing_ones_too=time_left > LAST_CALL_S)
        for delivery in Delivery.objects.filter(pk__in=claimed).select_related("event", "subscription"):
            letter = letters.write(delivery, until=until)
            if letter is not None:
                written.append(letter)
            else:
                recording.record(delivery.pk, Answer(None, "secret_unreadable"), tried=delivery.times_tried)
    return written


def _claim(under_way: Sequence[Letter], *, failing_ones_too: bool) -> list[int]:
    busy = Counter(letter.subscription_id for letter in under_way)
    values: dict[str, Any] = {
        "now": clock.now(),
        "turned": clock.turned_by(),
        "claimed_for": CLAIMED_FOR,
        "busy": list(busy),
        "letters": list(busy.values()),
        "to_one": TO_ONE,
        "to_a_failing_one": TO_A_FAILING_ONE if failing_ones_too else 0,
        "free": SIDE_BY_SIDE - len(under_way),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return [row[0] for row in cursor.fetchall()]
