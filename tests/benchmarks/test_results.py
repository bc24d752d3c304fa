"""What is kept of a run, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import parse_arguments
from benchmarks.hot import Hot
from benchmarks.listing import Listing
from benchmarks.placing import Load, Placing, shares_of_host
from benchmarks.results import Mails, Results, Statements
from benchmarks.statements import Statement
from benchmarks.system import Spent

PLACING = Placing(
    clients=8,
    orders=3600,
    orders_per_s=300.0,
    p50_ms=24.0,
    p95_ms=40.0,
    p99_ms=60.0,
    cpu_web_ms=2.4,
    cpu_database_ms=1.9,
    cpu_worker_ms=0.5,
    cpu_ms=4.3,
    busier_web_worker=0.5,
    generator_share=0.01,
    others_share=0.2,
    idle_share=0.1,
    yardstick_tps=3000.0,
    yardstick_latency_ms=2.6,
    yardstick_cpu_database_ms=0.3,
    yardstick_others_share=0.1,
    ratio=0.1,
)
COUNTED = [
    Statement("SELECT 1", 100, 0.2, 0.1),
    Statement("COMMIT", 50, 0.1, 0.0),
    Statement('SELECT 1 FROM ONLY "public"."customers_customer" x', 150, 1.0, 0.0),
]
HOT = Hot(8, 240.0, 300.0, 0.8, 1500.0, 2500.0, 3000.0)

LISTINGS = [Listing("all", 1_000, 1_000_000, 4.0, 4.4, 6.0), Listing("receipt", 1_000, 1_000_000, 4.0, 8.0, 9.0)]


def results() -> Results:
    return Results(
        datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        12.0,
        [PLACING],
        Statements(50, COUNTED),
        [HOT],
        mails=Mails(100, 3, 250.0),
    )


def test_a_foreign_keys_check_is_not_a_statement_that_was_sent() -> None:
    counted = Statements(50, COUNTED)
    assert (counted.per_order, counted.key_checks_per_order) == (3.0, 3.0)
    assert Statements(50, []).per_order is None


def test_goals_are_met_missed_or_not_known() -> None:
    assert [goal.met for goal in results().goals()] == [True, False, True, True, True]
    blind = Results(results().started_at, 12.0, [replace(PLACING, cpu_ms=None)])
    assert [goal.met for goal in blind.goals()] == [True, False, None]
    assert Results(results().started_at, 12.0, [replace(PLACING, clients=1)]).goals() == []


def test_a_list_may_not_grow_with_the_orders_behind_it() -> None:
    found = Results(results().started_at, 12.0, listing=LISTINGS)
    assert [(goal.name, goal.met) for goal in found.goals()] == [
        ("listing all of 1,000,000 orders, ratio to 1,000 <= 1.5", True),
        ("listing receipt of 1,000,000 orders, ratio to 1,000 <= 1.5", False),
    ]
    assert report.listing(LISTINGS).splitlines()[2].split() == ["receipt", "4.00", "8.00", "9.00", "2.00"]


def test_everything_is_kept_as_json(tmp_path: Path) -> None:
    kept = results().write(tmp_path)
    assert kept == tmp_path / "var" / "bench" / "20261121T093000Z.json"
    content = json.loads(kept.read_text())
    assert content["placing"][0]["ratio"] == 0.1
    assert content["statements_per_order"] == 3.0
    assert content["hot"][0]["clients"] == 8
    assert {"machine", "commit", "goals", "oversell"} <= content.keys()


def test_unknown_figures_are_dashes() -> None:
    lines = report.placing([PLACING, replace(PLACING, clients=32, cpu_ms=None)]).splitlines()
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert " - " in lines[2]


def test_every_part_can_be_printed() -> None:
    found = results()
    assert "SQL statements per order: 3.00" in report.statements(Statements(50, COUNTED))
    assert "not known" in report.statements(Statements(50, []))
    assert "0.80" in report.hot(found.hot)
    assert "sent 100 confirmation mails at 2.50 CPU ms" in report.mails(Mails(100, 3, 250.0))
    assert "NOT MET" in report.goals(found.goals())


def test_turns_fill_the_time() -> None:
    assert (Load((8,), 12.0).turns, Load((8,), 12.0).turn_s) == (6, 2.0)
    assert (Load((8,), 3.0).turns, Load((8,), 3.0).turn_s) == (2, 1.5)


def test_the_command_line_names_scenarios_that_exist() -> None:
    chosen = parse_arguments(["hot", "--clients", "2,4", "--quick"])
    assert (chosen.scenarios, chosen.clients, chosen.seconds) == (["hot"], (2, 4), 2.0)
    assert parse_arguments([]).scenarios == ["placing", "hot", "oversell", "listing", "pdf"]
    for wrong in (["teleport"], ["--clients", "0"], ["--clients", "many"]):
        with pytest.raises(SystemExit):
            parse_arguments(wrong)


def test_what_neither_we_nor_nobody_used_was_used_by_others() -> None:
    turn = Spent(web_ms=300.0, database_ms=200.0, worker_ms=100.0, host_busy_ms=900.0, host_idle_ms=100.0)
    assert shares_of_host([turn, turn], generator_ms=200.0) == (0.2, 0.1)
    assert shares_of_host([], generator_ms=0.0) == (None, None)
