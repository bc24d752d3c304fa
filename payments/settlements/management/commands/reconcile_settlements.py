"""Compares what the gateways paid out with what they collected for us. See docs/settlements.md."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit.money import Money
from payments.collecting import is_configured
from payments.models import GatewayName
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import Discrepancy, RunKind
from payments.reconciliation.windows import BadWindow, asked_window
from payments.settlements.files.fields import Unit
from payments.settlements.files.reading import BadFile
from payments.settlements.importing import File, import_file
from payments.settlements.reconciling import GATEWAYS, LOCK, Counts, reconcile_gateway
from payments.settlements.staging import Header

REFUSED = 2


class Command(BaseCommand):
    help = (
        "Book what the gateways paid out, line by line, from their API or from a file, and put before a person what "
        "does not match. Exit 1 when something is left open or a gateway did not answer, 2 when a file is not "
        "believed. Safe to run twice, or twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        moment = "a date in the shop's time zone (its beginning) or an instant, ISO 8601"
        parser.add_argument("--since", help=f"settlements from here on: {moment}")
        parser.add_argument("--until", help=f"and before this: {moment}")
        parser.add_argument("--gateway", choices=GATEWAYS, help="this gateway alone; whose file it is")
        parser.add_argument("--file", type=Path, help="a settlement file instead of a window")
        parser.add_argument(
            "--amounts", choices=[unit.value for unit in Unit], help="what the file's amounts are in, if unusual"
        )
        parser.add_argument(
            "--wait", type=float, default=600, help="how many seconds a file waits for another reconciliation [600]"
        )
        parser.add_argument("--by", default="", help="who imports the file [the account that runs this]")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        # Another run does what this one would have done, but for a file.
        with only_one(LOCK, patience_s=options["wait"] if options["file"] else 0) as is_alone:
            if not is_alone:
                told = {"state": "already_running"}
                self.stdout.write(json.dumps(told) if options["json"] else "A reconciliation is already running.")
                if options["file"]:
                    raise SystemExit(1)
                return
            done = self._import(options) if options["file"] else self._reconcile(options)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(done, dry_run=options["dry_run"])))
        else:
            self._write(done, dry_run=options["dry_run"])
        if any(counts.open or counts.not_reached for counts in done.values()):
            raise SystemExit(1)

    def _import(self, options: dict[str, Any]) -> dict[str, Counts]:
        name, path = options["gateway"], options["file"]
        if name is None:
            raise CommandError("whose file is it? Say so by --gateway", returncode=REFUSED)
        if options["since"] or options["until"]:
            raise CommandError("a file is imported as a whole, without --since and --until", returncode=REFUSED)
        unit = Unit(options["amounts"]) if options["amounts"] else None
        file = File(name, path, unit, imported_by=options["by"] or getpass.getuser())
        try:
            return {name: import_file(file, dry_run=options["dry_run"], watch=self._watch)}
        except BadFile as error:
            raise CommandError(f"not imported: {error}", returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"not imported: {path.name}: {error.strerror}", returncode=REFUSED) from None

    def _reconcile(self, options: dict[str, Any]) -> dict[str, Counts]:
        names = [name for name in GATEWAYS if is_configured(GatewayName(name)) and options["gateway"] in (None, name)]
        if not names:
            raise CommandError("no such gateway is configured")
        since, until = options["since"], options["until"]
        try:
            windows = {name: asked_window(since, until, gateway=name, kind=RunKind.SETTLEMENTS) for name in names}
        except BadWindow as error:
            raise CommandError(str(error), returncode=2) from None
        dry_run = options["dry_run"]
        return {name: reconcile_gateway(name, windows[name], dry_run=dry_run, watch=self._watch) for name in names}

    def _watch(self, headers: Sequence[Header], what: str) -> Iterator[Header]:
        """A bar where somebody looks, else nothing."""
        if not self.stderr.isatty():
            return iter(headers)
        from rich.console import Console
        from rich.progress import track

        return iter(track(headers, description=what, console=Console(stderr=True), transient=True))

    def _write(self, done: dict[str, Counts], *, dry_run: bool) -> None:
        for name, counts in done.items():
            for discrepancy in counts.shown:
                self.stdout.write(f"{name}: {_in_words(discrepancy)}")
            if counts.open > len(counts.shown):
                self.stdout.write(f"{name}: ... and {counts.open - len(counts.shown)} more")
            self.stdout.write(f"{name}: {_summary(counts)}")
        if dry_run:
            self.stdout.write("Nothing was written.")


def _in_words(each: Discrepancy) -> str:
    """What differs, where a file says so, by how much, and what both sides say."""
    where = ""
    if "file" in each.theirs:
        line = f", line {each.theirs['file_line']}" if "file_line" in each.theirs else ""
        where = f" ({each.theirs['file']}{line})"
    more = Money(each.amount_minor, each.currency)
    return (
        f"{each.get_kind_display()}: {each.gateway_id}{where}: {more.major:+f} {more.currency}; "
        f"ours {json.dumps(each.ours)} theirs {json.dumps(each.theirs)}"
    )


def _summary(counts: Counts) -> str:
    file = "this file was imported before; " if counts.known_file else ""
    if counts.rows or counts.rows_not_settled:
        file = f"{counts.rows} rows of the file, {counts.rows_not_settled} more are not settled; "
    reached = f"; the gateway did not answer ({counts.not_reached})" if counts.not_reached else ""
    return (
        f"{file}{counts.settlements} settlements read, {counts.new_lines} new lines, "
        f"{counts.matched_later} matched at last, {counts.unsettled} payments long unsettled; "
        f"{counts.open} discrepancies wait for a person{reached}"
    )


def _as_json(done: dict[str, Counts], *, dry_run: bool) -> dict[str, Any]:
    return {
        "state": "unfinished" if any(counts.not_reached for counts in done.values()) else "complete",
        "dry_run": dry_run,
        "open": sum(counts.open for counts in done.values()),
        "gateways": {
            name: {
                "settlements": counts.settlements,
                "new_lines": counts.new_lines,
                "rows": counts.rows,
                "rows_not_settled": counts.rows_not_settled,
                "known_file": counts.known_file,
                "matched_later": counts.matched_later,
                "unsettled": counts.unsettled,
                "open": counts.open,
                "not_reached": counts.not_reached,
                "discrepancies": [_discrepancy(each) for each in counts.shown],
            }
            for name, counts in done.items()
        },
    }


def _discrepancy(each: Discrepancy) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "gateway_id": each.gateway_id,
        "currency": each.currency,
        "amount_minor": each.amount_minor,
        "ours": each.ours,
        "theirs": each.theirs,
        "proposed": each.proposed,
    }
