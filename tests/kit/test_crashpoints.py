"""A trap sees every passage, and a process told to die at one dies there."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from kit import crashpoints
from kit.crashpoints import Seam, crashpoint, trapped


def test_a_trap_sees_every_passage_within_its_block() -> None:
    passed: list[Seam] = []
    with trapped(passed.append):
        crashpoint(Seam.REFUND_ASKED)
        crashpoint(Seam.ANSWER_DUE)
    crashpoint(Seam.ANSWER_KEPT)
    assert passed == [Seam.REFUND_ASKED, Seam.ANSWER_DUE]


@pytest.mark.parametrize(
    ("crash_at", "code", "said"),
    [
        ("refund_asked", -signal.SIGKILL, ""),
        ("refund_asked:2", -signal.SIGKILL, "once"),
        ("refund_asked:3", 0, "once twice"),
        ("answer_due", 0, "once twice"),
    ],
)
def test_a_process_told_to_die_dies_at_that_passage(crash_at: str, code: int, said: str) -> None:
    lives = (
        "import sys; from kit import crashpoints as c; c.arm(sys.argv[1]); p = lambda word: print(word, flush=True)\n"
        "c.crashpoint(c.Seam.REFUND_ASKED); p('once'); c.crashpoint(c.Seam.REFUND_ASKED); p('twice')"
    )
    done = subprocess.run([sys.executable, "-c", lives, crash_at], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()) == (code, said.split())


@pytest.mark.parametrize(("crash_at", "named"), [("nowhere", "nowhere"), ("refund_asked:often", "often")])
def test_a_point_that_does_not_exist_is_refused(crash_at: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        crashpoints.arm(crash_at)
