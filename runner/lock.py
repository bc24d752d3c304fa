"""At most one runner per checkout. The kernel gives the lock back however its holder ends."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.console import say
from runner.refusal import Refusal

STOPPING = "stopping"
# Longer than a runner takes to stop: the web server's grace, the sandbox's and the database's.
PATIENCE_S = 60.0


class RunnerLock:
    """Held from entry to exit. A newcomer waits for a runner that is stopping, and is refused by one that is not."""

    def __init__(self, lock_file: Path) -> None:
        self._file = lock_file.open("a+")

    def __enter__(self) -> Self:
        deadline = time.monotonic() + PATIENCE_S
        while not self._take():
            self._file.seek(0)
            if self._file.read() != STOPPING or time.monotonic() > deadline:
                self._file.close()
                raise Refusal("make run is already running in this checkout.")
            time.sleep(0.1)
        self._file.truncate(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def say_stopping(self) -> None:
        """People and newcomers know that this runner is about to end."""
        say("Stopping.")
        self._file.write(STOPPING)
        self._file.flush()

    def _take(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
