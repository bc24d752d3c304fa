"""Brings our books in line with what the gateways say of payments, refunds and disputes. See docs/reconciliation.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.reconciliation.running import LOCK, Reconciliation
from orders.reconciliation.steps import Step
from payments.collecting import is_configured
from payments.models import GatewayName
from payments.reconciliation import discrepancies
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import PAYMENT_KINDS, RunKind
from payments.reconciliation.windows import BadWindow, Window, asked_window

_ONLINE = [name.value for name in GatewayName if name != GatewayName.OFFLINE]


class Command(BaseCommand):
    help = (
        "Compare the gateways' payments, refunds and disputes with ours, heal what is certain and file what is not. "
        "Exit 1 when something is left open or a gateway did not answer. Safe to run twice, or twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        moment = "a date in the shop's time zone (its beginning) or an instant, ISO 8601"
        parser.add_argument("--since", help=f"what came about at the gateway from here on: {moment}")
        parser.add_argument("--until", help=f"and before this: {moment}")
        parser.add_argument("--gateway", choices=_ONLINE, help="this gateway alone")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name for name in _ONLINE if is_configured(GatewayName(name)) and options["gateway"] in (None, name)]
        if not names:
            raise CommandError("no such gateway is configured")
        with only_one(LOCK) as is_alone:
            if not is_alone:
                self._say_so(as_json=options["json"])
                return
            try:
                windows = {name: _window(name, options) for name in names}
            except BadWindow as error:
                raise CommandError(str(error), returncode=2) from None
            self._write_start(as_json=options["json"])
            runs = [self._reconcile(name, windows[name], options) for name in names]
        left_open = discrepancies.count_open(PAYMENT_KINDS, names)
        self._write_end(runs, left_open, options)
        if left_open or any(run.unanswered for run in runs):
            raise SystemExit(1)

    def _reconcile(self, name: str, window: Window, options: dict[str, Any]) -> Reconciliation:
        run = Reconciliation(name, window, dry_run=options["dry_run"])
        with _progress(self.stderr, name, window) as progress:
            run.take_all(partial(self._write_step, as_json=options["json"]), progress)
        return run

    # One object, written as its parts come: a plan of a million steps is never in memory.

    def _say_so(self, *, as_json: bool) -> None:
        self.stdout.write(
            json.dumps({"state": "already_running"}) if as_json else "A reconciliation is already running."
        )

    def _write_start(self, *, as_json: bool) -> None:
        self._separator = ""
        if as_json:
            self.stdout.write('{"steps": [', ending="")

    def _write_step(self, step: Step, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(self._separator + json.dumps(step.as_json()), ending="")
            self._separator = ", "
        else:
            self.stdout.write(str(step))

    def _write_end(self, runs: list[Reconciliation], left_open: int, options: dict[str, Any]) -> None:
        if options["json"]:
            state = "unfinished" if any(run.unanswered for run in runs) else "complete"
            told = {
                "state": state,
                "dry_run": options["dry_run"],
                "open": left_open,
                "gateways": {run.gateway: run.as_json() for run in runs},
            }
            self.stdout.write("], " + json.dumps(told)[1:])
            return
        for run in runs:
            self.stdout.write(f"{run.gateway}: {run}")
        plan = "Nothing was written. " if options["dry_run"] else ""
        self.stdout.write(f"{plan}{left_open} discrepancies wait for a person.")


def _window(gateway: str, options: dict[str, Any]) -> Window:
    return asked_window(options["since"], options["until"], gateway=gateway, kind=RunKind.PAYMENTS)


@contextmanager
def _progress(stream: Any, name: str, window: Window) -> Iterator[Callable[[datetime], None]]:
    """A bar where somebody looks, else nothing."""
    if not stream.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    whole = (window.until - window.since).total_seconds()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=whole)
        yield lambda done: bar.update(task, completed=whole - (window.until - done).total_seconds())
