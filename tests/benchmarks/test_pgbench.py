"""pgbench's summary."""

from __future__ import annotations

import pytest

from benchmarks.pgbench import SCRIPTS, Pace, YardstickFailed, parse

SUMMARY = """\
pgbench (18.6)
transaction type: place.sql
scaling factor: 1
query mode: prepared
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 6157
number of failed transactions: 0 (0.000%)
latency average = 2.598 ms
initial connection time = 8.412 ms
tps = 3078.924415 (without initial connection time)
"""


def test_a_summary_is_read() -> None:
    assert parse(SUMMARY) == Pace(transactions=6157, tps=3078.924415, latency_ms=2.598)


def test_failed_transactions_are_no_measurement() -> None:
    with pytest.raises(YardstickFailed):
        parse(SUMMARY.replace("failed transactions: 0", "failed transactions: 3"))


def test_what_is_no_summary_is_shown_as_it_is() -> None:
    with pytest.raises(YardstickFailed, match="connection refused"):
        parse("pgbench: error: connection refused")


def test_every_script_is_one_transaction_of_two_lines() -> None:
    for name in ("place", "place_hot", "place_hot_late"):
        script = (SCRIPTS / f"{name}.sql").read_text()
        assert (script.count("BEGIN;"), script.count("COMMIT;"), script.count("UPDATE b.stock")) == (1, 1, 2)
