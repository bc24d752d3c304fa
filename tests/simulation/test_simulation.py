"""Schedules of everything that can happen to money; after each the books hold and agree with the gateways'.

See docs/testing.md. A schedule that fails is made smaller by hypothesis and printed as a program, with the seed that
found it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.fresh import worlds
from tests.simulation.machine import Refunds, Schedule, Story
from tests.simulation.world import World

SCHEDULES, SEED, SHARDS, STEPS = 300, 2026, 4, 25


def simulate(
    story: type[Story], open_world: Callable[[], World], *, schedules: int, number: int, shrink: bool = False
) -> None:
    """Run so many schedules made from this seed; raises what the first one raises that fails, with its program."""
    machine = type("Simulation", (story,), {"open_world": staticmethod(open_world)})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=schedules,
            stateful_step_count=STEPS,
            phases=tuple(Phase) if shrink else (Phase.generate,),
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("shard", range(SHARDS))
def test_whatever_happens_the_books_hold(
    db: None, monkeypatch: pytest.MonkeyPatch, shard: int, pytestconfig: pytest.Config
) -> None:
    schedules = pytestconfig.getoption("--schedules", default=None) or SCHEDULES
    given = pytestconfig.getoption("--seed", default=None)
    first = SEED if given is None else given
    print(f"again: python -m pytest tests/simulation -k 'hold[{shard}]' --schedules {schedules} --seed {first}")
    shrink = not pytestconfig.getoption("--no-shrink", default=False)
    with worlds(monkeypatch) as open_world:
        simulate(Schedule, open_world, schedules=-(-schedules // SHARDS), number=first + shard, shrink=shrink)


@pytest.mark.parametrize("forgets_refunds", [False, True])
def test_a_shop_that_does_not_name_its_refunds_is_found_out(
    db: None, monkeypatch: pytest.MonkeyPatch, *, forgets_refunds: bool
) -> None:
    """The control: at a gateway that cannot tell a repeated refund from a second one, some schedule sends too much."""
    found = pytest.raises(AssertionError, match="made twice") if forgets_refunds else nullcontext()
    with worlds(monkeypatch, forgets_refunds=forgets_refunds) as open_world, found:
        simulate(Refunds, open_world, schedules=20, number=SEED)
