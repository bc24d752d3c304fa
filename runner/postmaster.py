"""The server process of one data directory, as far as the operating system knows it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# PostgreSQL's fast shutdown, its immediate one, and what no program can refuse.
STOP_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def running_pid(home: Path) -> int | None:
    """The process id of the server on this data directory, whoever started it; None if there is none."""
    pid = _recorded_pid(home)
    if pid is None or not _exists(pid):
        return None
    if Path("/proc/self/cwd").exists():
        try:
            # A server's working directory is its data directory; a zombie has none.
            return pid if Path(f"/proc/{pid}/cwd").resolve(strict=True) == home.resolve() else None
        except OSError:
            return None
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return pid if str(home) in shown.stdout else None


def end_process(pid: int, has_ended: Callable[[], bool]) -> None:
    """The process has ended, the gentler the better."""
    for stop_signal, patience_s in STOP_STEPS:
        with suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if has_ended():
                return
            time.sleep(0.02)


def forget_stale_pid(home: Path) -> None:
    """To be called when no server runs: a recorded number that is another program's by now is removed.

    PostgreSQL would take that program for a running server. Any other stale record it judges better itself.
    """
    pid = _recorded_pid(home)
    if pid is not None and _exists(pid):
        (home / "postmaster.pid").unlink()


def _recorded_pid(home: Path) -> int | None:
    try:
        return int((home / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
