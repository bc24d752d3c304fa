"""One reconciliation of one gateway: slice by slice what the gateway lists, then what we have and it did not list, then
what was cut off. Yields what it does as it does it; a dry run yields the same and does nothing.

Holds no transaction open and nothing in memory but a batch. Everything is harmless to repeat, so that a run that is cut
off goes on at the slice where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from kit.crashpoints import Seam, crashpoint
from orders.reconciliation import chasing, disputed, kept, paid, refunded, reviewing
from orders.reconciliation.steps import Deed, Step
from orders.reconciliation.work import Work
from payments import gateways
from payments.gateways.base import GatewayError
from payments.reconciliation import runs
from payments.reconciliation.models import ReconciliationRun, RunKind
from payments.reconciliation.windows import FIRST_SLICE, Window, next_slice

log = structlog.get_logger(__name__)

# One run at a time, of whatever gateways.
LOCK = "reconcile_payments"

# What is told of a run, and in which words.
_COUNTED = {
    "payments": "payments",
    "refunds": "refunds",
    "disputes": "disputes",
    Deed.HEAL.value: "healed",
    Deed.CAPTURE.value: "captured",
    Deed.CHASE.value: "chased",
    Deed.FILE.value: "filed",
    Deed.CLEAR.value: "gone",
    "sent": "refunds sent on",
    "events": "orphans worked",
    "failed": "failed to be brought in line",
}

type Progress = Callable[[datetime], None]


class Reconciliation:
    """One run. `counts` grows while `steps` are taken; `unanswered` says why it did not come to its end: what ailed
    the gateway, or `failed` for an error of ours."""

    def __init__(self, gateway: str, window: Window, *, dry_run: bool = False) -> None:
        self.gateway, self.window, self.dry_run = gateway, window, dry_run
        self.counts: Counter[str] = Counter()
        self.unanswered = ""

    def steps(self, progress: Progress = lambda done: None) -> Generator[Step]:
        """Every deed as it is done. A gateway that does not answer ends the run, which the next one takes up."""
        run = self._begin()
        work = Work(self.gateway, gateways.online(self.gateway), self.dry_run, self.counts)
        try:
            yield from self._slices(run, work, progress)
            for step in self._ours(run, work):
                self.counts[step.deed.value] += 1
                yield step
        except GatewayError as error:
            self.unanswered = error.reason.value
            return
        if not self.dry_run:
            runs.finish(run, self.counts)

    def take_all(self, tell: Callable[[Step], None], progress: Progress = lambda done: None) -> None:
        """Take every step, and tell of it. Whatever goes wrong ends this run alone: other gateways have theirs."""
        try:
            for step in self.steps(progress):
                tell(step)
        except Exception:
            log.exception("reconciliation_failed", gateway=self.gateway)
            self.unanswered = "failed"

    def _begin(self) -> ReconciliationRun:
        if not self.dry_run:
            run = runs.begin(RunKind.PAYMENTS, self.gateway, self.window)
        else:
            # Where a real run would begin, without writing it down.
            found = runs.find_unfinished(RunKind.PAYMENTS, self.gateway, self.window)
            run = found or ReconciliationRun(since=self.window.since, done_until=self.window.since)
            run.until = self.window.until
        self.counts.update({name: int(count) for name, count in run.counts.items()})
        return run

    def _slices(self, run: ReconciliationRun, work: Work, progress: Progress) -> Iterator[Step]:
        begin, length = run.done_until, FIRST_SLICE
        while begin < run.until:
            end = min(begin + length, run.until)
            before = self.listed
            for stream in (paid.reconcile, refunded.reconcile, disputed.reconcile):
                for step in stream(work, begin, end):
                    self.counts[step.deed.value] += 1
                    yield step
            crashpoint(Seam.SLICE_WORKED)
            if not self.dry_run:
                runs.mark_done(run, end, self.counts)
            crashpoint(Seam.SLICE_NOTED)
            progress(end)
            begin, length = end, next_slice(min(length, end - begin + timedelta(seconds=1)), self.listed - before)

    def _ours(self, run: ReconciliationRun, work: Work) -> Iterator[Step]:
        """What no list has shown: what we have, what was cut off, and what waits for a person."""
        yield from paid.never_listed(work, run.since, run.until)
        yield from refunded.never_listed(work, run.since, run.until)
        yield from disputed.still_open(work, run.since)
        yield from chasing.chase(work)
        yield from kept.find_all(work)
        yield from reviewing.review_open(work)

    def as_json(self) -> Mapping[str, Any]:
        """What came of it, for a machine."""
        since, until = self.window.since.isoformat(), self.window.until.isoformat()
        counts = {name: self.counts[name] for name in _COUNTED}
        return {"since": since, "until": until, "unanswered": self.unanswered, **counts}

    def __str__(self) -> str:
        counts = ", ".join(f"{self.counts[name]} {word}" for name, word in _COUNTED.items())
        window = f"{self.window.since.isoformat()} to {self.window.until.isoformat()}"
        return f"{window}: {counts}" + (f"; did not answer: {self.unanswered}" if self.unanswered else "")

    @property
    def listed(self) -> int:
        """How much the gateway has listed so far."""
        return sum(self.counts[what] for what in ("payments", "refunds", "disputes"))
