"""Whose turn it is to send: one sender at a time over all workers, for as long as it says that it lives.

A turn is not the lock of a job or of a session. Whoever holds such a lock may be dead or frozen for a minute before
anybody notices; a turn that is not kept ends by itself. Nothing rests on it but how much is sent at once: what keeps a
delivery from being sent twice is its claim (`delivering`).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import connection

from kit import clock
from kit.ids import new_id

ENDS_AFTER = timedelta(seconds=5)
KEEP_EVERY_S = 1.0

# By the database's clock: hosts need not agree what time it is.
_TAKE = """
INSERT INTO outgoing_turn AS t (id, holder, until)
VALUES (1, %(holder)s, statement_timestamp() + %(turned)s::interval + %(ends_after)s::interval)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE t.holder = excluded.holder OR t.until <= statement_timestamp() + %(turned)s::interval RETURNING id
"""
_GIVE_BACK = """
UPDATE outgoing_turn SET until = statement_timestamp() + %(turned)s::interval
WHERE holder = %(holder)s AND until > statement_timestamp() + %(turned)s::interval
"""


class Turn:
    """One sender's turn, if it has it."""

    def __init__(self) -> None:
        self._holder = new_id()
        self._kept_at = float("-inf")

    def keep(self) -> bool:
        """Take the turn, or keep it; False while another sender has it. One statement at most every KEEP_EVERY_S."""
        if time.monotonic() - self._kept_at < KEEP_EVERY_S:
            return True
        values: dict[str, Any] = {"holder": self._holder, "turned": clock.turned_by(), "ends_after": ENDS_AFTER}
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            is_ours = cursor.fetchone() is not None
        self._kept_at = time.monotonic() if is_ours else float("-inf")
        return is_ours

    def give_back(self) -> None:
        """The next sender need not wait for its end."""
        values: dict[str, Any] = {"holder": self._holder, "turned": clock.turned_by()}
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, values)
