"""What PostgreSQL is really told, counted on the wire."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

# A message begins with its time, F for what we send, its length and its name; a statement may span lines. Query carries
# a statement by itself, Execute one that was prepared.
_SENT = re.compile(r"^\d{4}-\S+ \S+\tF\t\d+\t(?:Query|Execute)\t(.*)$", re.MULTILINE)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that this thread's connection sends meanwhile, BEGIN and COMMIT among them.

    They are read from libpq's own trace: Django's query log does not know of the BEGIN that psycopg sends by itself.
    The list is filled when the block ends.
    """
    connection.ensure_connection()
    raw: Any = connection.connection
    told: list[str] = []
    with tempfile.TemporaryFile() as trace:
        raw.pgconn.trace(trace.fileno())
        try:
            yield told
        finally:
            raw.pgconn.untrace()
        trace.seek(0)
        told += _SENT.findall(trace.read().decode())
