"""Unix seconds, the only times that either gateway's wire knows."""

from __future__ import annotations

from kit import clock


def unix_now() -> int:
    """The present second."""
    return int(clock.now().timestamp())
