"""A PostgreSQL for one test session: its own temporary directory, nothing durable, nothing left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.postgres import EmbeddedPostgres

PREFIX = "quittance-test-"
ABANDONED_AFTER_S = 3600


@contextmanager
def throwaway_postgres() -> Iterator[EmbeddedPostgres]:
    """A started, empty server; stopped and removed afterwards. Also removes what killed sessions left."""
    _remove_abandoned()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    # The account that root lends the server must pass through; what lies inside has modes of its own.
    directory.chmod(0o711)
    with (directory / "session").open("w") as session:
        fcntl.flock(session, fcntl.LOCK_EX)
        postgres = EmbeddedPostgres(directory / "data", durable=False)
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.destroy()
            shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned() -> None:
    """Old directories whose session no longer holds its lock are gone."""
    for directory in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            status = directory.stat()
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < ABANDONED_AFTER_S:
                continue
            with (directory / "session").open("a") as session:
                fcntl.flock(session, fcntl.LOCK_EX | fcntl.LOCK_NB)
                EmbeddedPostgres(directory / "data", durable=False).destroy()
        except OSError:
            continue
        shutil.rmtree(directory, ignore_errors=True)
