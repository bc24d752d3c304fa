"""A connection that was used a moment ago is taken to be alive.

Django asks every persistent connection `SELECT 1` at the start of every request, a whole round trip. A busy connection
that breaks between two requests costs one request a 503 instead, and is replaced; an idle one is still asked.
"""

from __future__ import annotations

import time
from typing import Any

from django.db.backends.postgresql import base

ASK_AFTER_IDLE_S = 2.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks a connection whether it lives only after it has been idle for `ASK_AFTER_IDLE_S`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._used_at = 0.0

    def close_if_health_check_failed(self) -> None:
        """Replaces a connection that was idle and turns out to be dead."""
        now = time.monotonic()
        if now - self._used_at < ASK_AFTER_IDLE_S:
            self.health_check_done = True
        self._used_at = now
        super().close_if_health_check_failed()
