"""`make bench`: measures, prints, keeps the figures under var/bench/.

Exits with 1 when an answer was wrong, something was oversold or the books do not add up; with --strict also when a
goal is not met. Figures depend on the host, so without --strict a slow one is no failure.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import hot, listing, pdf, placing, report
from benchmarks.load import BrokenAnswer
from benchmarks.pgbench import YardstickFailed
from benchmarks.placing import Load, WrongAnswer
from benchmarks.purchases import Purchases
from benchmarks.results import GOAL_CLIENTS, Mails, Results, Statements
from benchmarks.system import NotStarted, System, running_system
from runner.binaries import PostgresUnavailable
from runner.console import say
from runner.refusal import Refusal
from runner.tether import die_with_parent

SCENARIOS = ("placing", "hot", "oversell", "listing", "pdf")
DIRECTORY = Path("var") / "bench"
COUNTING_S = 2.0
# All lists together take as long as this many other measurements.
LISTS = 4

_SENT = "SELECT count(*) FROM orders_notice WHERE sent_at IS NOT NULL"
_OUTSTANDING = "SELECT count(*) FROM orders_notice WHERE sent_at IS NULL"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--seconds", type=float, default=12.0, help="for each measurement (default: 12)")
    parser.add_argument("--clients", type=_numbers, default=(1, 8, 32), help="comma separated (default: 1,8,32)")
    parser.add_argument("--quick", action="store_true", help="two seconds each: does it run at all?")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is not met")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen.scenarios = chosen.scenarios or list(SCENARIOS)
    if chosen.quick:
        chosen.seconds = 2.0
    return chosen


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(number) for number in text.split(","))
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def run(system: System, scenarios: Sequence[str], load: Load, results: Results) -> None:
    """Measures the scenarios and says what was found as soon as it is. Raises WrongAnswer."""
    purchases, before = Purchases(system.shop, system.port), system.spent()
    placing.warm_up(system, purchases, load)
    if "placing" in scenarios:
        say("\nPlacing an order: two lines, cash on delivery, 10,000 products, 1,000 customers\n")
        results.placing += placing.measure(system, purchases, load)
        say(report.placing(results.placing))
        with system.counter.counting() as counted:
            orders = placing.buy(system, purchases.many(), clients=GOAL_CLIENTS, seconds=COUNTING_S).requests
        results.statements = Statements(orders, counted.statements)
        say("\n" + report.statements(results.statements))
    if "hot" in scenarios:
        say("\nOne line of each order is a product that everybody buys\n")
        results.hot += hot.measure(system, purchases, load)
        say(report.hot(results.hot))
    if "oversell" in scenarios:
        results.oversell = hot.oversell(system, purchases)
        say("\n" + report.oversell(results.oversell))
    if "listing" in scenarios:
        say(f"\nA merchant lists its payment orders: {listing.FEW:,} of them, or {listing.MANY:,}\n")
        results.listing += listing.measure(system, *listing.listers(system), load.seconds / LISTS)
        say(report.listing(results.listing))
    if "pdf" in scenarios:
        results.pdf = pdf.measure(system)
        say("\n" + report.pdf(results.pdf))
    worker_ms = system.spent().since(before).worker_ms
    results.mails = Mails(system.ask_database(_SENT), system.ask_database(_OUTSTANDING), worker_ms)
    say("\n" + report.mails(results.mails))
    _check_books(system)


def _check_books(system: System) -> None:
    """Raises WrongAnswer unless all that was sold adds up."""
    program = system.programs.manage("check_books")
    checked = subprocess.run(
        program.command, env=program.environment, cwd=program.directory, capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise WrongAnswer(f"The books do not add up:\n{checked.stdout}{checked.stderr}")
    say("The books add up.")


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    chosen = parse_arguments(arguments)
    # Like Ctrl-C: everything that was started ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if "MAKELEVEL" in os.environ:
        # A make that is killed cannot pass its end on.
        die_with_parent(signal.SIGTERM)
    checkout = Path.cwd()
    results = Results(datetime.now(UTC), chosen.seconds)
    say("Starting PostgreSQL, filling the shop, starting the servers ...")
    try:
        with running_system(checkout, checkout / DIRECTORY) as system:
            run(system, chosen.scenarios, Load(chosen.clients, chosen.seconds), results)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except (WrongAnswer, BrokenAnswer, NotStarted, YardstickFailed, Refusal, PostgresUnavailable, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    goals = results.goals()
    if goals:
        say(f"\nGoals\n{report.goals(goals)}")
    say(f"\nKept in {results.write(checkout).relative_to(checkout)}")
    return 1 if chosen.strict and not all(goal.met for goal in goals) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
