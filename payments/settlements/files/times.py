"""The times of a settlement file, each as exactly as it is written: a day is a day, and not its midnight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from payments.settlements.files.fields import BadField, Fields, optional

_SECONDS = re.compile(r"\d{9,10}", re.ASCII)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?P<minute>[T ]\d{2}:\d{2}(?P<second>:\d{2}(\.\d{1,6})?)?)?(?P<zone>(Z|[+-]\d{2}:?\d{2}))?",
    re.ASCII,
)
_DAY_FIRST = re.compile(r"\d{2}/\d{2}/\d{4}(?P<minute> \d{2}:\d{2}(?P<second>:\d{2})?)?(?P<zone>)", re.ASCII)
_DAY_FIRST_AS = {10: "%d/%m/%Y", 16: "%d/%m/%Y %H:%M", 19: "%d/%m/%Y %H:%M:%S"}
_A_SECOND, _A_MINUTE, _A_DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
# How far from UTC a clock may be.
_FARTHEST = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Told:
    """A time, and the half-open stretch [since, until) within which it lies as it is written."""

    at: datetime
    since: datetime
    until: datetime


def told(fields: Fields, column: str, zone: tzinfo | None) -> Told:
    """A time: Unix seconds, ISO 8601, or day/month/year. What names no zone is in `zone`; without one it is shown as
    UTC and may be anywhere on earth. Raises BadField."""
    value = optional(fields, column)
    if _SECONDS.fullmatch(value):
        return _stretch(datetime.fromtimestamp(int(value), UTC), _A_SECOND)
    if written := _ISO.fullmatch(value):
        found = _parsed(column, value, None)
    elif written := _DAY_FIRST.fullmatch(value):
        found = _parsed(column, value, _DAY_FIRST_AS[len(value)])
    else:
        raise BadField(column, f"{value[:40]!r} is not a date")
    length = _A_SECOND if written["second"] else _A_MINUTE if written["minute"] else _A_DAY
    if written["zone"]:
        return _stretch(found, length)
    exact = _stretch(found.replace(tzinfo=zone or UTC), length)
    return exact if zone else Told(exact.at, exact.since - _FARTHEST, exact.until + _FARTHEST)


def exactly(at: datetime) -> Told:
    """A time to the second, which is what gateways count in."""
    return Told(at, at, at + _A_SECOND)


def told_if_any(fields: Fields, column: str, zone: tzinfo | None) -> Told | None:
    """The same for a time that may be missing."""
    return told(fields, column, zone) if optional(fields, column) else None


def _parsed(column: str, value: str, pattern: str | None) -> datetime:
    try:
        found = datetime.strptime(value, pattern) if pattern else datetime.fromisoformat(value)  # noqa: DTZ007 - told knows
    except ValueError:
        raise BadField(column, f"{value[:40]!r} is not a date") from None
    if not 2000 <= found.year < 3000:
        raise BadField(column, f"{value[:40]!r} is not of this time")
    return found


def _stretch(found: datetime, length: timedelta) -> Told:
    # Gateways count in whole seconds.
    at = found.astimezone(UTC).replace(microsecond=0)
    return Told(at, at, at + length)
