"""The named seams between what we commit and what the world hears of it, at which tests kill the process.

Passing one does nothing, unless a test has set a trap. `CRASH_AT=refund_asked` (or `refund_asked:2`, for the second
passage) makes it kill -9, outside production.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum


class Seam(StrEnum):
    """Every point at which a crash leaves the world half-way."""

    # A payment is asked for: the intent is committed; the gateway has answered; its answer is committed.
    CREATE_INTENDED = "create_intended"
    CREATE_ASKED = "create_asked"
    CREATE_RECORDED = "create_recorded"
    # Held money is captured: the wish is committed; the gateway has taken the money.
    CAPTURE_INTENDED = "capture_intended"
    CAPTURE_ASKED = "capture_asked"
    # A payment is called off: the wish is committed; the gateway knows; so do we.
    CANCEL_INTENDED = "cancel_intended"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_RECORDED = "cancel_recorded"
    # Money goes back: the refund is committed; the gateway has sent it; we know its reference.
    REFUND_INTENDED = "refund_intended"
    REFUND_ASKED = "refund_asked"
    REFUND_RECORDED = "refund_recorded"
    # What a gateway says of a payment is known and not committed, then committed with all that follows from it.
    REPORT_READ = "report_read"
    REPORT_SETTLED = "report_settled"
    # A webhook is stored and not answered; its event is worked and not marked.
    WEBHOOK_STORED = "webhook_stored"
    EVENT_WORKED = "event_worked"
    # A slice of a reconciliation is worked and not noted as done; it is noted, and the next is not begun.
    SLICE_WORKED = "slice_worked"
    SLICE_NOTED = "slice_noted"
    # A part of a settlement is booked, and the next is not begun.
    SETTLEMENT_BOOKED = "settlement_booked"
    # A client's request is done and its answer not kept; the answer is kept and not sent.
    ANSWER_DUE = "answer_due"
    ANSWER_KEPT = "answer_kept"
    # An outgoing event has arrived at its subscriber, and we have not written that down.
    LETTER_CARRIED = "letter_carried"


type Trap = Callable[[Seam], None]

_trap: Trap | None = None


def crashpoint(seam: Seam) -> None:
    """A process may die here."""
    if _trap is not None:
        _trap(seam)


@contextmanager
def trapped(trap: Trap) -> Iterator[None]:
    """Within the block every passage calls `trap`, which may raise or kill. For tests."""
    global _trap
    before, _trap = _trap, trap
    try:
        yield
    finally:
        _trap = before


def arm(crash_at: str) -> None:
    """From now on this process kills itself at a seam's n-th passage: "name" or "name:n". Raises ValueError."""
    global _trap
    name, _, number = crash_at.partition(":")
    _trap = killer(Seam(name), int(number or 1))


def killer(seam: Seam, number: int) -> Trap:
    """A trap that kills this process at the n-th passage, with no time for a last word."""
    passages = Counter[Seam]()

    def trap(passed: Seam) -> None:
        passages[passed] += 1
        if passed == seam and passages[passed] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return trap
