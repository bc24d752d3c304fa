"""Threads with connections of their own, let go at the same instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, connections

from tests.processes import SERVER

PATIENCE_S = 20


def together[Answer](acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """What each act returned, in their order. All start at a barrier, each on its own connection, closed afterwards."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Answer]) -> Answer:
        try:
            # Connecting takes longer than the race itself.
            connection.ensure_connection()
            barrier.wait(PATIENCE_S)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def outcome[Answer](act: Callable[[], Answer]) -> Callable[[], Answer | Exception]:
    """The act with its exception as an answer."""

    def run() -> Answer | Exception:
        try:
            return act()
        except Exception as error:
            return error

    return run


def wait_until_somebody_waits_for_a_lock() -> None:
    """Until another session of this database is blocked."""
    _wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s")


def deadlocks() -> int:
    """How many PostgreSQL has had to break in this database, by sessions that have ended: a session may tell late."""
    _wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
        f"AND application_name <> '{SERVER}' AND datname = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def _wait_until(question: str) -> None:
    """Until the database, whose name the question is given, says yes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(question, [connection.settings_dict["NAME"]])
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError(f"it never came true: {question}")


@contextmanager
def no_deadlocks() -> Iterator[None]:
    """Fails if PostgreSQL had to break one meanwhile."""
    before = deadlocks()
    yield
    assert deadlocks() == before
