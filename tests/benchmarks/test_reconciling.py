"""What is judged about reconciling many payments."""

from __future__ import annotations

from benchmarks.reconciling import Run, judge, table


def run(payments: int, seconds: float, peak_mib: float = 100) -> Run:
    return Run(payments, "stripe", 1, seconds, peak_mib)


def test_time_that_grows_with_the_number_and_memory_that_does_not_are_as_they_should_be() -> None:
    assert judge([run(10_000, 5), run(10_000, 4), run(100_000, 52), run(100_000, 38)]) == []


def test_time_that_grows_faster_is_a_fault() -> None:
    assert judge([run(10_000, 5), run(10_000, 4), run(100_000, 100), run(100_000, 38)]) == [
        "100000 payments take 2.00 times as long each"
    ]


def test_memory_that_grows_is_a_fault() -> None:
    faults = judge([run(10_000, 5), run(10_000, 4), run(100_000, 50, 450), run(100_000, 40, 100)])
    assert faults == ["100000 payments take 4.50 times the memory", "450 MiB"]


def test_each_run_has_a_line() -> None:
    assert table([run(10_000, 5)]).splitlines()[1].split() == ["10000", "stripe", "1", "5.0", "500", "100"]
