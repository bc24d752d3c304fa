"""Works received webhook events once more."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.management.progress import tracked
from orders.replaying import Replay, Selection, replay, stream, unknown_ids
from payments.models import EventState, GatewayName, WebhookEvent
from payments.reconciliation.locking import only_one
from payments.reconciliation.windows import BadWindow, parse_moment

_GATEWAYS = (GatewayName.STRIPE.value, GatewayName.RAZORPAY.value)


class Command(BaseCommand):
    help = (
        "Work received webhook events once more; exit 1 when some fail again, 2 for an id that no event has. Each asks "
        "its gateway what is true now: replaying what was worked already changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="WHEN", help="received at this date or instant, or later")
        parser.add_argument("--until", metavar="WHEN", help="received before this date or instant")
        parser.add_argument(
            "--state", choices=(*EventState.values, "all"), help="default: failed; with --id, whatever the state is"
        )
        parser.add_argument("--gateway", choices=_GATEWAYS)
        parser.add_argument("--id", type=int, action="append", dest="ids", metavar="ID", help="may be repeated")
        parser.add_argument("--dry-run", action="store_true", help="name the events, ask nobody, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = _selection(options)
        if unknown := unknown_ids(selection):
            # Nothing is worked: whoever mistyped one number wants to know before the others run.
            named = ", ".join(str(one) for one in unknown)
            raise CommandError(f"There is no event with the id {named}; nothing was done.", returncode=2)
        with only_one("replay_events") as alone:
            if not alone:
                self._say(options, {"running": True}, ["replay_events is running already."])
                return
            if options["dry_run"]:
                self._plan(options, selection)
                return
            failed = self._replay(options, selection)
        if failed:
            raise SystemExit(1)

    def _plan(self, options: dict[str, Any], selection: Selection) -> None:
        rows = [_named(event) for event in stream(selection)]
        lines = [f"{row['id']:>10}  {row['state']:<9} {row['gateway']:<9} {row['type']}" for row in rows]
        self._say(options, {"dry_run": True, "events": rows}, [*lines, f"{len(rows)} events would be worked."])

    def _replay(self, options: dict[str, Any], selection: Selection) -> int:
        """How many failed again."""
        counts: Counter[str] = Counter(dict.fromkeys(("worked", "orphaned", "failed"), 0))
        failures: list[dict[str, Any]] = []
        for done in tracked(replay(selection), title="Replaying", total=selection.events().count()):
            counts["failed" if done.failure else str(done.state)] += 1
            if done.failure:
                failures.append({**_named(done.event), "failure": done.failure})
                self._warn(options, done)
        total = sum(counts.values())
        summary = ", ".join(f"{count} {state}" for state, count in counts.items())
        self._say(options, {"dry_run": False, **counts, "failures": failures}, [f"{total} events: {summary}."])
        return counts["failed"]

    def _warn(self, options: dict[str, Any], done: Replay) -> None:
        if not options["json"]:
            self.stderr.write(f"Event {done.event.pk} ({done.event}) failed again: {done.failure}")

    def _say(self, options: dict[str, Any], report: dict[str, Any], lines: list[str]) -> None:
        for line in [json.dumps(report)] if options["json"] else lines:
            self.stdout.write(line)


def _selection(options: dict[str, Any]) -> Selection:
    try:
        since, until = (parse_moment(options[end]) if options[end] else None for end in ("since", "until"))
    except BadWindow as error:
        raise CommandError(str(error), returncode=2) from None
    ids = tuple(options["ids"] or ())
    state = options["state"] or ("all" if ids else EventState.FAILED.value)
    states = () if state == "all" else (EventState(state),)
    return Selection(states, options["gateway"] or "", ids, since, until)


def _named(event: WebhookEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "gateway": event.gateway,
        "type": event.event_type,
        "reference": event.gateway_reference or event.dispute_id,
        "state": event.state,
        "received_at": event.received_at.isoformat(),
    }
