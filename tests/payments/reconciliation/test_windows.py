"""Which stretch of time is reconciled, and in which slices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.reconciliation.windows import (
    LONGEST_SLICE,
    SHORTEST_SLICE,
    BadWindow,
    next_slice,
    parse_moment,
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21T09:00:00+05:30", datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
        ("2026-11-21T09:00", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21 09:00:00.5Z", datetime(2026, 11, 21, 9, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_day_of_the_shop_or_an_instant(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


def test_a_day_begins_when_it_does_where_the_shop_is(settings: object) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"  # type: ignore[attr-defined]
    assert parse_moment("2026-11-21") == datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "now", "21.11.2026", "2026-13-01", "2026-02-30", "1763712000", "2026-11-21T25:00"]
)
def test_what_is_no_moment_is_refused_with_its_spelling(text: str) -> None:
    with pytest.raises(BadWindow, match="neither a date"):
        parse_moment(text)


@given(st.timedeltas(SHORTEST_SLICE, LONGEST_SLICE), st.integers(0, 10_000_000))
def test_slices_shrink_where_much_is_listed_and_grow_where_little_is(length: timedelta, listed: int) -> None:
    following = next_slice(length, listed)
    assert SHORTEST_SLICE <= following <= LONGEST_SLICE
    if listed > 10_000:
        assert following <= length
    if listed < 1_000:
        assert following >= length
