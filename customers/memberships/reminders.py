"""Members are reminded before their membership ends, once for each of the shop's days before the end.

Of several that are due at once only the nearest to the end is wanted; and none that was due already when the end was
set: who buys fourteen days is not reminded at once that thirty are not left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

BATCH = 5_000
MOST_DAYS = 366

_DUE = """
FROM customers_membership m
WHERE m.state = 'active' AND m.ends_at > %(after)s AND m.ends_at <= %(until)s
  AND m.end_set_at < m.ends_at - %(days)s * interval '24 hours'
  AND NOT EXISTS (
      SELECT FROM customers_membershipnotice n
      WHERE n.membership_id = m.id AND n.ends_at = m.ends_at AND n.kind = 'membership_reminder'
        AND n.days_before = %(days)s
  )
"""
_WANT = f"""
INSERT INTO customers_membershipnotice (membership_id, kind, ends_at, days_before, times_tried)
SELECT m.id, 'membership_reminder', m.ends_at, %(days)s, 0 {_DUE} ORDER BY m.ends_at LIMIT %(batch)s
ON CONFLICT DO NOTHING
"""
_COUNT = f"SELECT count(*) {_DUE}"


def read_days(text: str) -> tuple[int, ...]:
    """The days of "30,7", the most first. Raises ImproperlyConfigured for anything but whole days, each once."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    days = {int(entry) for entry in entries if entry.isascii() and entry.isdecimal() and 1 <= int(entry) <= MOST_DAYS}
    if len(days) != len(entries):
        raise ImproperlyConfigured(f"MEMBERSHIP_REMINDER_DAYS: {text!r} is not days from 1 to {MOST_DAYS}, each once")
    return tuple(sorted(days, reverse=True))


def want_reminders(now: datetime) -> int:
    """Write the reminders that are due into the outbox; how many. Harmless to repeat, and at once."""
    wanted = 0
    for window in _windows(now):
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_WANT, {**window, "batch": BATCH})
                written = cursor.rowcount
            wanted += written
            if written < BATCH:
                break
    return wanted


def count_reminders(now: datetime) -> int:
    """How many `want_reminders` would write."""
    due = 0
    for window in _windows(now):
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, window)
            due += int(cursor.fetchone()[0])
    return due


def _windows(now: datetime) -> list[dict[str, Any]]:
    """For each of the days before the end, which ends it is about: those that no smaller number is about."""
    return [
        {"days": days, "after": now + timedelta(days=fewer), "until": now + timedelta(days=days)}
        for days, fewer in pairwise([*settings.MEMBERSHIP_REMINDER_DAYS, 0])
    ]
