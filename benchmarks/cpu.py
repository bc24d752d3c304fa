"""Processor time of other processes, as the kernel counts it in /proc. Linux only: elsewhere nothing is known."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """One process: what it has used itself, and what its ended children had used."""

    parent: int
    own_ms: float
    children_ms: float


def parse_stat(line: str, ticks_per_s: int) -> Usage:
    """Reads /proc/<pid>/stat. The program's name, in parentheses, may hold blanks and parentheses itself."""
    fields = line.rpartition(")")[2].split()
    tick_ms = 1000 / ticks_per_s
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return Usage(int(fields[1]), (user + system) * tick_ms, (children_user + children_system) * tick_ms)


@dataclass(frozen=True, slots=True)
class Host:
    """All cores of the machine together, since it started. What waits for a disk counts as idle."""

    busy_ms: float
    idle_ms: float


def parse_host(stat: str, ticks_per_s: int) -> Host:
    """Reads the first line of /proc/stat. Time stolen by other guests of a virtual machine is busy elsewhere."""
    user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = (
        int(field) * 1000 / ticks_per_s for field in stat.split("\n", 1)[0].split()[1:9]
    )
    return Host(user + nice + system + interrupts + soft_interrupts + stolen, idle + waiting)


def host() -> Host:
    """Now; nothing where nothing is known."""
    if not is_known():
        return Host(0.0, 0.0)
    return parse_host((PROC / "stat").read_text(), os.sysconf("SC_CLK_TCK"))


def is_known() -> bool:
    """Whether this system tells."""
    return (PROC / "self" / "stat").exists()


def used_ms(root: int) -> float:
    """What a process and all its descendants have used since they started, those that have ended included."""
    usages = _usages()
    children: dict[int, list[int]] = {}
    for pid, usage in usages.items():
        children.setdefault(usage.parent, []).append(pid)
    return _sum(root, usages, children)


def used_by_children_ms(root: int) -> list[float]:
    """What each child process of the given one has used, one by one."""
    return [usage.own_ms for _, usage in sorted(_usages().items()) if usage.parent == root]


def used_by_ended_children_ms() -> float:
    """What this process's own children had used, those that it has waited for."""
    times = os.times()
    return (times.children_user + times.children_system) * 1000


def _sum(pid: int, usages: dict[int, Usage], children: dict[int, list[int]]) -> float:
    usage = usages.get(pid)
    own = usage.own_ms + usage.children_ms if usage else 0.0
    return own + sum(_sum(child, usages, children) for child in children.get(pid, ()))


def _usages() -> dict[int, Usage]:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    found = {}
    for entry in PROC.iterdir() if is_known() else ():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = parse_stat((entry / "stat").read_text(), ticks_per_s)
            except OSError:
                # It has ended since the directory was listed.
                continue
    return found
