"""Loads tax rates from a CSV file. See docs/taxes.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.models import TaxRate
from catalog.tax_rates.keeping import percent_of
from catalog.tax_rates.loading import COLUMNS, BadRates, load_rates

REFUSED = 2


class Command(BaseCommand):
    help = (
        f"Load tax rates from a CSV file with the columns {', '.join(COLUMNS)}; rates in percent, days as 2026-01-31. "
        "All of it or nothing; what has begun can only be ended. Exit 2 when the file is not believed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_rates(options["file"], dry_run=options["dry_run"])
        except BadRates as error:
            if options["json"]:
                self.stdout.write(json.dumps({"faults": error.faults}))
            else:
                self.stderr.write("\n".join([*error.faults, "Nothing was loaded."]))
            raise SystemExit(REFUSED) from None
        if options["json"]:
            told = {
                "dry_run": options["dry_run"],
                "added": [_as_json(rate) for rate in loaded.added],
                "changed": [_as_json(rate) for rate in loaded.changed],
                "unchanged": loaded.unchanged,
            }
            self.stdout.write(json.dumps(told))
            return
        for word, rates in (("add", loaded.added), ("change", loaded.changed)):
            for rate in rates:
                self.stdout.write(f"{word:<7} {rate}: {percent_of(rate.rate_ppm)} % from {rate.valid_from}")
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{len(loaded.added)} {would}added, {len(loaded.changed)} {would}changed, {loaded.unchanged} as they were."
        )


def _as_json(rate: TaxRate) -> dict[str, str]:
    return {
        "name": rate.name,
        "country": rate.country,
        "state": rate.state,
        "postcodes": rate.postcodes,
        "category": rate.category,
        "rate": percent_of(rate.rate_ppm),
        "zero_reason": rate.zero_reason,
        "valid_from": str(rate.valid_from),
        "valid_until": str(rate.valid_until or ""),
    }
