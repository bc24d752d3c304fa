"""One child process: its own session, its output line by line, its whole process group gone when it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner.tether import tethered


@dataclass(frozen=True)
class Program:
    """What to run, and how to stop it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    # Open sockets that the program inherits under the same numbers.
    sockets: tuple[int, ...] = ()
    # How long it may take to finish its work after SIGTERM.
    grace_s: float = 10.0
    # Others still call it while they finish, so it is stopped only after them.
    stops_last: bool = False
    keeps_stderr: bool = True


class Child:
    """A running program. Not tied to a terminal's Ctrl-C; on Linux it dies with the runner."""

    def __init__(self, program: Program, on_line: Callable[[str], None]) -> None:
        self.program = program
        self._on_line = on_line
        self._partial = b""
        self._process = subprocess.Popen(
            program.command,
            env=program.environment,
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if program.keeps_stderr else subprocess.DEVNULL,
            pass_fds=program.sockets,
            start_new_session=True,
            preexec_fn=tethered(signal.SIGKILL),
        )
        if self._process.stdout is None:
            raise AssertionError("a child's output is always a pipe")
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> bool:
        """Passes on the lines that have come; False once there will be no more."""
        while True:
            try:
                chunk = os.read(self.fileno(), 65536)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines:
                self._on_line(line.decode(errors="replace"))

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        if self.exit_code() is None:
            self._process.terminate()

    def close(self) -> int:
        """Nothing of the child's process group is left, its last lines have been passed on; returns the exit code."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._process.wait()
        self.read()
        if self._partial:
            self._on_line(self._partial.decode(errors="replace"))
        self._pipe.close()
        return code
