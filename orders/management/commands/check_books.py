"""Proves that stock, status and payments add up."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orders.books import SHOWN, find_offenders


class Command(BaseCommand):
    help = "Check every invariant of stock, status and payments; exit 1 naming each offender."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        checks = list(find_offenders())
        broken = [check for check in checks if check.offenders]
        if options["json"]:
            offenders = {check.name: [list(map(str, row)) for row in check.offenders] for check in broken}
            self.stdout.write(json.dumps({"checked": [check.name for check in checks], "offenders": offenders}))
        else:
            for check in checks:
                self.stdout.write(f"{'BROKEN' if check.offenders else 'ok    '} {check.name}")
                for row in check.offenders:
                    self.stdout.write("         " + ", ".join(map(str, row)))
                if len(check.offenders) == SHOWN:
                    self.stdout.write(f"         (the first {SHOWN})")
            self.stdout.write(f"{len(checks)} invariants checked, {len(broken)} broken.")
        if broken:
            raise SystemExit(1)
