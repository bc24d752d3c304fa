"""Ends the memberships whose time is over, and reminds those whose end is near."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from customers.memberships import expiry, reminders
from customers.memberships.expiry import Outcome
from kit import clock
from kit.progress import tracked


class Command(BaseCommand):
    help = (
        "End every membership whose time is over and write the reminders that are due, as the periodic jobs do; exit 1 "
        "when one could not be ended. Safe to run twice, or twice at once; after a break it goes on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name the memberships, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["dry_run"]:
            self._plan(now, as_json=options["json"])
        elif not self._expire(now, as_json=options["json"]):
            raise SystemExit(1)

    def _plan(self, now: datetime, *, as_json: bool) -> None:
        rows = expiry.due_to_expire(now).values_list("pk", "customer_id", "tier", "ends_at")
        memberships = [
            {"id": str(pk), "customer_id": str(customer), "tier": tier, "ends_at": at.isoformat()}
            for pk, customer, tier, at in rows.iterator()
        ]
        due = reminders.count_reminders(now)
        if as_json:
            self.stdout.write(json.dumps({"dry_run": True, "memberships": memberships, "reminders": due}))
            return
        for row in memberships:
            self.stdout.write(f"Customer {row['customer_id']}, tier {row['tier']}, over since {row['ends_at']}")
        self.stdout.write(f"{len(memberships)} memberships would end, {due} members would be reminded.")

    def _expire(self, now: datetime, *, as_json: bool) -> bool:
        """True if nothing is left open."""
        counts: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
        for outcome in tracked(expiry.expire_all(now), title="Expiring", total=expiry.due_to_expire(now).count()):
            counts[outcome] += 1
        reminded = reminders.want_reminders(now)
        if as_json:
            self.stdout.write(json.dumps({"dry_run": False, **counts, "reminders": reminded}))
        else:
            self.stdout.write(
                f"{counts[Outcome.EXPIRED]} memberships ended, {counts[Outcome.KEPT]} were kept, "
                f"{counts[Outcome.FAILED]} failed; {reminded} members are reminded."
            )
        return not counts[Outcome.FAILED]
