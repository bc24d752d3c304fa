"""How far a reconciliation has come, so that the next one goes on where it was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kit import clock
from payments.reconciliation.models import ReconciliationRun, RunKind, RunState
from payments.reconciliation.windows import Window


def find_unfinished(kind: RunKind, gateway: str, window: Window) -> ReconciliationRun | None:
    """The last run, if it was cut off and is about the same window: the very same where somebody named it, else any
    that nobody named."""
    last = ReconciliationRun.objects.filter(kind=kind, gateway=gateway, asked=window.asked).order_by("-pk").first()
    if last is None or last.state != RunState.UNFINISHED:
        return None
    return last if not window.asked or (last.since, last.until) == (window.since, window.until) else None


def begin(kind: RunKind, gateway: str, window: Window) -> ReconciliationRun:
    """A run of the window, or the unfinished one, which now goes on to the window's end."""
    run = find_unfinished(kind, gateway, window)
    if run is None:
        return ReconciliationRun.objects.create(
            kind=kind,
            gateway=gateway,
            asked=window.asked,
            since=window.since,
            until=window.until,
            done_until=window.since,
        )
    run.until = max(run.until, window.until)
    run.save(update_fields=["until"])
    return run


def mark_done(run: ReconciliationRun, until: datetime, counts: Mapping[str, int]) -> None:
    """Everything before this moment is done."""
    run.done_until, run.counts = until, dict(counts)
    run.save(update_fields=["done_until", "counts"])


def finish(run: ReconciliationRun, counts: Mapping[str, int]) -> None:
    """The whole window is done."""
    run.state, run.finished_at, run.counts = RunState.COMPLETE, clock.now(), dict(counts)
    run.save(update_fields=["state", "finished_at", "counts"])
