"""One reconciliation of a kind at a time, over all processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_PAUSE_S = 0.2


@contextmanager
def only_one(name: str, *, patience_s: float = 0) -> Iterator[bool]:
    """True within the block for one at a time; False for whoever comes meanwhile and has waited for so long.

    The lock belongs to the database session: it goes with the process, however that ends, and holds no transaction
    open. A pooler in transaction mode has no such sessions.
    """
    deadline = time.monotonic() + patience_s
    while not (taken := _take(name)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    try:
        yield taken
    finally:
        # A session that is over has let go already.
        if taken and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def _take(name: str) -> bool:
    # Asked again and again rather than waited for: a statement may not take that long.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])
