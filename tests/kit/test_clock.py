"""The clock shows the present, in UTC, and can be turned within a block."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from kit import clock

_TOLERANCE = timedelta(seconds=2)


def _off_by() -> timedelta:
    return clock.now() - datetime.now(UTC)


def test_the_clock_shows_the_present_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(_off_by()) < _TOLERANCE


def test_turns_add_up_and_end_with_their_block_even_after_an_error() -> None:
    with clock.turned(timedelta(days=1)):
        with clock.turned(timedelta(days=2)):
            assert abs(_off_by() - timedelta(days=3)) < _TOLERANCE
            assert clock.turned_by() == timedelta(days=3)
        assert abs(_off_by() - timedelta(days=1)) < _TOLERANCE
    with pytest.raises(RuntimeError), clock.turned(timedelta(days=1)):
        raise RuntimeError
    assert abs(_off_by()) < _TOLERANCE
    assert clock.turned_by() == timedelta(0)


def test_another_thread_keeps_its_own_time() -> None:
    seen: list[timedelta] = []
    with clock.turned(timedelta(days=1)):
        thread = threading.Thread(target=lambda: seen.append(_off_by()))
        thread.start()
        thread.join()
    assert abs(seen[0]) < _TOLERANCE
