"""Which orders all-orders is asked for: the filters, the periods of the shop's calendar, and the cursor."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from kit import strict_json
from orders.models import OrderType
from orders.queries import OrderQuerySet, Position
from orders_project.dialects.commerce import errors
from orders_project.dialects.commerce.errors import Faults, Told
from orders_project.dialects.commerce.reading import whole_of

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
_LONGEST_CURSOR = 200
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2}),(\d{4}-\d{2}-\d{2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Far enough from the ends of what a date can be for any time zone.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000

type Days = tuple[date, date]
"""The first and the last day of a period."""


def _last_month(today: date) -> Days:
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


PERIODS: Mapping[str, Callable[[date], Days]] = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - timedelta(days=1), today - timedelta(days=1)),
    # weeks begin with Monday
    "this_week": lambda today: (today - timedelta(days=today.weekday()), today),
    "last_7_days": lambda today: (today - timedelta(days=6), today),
    "this_month": lambda today: (today.replace(day=1), today),
    "last_month": _last_month,
    "this_year": lambda today: (today.replace(month=1, day=1), today),
}
OWN_DATES = "YYYY-MM-DD,YYYY-MM-DD"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for. `begins` and `ends` are instants; the end is no part of the period."""

    order_number: str | None
    number: int | None
    period: str | None
    begins: datetime | None
    ends: datetime | None
    category: str | None
    limit: int
    cursor: str | None
    position: Position | None

    def of(self, orders: OrderQuerySet) -> OrderQuerySet:
        """Those of the orders that are asked for, the newest first, and one more than the page has."""
        if self.number is not None:
            orders = orders.filter(number=self.number)
        if self.begins is not None and self.ends is not None:
            orders = orders.placed_between(self.begins, self.ends)
        if self.category is not None:
            orders = orders.filter(order_type=self.category)
        return orders.newest_first(self.position)[: self.limit + 1]


def read(query: Mapping[str, str], *, today: date, zone: tzinfo) -> Filters:
    """The filters of a query string; an empty one is as if it were not there. Raises Faults."""
    told: list[Told] = []
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    text = given.get("order_number") or given.get("order number")
    number = whole_of(text)
    if text is not None and number is None:
        told.append(Told("order_number", errors.NUMBER_INVALID))
    period = given.get("period")
    days = _days(period, today) if period else None
    if period and days is None:
        told.append(Told("period", errors.invalid("period")))
    category = given.get("category")
    if category is not None and category not in OrderType.values:
        told.append(Told("category", errors.invalid("category")))
    limit = whole_of(given["limit"]) if "limit" in given else DEFAULT_LIMIT
    if limit is None or not 1 <= limit <= MAX_LIMIT:
        told.append(Told("limit", f"Invalid limit. Limit must be between 1 and {MAX_LIMIT}."))
    cursor = given.get("cursor")
    position = _position(cursor) if cursor else None
    if cursor and position is None:
        told.append(Told("cursor", errors.invalid("cursor")))
    if told:
        raise Faults(told)
    begins, ends = _instants(days, zone) if days else (None, None)
    return Filters(text, number, period, begins, ends, category, limit or DEFAULT_LIMIT, cursor, position)


def cursor_of(position: Position) -> str:
    """What asks for the orders behind a place. Opaque to clients, but not secret."""
    micros = (position.placed_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"[{micros},{position.number}]".encode()).decode().rstrip("=")


def shown(filters: Filters, following: Position | None) -> dict[str, Any]:
    """`filter_data`: the filters applied, the choices for each, and where the next page begins."""
    return {
        "applied": {
            "order_number": filters.order_number,
            "period": filters.period,
            "category": filters.category,
            "limit": filters.limit,
            "cursor": filters.cursor,
        },
        "choices": {
            "order_number": "number",
            "period": [*PERIODS, OWN_DATES],
            "category": list(OrderType.values),
            "limit": {"min": 1, "max": MAX_LIMIT},
        },
        "next_cursor": cursor_of(following) if following else None,
    }


def _days(period: str, today: date) -> Days | None:
    if known := PERIODS.get(period):
        return known(today)
    found = _DATES.fullmatch(period)
    if found is None:
        return None
    try:
        first, last = (date.fromisoformat(text) for text in found.groups())
    except ValueError:
        return None
    return (first, last) if first <= last and first.year >= _FIRST_YEAR and last.year <= _LAST_YEAR else None


def _instants(days: Days, zone: tzinfo) -> tuple[datetime, datetime]:
    """When the days begin and end by that zone's clocks, which may have been turned between the two."""
    first, last = days
    begins = datetime.combine(first, time.min, zone)
    return begins.astimezone(UTC), datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC)


def _position(cursor: str) -> Position | None:
    if len(cursor) > _LONGEST_CURSOR:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        micros, number = strict_json.loads(raw)
        if type(micros) is not int or type(number) is not int:
            return None
        return Position(_EPOCH + timedelta(microseconds=micros), number)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        return None
