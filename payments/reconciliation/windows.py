"""Which stretch of time is reconciled, and in which slices. All windows are half-open: [since, until)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from kit import clock
from payments.models import PaymentRequest
from payments.reconciliation.models import ReconciliationRun, RunKind, RunState

FIRST_SLICE, SHORTEST_SLICE, LONGEST_SLICE = timedelta(hours=1), timedelta(minutes=1), timedelta(days=8)
# A slice is what is lost when a run is cut off, and what a list's pages are counted in.
_FEW, _MANY = 1_000, 10_000


class BadWindow(ValueError):
    """What was asked for is no stretch of time. The text says why and is safe to show."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time to be reconciled. `asked` says that somebody named it."""

    since: datetime
    until: datetime
    asked: bool


def parse_moment(text: str) -> datetime:
    """An instant, or the beginning of a day in the shop's time zone. Raises BadWindow."""
    try:
        if len(text) == len("2026-11-21"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadWindow(f"{text!r} is neither a date (2026-11-21) nor an instant (2026-11-21T09:00:00Z)") from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.get_default_timezone())
    return moment


def asked_window(since: str | None, until: str | None, *, gateway: str, kind: RunKind) -> Window:
    """The window that somebody asked for; what was not named is the default. Raises BadWindow."""
    default = default_window(gateway, kind)
    begin = _whole(parse_moment(since)) if since else default.since
    end = _whole(parse_moment(until), up=True) if until else default.until
    if begin >= end:
        raise BadWindow(f"the window ends ({end.isoformat()}) before it begins ({begin.isoformat()})")
    return Window(begin, end, asked=bool(since or until))


def default_window(gateway: str, kind: RunKind) -> Window:
    """From the end of the last complete run, with an overlap for what changes late, to the present second and with it;
    the first one from our oldest request on."""
    until = _whole(clock.now(), up=True) + timedelta(seconds=1)
    complete = ReconciliationRun.objects.filter(kind=kind, gateway=gateway, state=RunState.COMPLETE, asked=False)
    last = complete.order_by("-pk").values_list("until", flat=True).first()
    if last is not None:
        return Window(min(_whole(last - settings.RECONCILE_OVERLAP), until - timedelta(seconds=1)), until, asked=False)
    oldest = PaymentRequest.objects.filter(gateway=gateway).aggregate(oldest=Min("created_at"))["oldest"]
    return Window(_whole(oldest or clock.now()) - timedelta(days=1), until, asked=False)


def lately(span: timedelta) -> Window:
    """The last stretch of time, of which a run says nothing about where the next begins."""
    until = _whole(clock.now(), up=True) + timedelta(seconds=1)
    return Window(until - span, until, asked=True)


def next_slice(length: timedelta, listed: int) -> timedelta:
    """How long the next slice is, after one of this length in which so much was listed."""
    if listed > _MANY:
        return max(length / 2, SHORTEST_SLICE)
    return min(length * 2, LONGEST_SLICE) if listed < _FEW else length


def _whole(moment: datetime, *, up: bool = False) -> datetime:
    """The moment in whole seconds, which is what gateways count in."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return whole + timedelta(seconds=1) if up and moment.microsecond else whole
