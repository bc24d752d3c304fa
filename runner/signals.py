"""Signals as facts to look at instead of exceptions that strike anywhere."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

# Whoever stops a whole process group reaches the runner twice, directly and through make; that is one wish, not two.
ONE_WISH_S = 1.0


class StopSignals:
    """Notes SIGINT, SIGTERM and SIGHUP, and wakes a select on `wakeup` for them and for a child's end."""

    def __init__(self) -> None:
        self.wakeup, self._wakeup_write = os.pipe()
        for end in (self.wakeup, self._wakeup_write):
            os.set_blocking(end, False)
        self._first_at: float | None = None
        self._interrupts = 0

    @property
    def requested(self) -> bool:
        """Somebody wants everything to stop."""
        return self._first_at is not None

    @property
    def impatient(self) -> bool:
        """Ctrl-C was pressed again while everything was stopping."""
        return self._interrupts > 0

    def install(self) -> None:
        """Signals are noted from now on. Main thread only."""
        for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop_signal, self._note)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)

    def drain(self) -> None:
        """The wake-ups so far have been seen."""
        try:
            while os.read(self.wakeup, 512):
                pass
        except BlockingIOError:
            pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
        elif number == signal.SIGINT and now - self._first_at > ONE_WISH_S:
            self._interrupts += 1
