"""When a failed delivery is tried again, and how long a failing subscriber is left alone. Pure; documented for
receivers in docs/outgoing-events.md.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

GIVE_UP_AFTER = timedelta(days=3)
# Before the second try, the third and so on; the last one repeats.
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=8),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=6),
)
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=6)
LONGEST_SUBSCRIPTION_PAUSE = timedelta(minutes=15)
LONGEST_ASKED_PAUSE = timedelta(hours=1)


def next_try(
    *, now: datetime, wanted_at: datetime, times_tried: int, retry_after: timedelta | None = None
) -> datetime | None:
    """When to try again after `times_tried` failed tries; None when the three days are over before that.

    The receiver's Retry-After may put it off, up to LONGEST_RETRY_AFTER, and never brings it forward.
    """
    pause = PAUSES[min(max(times_tried, 1), len(PAUSES)) - 1]
    # Not a secret: it keeps the retries of many deliveries from arriving at once.
    pause *= 1 + random.uniform(-JITTER, JITTER)  # noqa: S311
    if retry_after is not None:
        pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
    at = now + pause
    return at if at <= wanted_at + GIVE_UP_AFTER else None


def subscription_pause(failures_in_a_row: int, retry_after: timedelta | None = None) -> timedelta:
    """How long nothing at all is sent to a subscriber after so many failures in a row: 2 s, 4 s ... 15 minutes.

    One who asks for a longer rest gets it, up to LONGEST_ASKED_PAUSE.
    """
    pause = min(timedelta(seconds=2 ** min(failures_in_a_row, 12)), LONGEST_SUBSCRIPTION_PAUSE)
    return max(pause, min(retry_after or timedelta(), LONGEST_ASKED_PAUSE))
