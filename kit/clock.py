"""The clock that all business rules read, so that tests can turn it.

Never used to order rows (the database's sequences do that), only to say when something happened or is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, tzinfo

_turned_by: ContextVar[timedelta] = ContextVar("clock_turned_by", default=timedelta(0))


def now() -> datetime:
    """The present instant, in UTC, aware."""
    return datetime.now(UTC) + _turned_by.get()


def day_in(zone: tzinfo) -> date:
    """The present day in a time zone."""
    return now().astimezone(zone).date()


def turned_by() -> timedelta:
    """How far the clock is turned, to turn the database's as far: nothing, but in tests."""
    return _turned_by.get()


@contextmanager
def turned(by: timedelta) -> Iterator[None]:
    """Within the block, in this thread, the clock shows the present plus `by`. Nested turns add up."""
    token = _turned_by.set(_turned_by.get() + by)
    try:
        yield
    finally:
        _turned_by.reset(token)
