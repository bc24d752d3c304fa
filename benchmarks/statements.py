"""How many SQL statements the web server sends for an order, BEGIN and COMMIT included, by pg_stat_statements.

The extension counts only while it is asked to, so that the timed stretches do not pay for it. The server does not need
it: where it is missing, the number of statements is simply not known.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from runner.binaries import Binaries

LIBRARY = "pg_stat_statements"

_COUNTED = """
SELECT s.query, s.calls, s.total_exec_time, s.total_plan_time FROM pg_stat_statements s
JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
WHERE r.rolname = %s AND d.datname = %s AND s.toplevel AND s.calls > 0
ORDER BY s.total_exec_time + s.total_plan_time DESC
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its values cut out, with how often it ran and how long that and its planning took in all."""

    query: str
    calls: int
    executing_ms: float
    planning_ms: float

    @property
    def is_key_check(self) -> bool:
        """PostgreSQL's own look at what a foreign key refers to; nobody has sent it."""
        return self.query.startswith('SELECT 1 FROM ONLY "')


@dataclass
class Counted:
    """What was counted during a stretch; empty if nothing can be."""

    statements: list[Statement] = field(default_factory=list)


def server_settings(binaries: Binaries) -> dict[str, str]:
    """What the server needs to be started with, if its installation has the extension."""
    has_library = any(binaries.directory.parent.glob(f"lib/**/{LIBRARY}.*"))
    return {"shared_preload_libraries": LIBRARY, "compute_query_id": "on"} if has_library else {}


class StatementCounter:
    """Counts the statements of one role in one database."""

    def __init__(self, url: str, *, role: str, settings: dict[str, str]) -> None:
        self._url = url
        self._role = role
        self.is_able = bool(settings)

    def prepare(self) -> None:
        """Nothing is counted from now on, until `counting`."""
        if self.is_able:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
                _track(connection, "none")

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """What is counted is known when the context has ended."""
        counted = Counted()
        if not self.is_able:
            yield counted
            return
        with psycopg.connect(self._url, autocommit=True) as connection:
            _track(connection, "top")
            connection.execute("SELECT pg_stat_statements_reset()")
            yield counted
            rows = connection.execute(_COUNTED, [self._role, connection.info.dbname]).fetchall()
            counted.statements += [Statement(" ".join(row[0].split()), *row[1:]) for row in rows]
            _track(connection, "none")


def _track(connection: psycopg.Connection[tuple[object, ...]], what: str) -> None:
    connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'".encode())
    planning = "off" if what == "none" else "on"
    connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track_planning = '{planning}'".encode())
    connection.execute("SELECT pg_reload_conf()")
    # Every session notices when it is given its next statement; the signal needs a moment to get there.
    time.sleep(0.2)
