"""Ends what a killed runner left of this checkout's processes, where the kernel did not do so at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

# Every child carries it, so that a later runner can tell its checkout's processes from all others.
MARK = "QUITTANCE_CHECKOUT"
PATIENCE_S = 5.0


def end_leftovers(checkout: Path) -> int:
    """No process that an earlier runner of this checkout started is alive; returns how many were ended."""
    mark = f"{MARK}={checkout}"
    find = _marked_in_proc if Path("/proc/self/environ").exists() else _marked_by_ps
    ended: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    # Again until none is found: a killed process holds its ports a moment longer.
    while (found := set(find(mark)) - {os.getpid()}) and time.monotonic() < deadline:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
        time.sleep(0.05)
    return len(ended)


def _marked_in_proc(mark: str) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
    return found


def _marked_by_ps(mark: str) -> list[int]:
    shown = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    lines = (line.strip() for line in shown.stdout.splitlines())
    return [int(line.split()[0]) for line in lines if f" {mark} " in f"{line} "]
