"""Ties a child process's life to its parent's, so that nothing survives a runner that was killed without notice.

Linux only: the kernel sends the signal. Elsewhere nothing is tied, and `leftovers` clears up at the next start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
# Loaded here, not in the child: between fork and exec a child must not import or take locks.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(death_signal: signal.Signals) -> None:
    """From now on this process receives the signal when the thread that started it ends."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def tethered(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that ties the child to the calling thread. It runs after `user=`, which would undo the tie."""
    parent = os.getpid()

    def tie() -> None:
        die_with_parent(death_signal)
        # The parent may have died between fork and prctl; then no signal comes.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
