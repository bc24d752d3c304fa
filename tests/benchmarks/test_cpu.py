"""Processor time out of /proc."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks import cpu
from benchmarks.cpu import Host, Usage

BURN = "import time\nwhile time.process_time() < 0.1: pass"


def test_a_program_whose_name_has_blanks_and_parentheses_is_read() -> None:
    line = "4711 (odd) name) S 17 4711 4711 0 -1 4194304 100 200 0 0 30 12 7 3 20 0 1 0 100 1000 10"
    assert cpu.parse_stat(line, ticks_per_s=100) == Usage(parent=17, own_ms=420.0, children_ms=100.0)


def test_waiting_for_a_disk_is_idle_and_stolen_time_is_busy() -> None:
    stat = "cpu  10 1 5 100 20 2 3 4 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"
    assert cpu.parse_host(stat, ticks_per_s=100) == Host(busy_ms=250.0, idle_ms=1200.0)


@pytest.mark.skipif(not cpu.is_known(), reason="only Linux tells")
def test_what_an_ended_child_has_used_still_counts() -> None:
    before = cpu.used_ms(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu.used_ms(os.getpid()) - before >= 90.0
