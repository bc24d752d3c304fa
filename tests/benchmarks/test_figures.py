"""The benchmarks' arithmetic."""

from __future__ import annotations

from benchmarks.figures import percentile, ratio


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, percent) for percent in (0, 20, 50, 95, 100)] == [1.0, 1.0, 3.0, 5.0, 5.0]
    assert percentile([7.0], 99) == 7.0


def test_nothing_measured_is_nothing() -> None:
    assert percentile([], 50) == 0.0


def test_a_ratio_with_an_unknown_side_is_unknown() -> None:
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(None, 4.0) is None
    assert ratio(1.0, None) is None
    assert ratio(1.0, 0.0) is None
