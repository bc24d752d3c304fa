"""Ends customers' credit that is over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kit import clock
from kit.money import Money
from kit.progress import tracked
from orders.credits import ending
from orders.credits.ending import Ended
from payments.credits import expiring


class Command(BaseCommand):
    help = (
        "End every credit whose term is over, as the periodic job does: each customer's is a transaction of its own. "
        "May be cut off and run again, or twice at once; exit 1 when a customer's could not be ended."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name the customers, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["dry_run"]:
            self._plan(now, as_json=options["json"])
        elif not self._expire(now, as_json=options["json"]):
            raise SystemExit(1)

    def _plan(self, now: datetime, *, as_json: bool) -> None:
        rows = [
            {"customer": str(one.customer_id), "amount": str(Money(one.amount_minor, one.currency))}
            for found in expiring.rounds(now)
            for one in found
        ]
        if as_json:
            self.stdout.write(json.dumps({"dry_run": True, "credits": rows}))
            return
        for row in rows:
            self.stdout.write(f"{row['customer']}  {row['amount']}")
        self.stdout.write(f"The credit of {len(rows)} customers would end.")

    def _expire(self, now: datetime, *, as_json: bool) -> bool:
        """True if nothing is left open."""
        ended: Counter[str] = Counter()
        customers = failed = 0
        for done in tracked(_all(now), title="Ending"):
            failed += done.failed
            customers += done.amount_minor > 0
            ended[done.currency] += done.amount_minor
        sums = {currency: str(Money(minor, currency).major) for currency, minor in sorted(ended.items()) if minor}
        if as_json:
            told = {"dry_run": False, "customers": customers, "ended": sums, "failed": failed}
            self.stdout.write(json.dumps(told))
        else:
            shown = ", ".join(f"{amount} {currency}" for currency, amount in sums.items()) or "nothing"
            self.stdout.write(f"Ended for {customers} customers: {shown}; {failed} failed.")
        return not failed


def _all(now: datetime) -> Iterator[Ended]:
    for found in expiring.rounds(now):
        yield from ending.end(found, now=now)
