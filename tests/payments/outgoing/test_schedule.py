"""Three days of pauses that grow, and a rest for who asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.outgoing.recording import read_retry_after
from payments.outgoing.schedule import GIVE_UP_AFTER, PAUSES, next_try, subscription_pause

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("tries", "pause"), [*enumerate(PAUSES, start=1), (9, PAUSES[-1]), (50, PAUSES[-1])])
def test_the_pause_after_each_try_is_the_documented_one_within_a_fifth(tries: int, pause: timedelta) -> None:
    found = {next_try(now=NOW, wanted_at=NOW, times_tried=tries) for _ in range(200)}
    assert len(found) > 100
    assert all(at is not None and pause * 0.8 <= at - NOW <= pause * 1.2 for at in found)


def test_tries_go_on_for_three_days_and_no_longer() -> None:
    at: datetime | None = NOW
    tries, last = 0, NOW
    while at is not None:
        tries, last = tries + 1, at
        at = next_try(now=at, wanted_at=NOW, times_tried=tries)
    assert GIVE_UP_AFTER - timedelta(hours=7.2) < last - NOW <= GIVE_UP_AFTER
    assert 15 <= tries <= 22


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (timedelta(seconds=1), None),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(days=9), timedelta(hours=6)),
    ],
)
def test_a_receiver_may_put_us_off_within_bounds(asked: timedelta, pause: timedelta | None) -> None:
    at = next_try(now=NOW, wanted_at=NOW, times_tried=1, retry_after=asked)
    assert at is not None
    assert at - NOW == pause if pause else PAUSES[0] * 0.8 <= at - NOW <= PAUSES[0] * 1.2


def test_a_failing_subscriber_rests_longer_each_time() -> None:
    pauses = [subscription_pause(failures).total_seconds() for failures in (1, 2, 5, 9, 10, 1000)]
    assert pauses == [2, 4, 32, 512, 900, 900]
    assert subscription_pause(1, timedelta(minutes=20)) == timedelta(minutes=20)
    assert subscription_pause(1, timedelta(days=1)) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("99999999999999999999", timedelta(seconds=10**6)),
        ("Sat, 21 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("Sat, 21 Nov 2026 12:05:00 -0000", timedelta(minutes=5)),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 12:05:00 GMT", None),
    ],
)
def test_retry_after_is_read_or_ignored(text: str, pause: timedelta | None) -> None:
    assert read_retry_after(text, NOW) == pause
