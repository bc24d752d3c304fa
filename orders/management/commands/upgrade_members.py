"""Upgrades members who have bought enough, by the shop's own rule."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kit import clock
from kit.progress import tracked
from orders.memberships import automatic
from orders.memberships.automatic import Outcome


class Command(BaseCommand):
    help = (
        "Carry out the automatic upgrades that have waited long enough, and begin those of members who have bought "
        "enough since, as the periodic job does; exit 1 when one failed. Safe to run twice, or twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name who has bought enough, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["dry_run"]:
            self._plan(as_json=options["json"])
            return
        counts: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
        counts.update(tracked(automatic.carry_out_all(now), title="Upgrading", total=None))
        counts.update(tracked(automatic.begin_all(now), title="Beginning", total=None))
        shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        self.stdout.write(json.dumps({"dry_run": False, **counts}) if options["json"] else f"Upgrades: {shown}.")
        if counts[Outcome.FAILED]:
            raise SystemExit(1)

    def _plan(self, *, as_json: bool) -> None:
        found = [
            {"customer_id": str(one.customer_id), "tier": one.tier, "bought": str(one.bought)}
            for one in automatic.find_qualified(clock.now())
        ]
        if as_json:
            self.stdout.write(json.dumps({"dry_run": True, "members": found}))
            return
        for row in found:
            self.stdout.write(f"Customer {row['customer_id']} to tier {row['tier']}, bought for {row['bought']}")
        self.stdout.write(f"{len(found)} upgrades would begin.")
