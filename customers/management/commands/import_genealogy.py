"""Places whole genealogies. See docs/genealogy.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from customers.genealogy.importing import BadGenealogy, Counts, import_file
from customers.genealogy.staging import LineFault
from kit.csv_rows import BadFile
from kit.progress import tracked

REFUSED = 2


class Command(BaseCommand):
    help = (
        "Place the customers of a CSV file below the sponsors that it names: columns customer and sponsor, each an "
        "e-mail or a customer's id, no sponsor for the top; rows in any order. A fault in any line, and nothing is "
        "placed: exit 2. Safe to run twice, or twice at once; after a break it goes on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV in UTF-8; commas, semicolons or tabs")
        parser.add_argument("--dry-run", action="store_true", help="read and check everything, place nobody")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        path, dry_run, as_json = options["file"], options["dry_run"], options["json"]
        try:
            counts = import_file(path, dry_run=dry_run, watch=_watch)
        except BadGenealogy as refusal:
            self._refuse(path, refusal.faults, as_json=as_json, placed=refusal.placed)
        except BadFile as refusal:
            self._refuse(path, [LineFault(refusal.line or 0, refusal.why)], as_json=as_json)
        except OSError as error:
            self._refuse(path, [LineFault(0, error.strerror or "cannot be read")], as_json=as_json)
        else:
            self._tell(counts, dry_run=dry_run, as_json=as_json)

    def _tell(self, counts: Counts, *, dry_run: bool, as_json: bool) -> None:
        if as_json:
            told = {"rows": counts.rows, "placed": counts.placed, "unchanged": counts.unchanged, "faults": []}
            self.stdout.write(json.dumps({"dry_run": dry_run, **told}))
            return
        would_be = "would be" if dry_run else "were"
        self.stdout.write(
            f"{counts.rows} rows: {counts.placed} customers {would_be} placed, {counts.unchanged} stand there already."
        )

    def _refuse(self, path: Path, faults: Iterable[LineFault], *, as_json: bool, placed: int = 0) -> None:
        """Raises, after the faults were told."""
        if as_json:
            told = [{"line": fault.line or None, "why": fault.why} for fault in faults]
            self.stdout.write(json.dumps({"placed": placed, "faults": told}))
            raise SystemExit(REFUSED)
        lines = [f"{path.name}{f', line {fault.line}' if fault.line else ''}: {fault.why}" for fault in faults]
        raise CommandError("\n".join([f"{placed or 'nobody'} placed, because:", *lines]), returncode=REFUSED)


def _watch(items: Iterable[Any], what: str, total: int | None) -> Iterable[Any]:
    return tracked(items, title=what, total=total)
