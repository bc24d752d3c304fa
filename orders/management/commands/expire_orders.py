"""Calls off the orders whose time to pay is over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kit import clock
from kit.progress import tracked
from orders import cancellation, expiry
from orders.expiry import Expiry, Outcome


class Command(BaseCommand):
    help = (
        "Cancel every order whose time to pay is over, after a last look at its gateway, as the periodic job does; "
        "exit 1 when a gateway could not be asked or an order could not be cancelled."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name the orders, ask nobody, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["dry_run"]:
            self._plan(now, as_json=options["json"])
        elif not self._expire(now, as_json=options["json"]):
            raise SystemExit(1)

    def _plan(self, now: datetime, *, as_json: bool) -> None:
        rows = cancellation.due_to_expire(now).values_list("number", "expires_at")
        orders = [{"number": number, "expires_at": at.isoformat()} for number, at in rows.iterator() if at]
        if as_json:
            self.stdout.write(json.dumps({"dry_run": True, "orders": orders}))
            return
        for order in orders:
            self.stdout.write(f"Order {order['number']}, due since {order['expires_at']}")
        self.stdout.write(f"{len(orders)} orders would be looked at once more and cancelled.")

    def _expire(self, now: datetime, *, as_json: bool) -> bool:
        """True if nothing is left open."""
        counts: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
        unasked = 0
        for done in tracked(_all(now), title="Expiring", total=cancellation.due_to_expire(now).count()):
            counts[done.outcome] += 1
            unasked += not done.was_asked
        if as_json:
            self.stdout.write(json.dumps({"dry_run": False, **counts, "unasked": unasked}))
        else:
            self.stdout.write(
                f"{counts[Outcome.EXPIRED]} orders expired, {counts[Outcome.KEPT]} were kept, "
                f"{counts[Outcome.FAILED]} failed; the gateway could not be asked about {unasked}."
            )
        return not unasked and not counts[Outcome.FAILED]


def _all(now: datetime) -> Iterator[Expiry]:
    for order_ids in expiry.rounds(now):
        yield from expiry.expire(order_ids, now=now)
