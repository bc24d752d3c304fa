"""Everything that one run has found, what is aimed at, and how both are kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import ratio
from benchmarks.hot import Hot, Oversell
from benchmarks.listing import Listing
from benchmarks.pdf import Pdf
from benchmarks.placing import Placing
from benchmarks.statements import Statement

GOAL_CLIENTS = 8
RATIO_STEP = 0.08
RATIO_AIM = 0.25
MOST_STATEMENTS = 14
MOST_CPU_MS = 9.0
HOT_RATIO = 0.5
LISTING_RATIO = 1.5
MOST_PDF_MS = 50.0


@dataclass(frozen=True)
class Statements:
    """What the web server asks the database for an order; nothing where it cannot be counted."""

    orders: int
    counted: list[Statement]

    @property
    def per_order(self) -> float | None:
        """Those that the web server has sent."""
        return self._share(key_checks=False) if self.counted else None

    @property
    def key_checks_per_order(self) -> float | None:
        """Those that PostgreSQL has added for foreign keys."""
        return self._share(key_checks=True) if self.counted else None

    def _share(self, *, key_checks: bool) -> float:
        return sum(one.calls for one in self.counted if one.is_key_check is key_checks) / self.orders


@dataclass(frozen=True)
class Mails:
    """What the background worker did meanwhile. Its CPU time has its periodic jobs in it."""

    sent: int
    outstanding: int
    worker_cpu_ms: float

    @property
    def cpu_ms_per_mail(self) -> float | None:
        return ratio(self.worker_cpu_ms, self.sent)


@dataclass(frozen=True)
class Goal:
    """A figure and where it should be. `met` is None when the figure is not known."""

    name: str
    figure: float | None
    met: bool | None


@dataclass
class Results:
    """One run's."""

    started_at: datetime
    seconds: float
    placing: list[Placing] = field(default_factory=list)
    statements: Statements | None = None
    hot: list[Hot] = field(default_factory=list)
    oversell: Oversell | None = None
    listing: list[Listing] = field(default_factory=list)
    mails: Mails | None = None
    pdf: Pdf | None = None

    def goals(self) -> list[Goal]:
        """Those that this run has figures for."""
        goals = []
        for placing in self.placing:
            if placing.clients == GOAL_CLIENTS:
                name = f"placing at {GOAL_CLIENTS} clients, ratio to the yardstick"
                goals += [
                    _at_least(f"{name}, first step", placing.ratio, RATIO_STEP),
                    _at_least(f"{name}, aim", placing.ratio, RATIO_AIM),
                    _at_most("CPU ms per order, web and database", placing.cpu_ms, MOST_CPU_MS),
                ]
        if self.statements:
            goals.append(_at_most("SQL statements per order", self.statements.per_order, MOST_STATEMENTS))
        if self.pdf:
            goals.append(_at_most("CPU ms per PDF of one page", self.pdf.cpu_ms, MOST_PDF_MS))
        goals += [_at_least(f"hot at {hot.clients} clients, ratio to many", hot.ratio, HOT_RATIO) for hot in self.hot]
        goals += [
            _at_most(f"listing {one.name} of {one.many:,} orders, ratio to {one.few:,}", one.ratio, LISTING_RATIO)
            for one in self.listing
        ]
        return goals

    def write(self, checkout: Path) -> Path:
        """Keeps the results under var/bench/; the file."""
        content: dict[str, Any] = {
            "started_at": self.started_at.isoformat(),
            "machine": machine(),
            "commit": _git(checkout, "rev-parse", "HEAD"),
            "uncommitted_changes": bool(_git(checkout, "status", "--porcelain")),
            **{name: value for name, value in asdict(self).items() if name != "started_at"},
            "statements_per_order": self.statements.per_order if self.statements else None,
            "key_checks_per_order": self.statements.key_checks_per_order if self.statements else None,
            "goals": [asdict(goal) for goal in self.goals()],
        }
        kept = checkout / "var" / "bench" / f"{self.started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(content, indent=2) + "\n")
        return kept


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
    }


def _at_least(name: str, figure: float | None, wanted: float) -> Goal:
    return Goal(f"{name} >= {wanted:g}", figure, None if figure is None else figure >= wanted)


def _at_most(name: str, figure: float | None, wanted: float) -> Goal:
    return Goal(f"{name} <= {wanted:g}", figure, None if figure is None else figure <= wanted)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(checkout: Path, *arguments: str) -> str:
    """What git says; empty outside a repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
