"""Placing an order of two lines, paid on delivery, side by side with the yardstick."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks import cpu
from benchmarks.figures import percentile, ratio
from benchmarks.load import Measured, ask
from benchmarks.pgbench import Pace
from benchmarks.purchases import Purchases
from benchmarks.system import Spent, System

PLACED = 204
# Both are measured in turns of about this length, so that a host that is disturbed for a while disturbs both.
TURN_S = 2.0
WARM_UP_S = 2.0


class WrongAnswer(Exception):
    """An order was not placed, or something was sold that there was none of; the message says what came instead."""


@dataclass(frozen=True)
class Load:
    """How hard and how long to measure."""

    clients: tuple[int, ...]
    seconds: float

    @property
    def turns(self) -> int:
        return max(math.ceil(self.seconds / TURN_S), 1)

    @property
    def turn_s(self) -> float:
        return self.seconds / self.turns


@dataclass
class Tally:
    """What came together over the turns of one measurement."""

    measured: Measured = field(default_factory=Measured)
    spent: list[Spent] = field(default_factory=list)
    busier_shares: list[float] = field(default_factory=list)

    def per_order(self, part: str) -> float | None:
        """Processor milliseconds per order of one part of the system; None where they are not known."""
        if not cpu.is_known():
            return None
        total: float = sum(getattr(spent, part) for spent in self.spent)
        return ratio(total, self.measured.requests)

    @property
    def rate(self) -> float:
        """Orders per second."""
        return self.measured.requests / self.measured.wall_s


@dataclass(frozen=True)
class Placing:
    """The figures for one number of clients. CPU in milliseconds per order or transaction."""

    clients: int
    orders: int
    orders_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_web_ms: float | None
    cpu_database_ms: float | None
    cpu_worker_ms: float | None
    cpu_ms: float | None
    busier_web_worker: float
    # Of all cores together while orders were placed.
    generator_share: float
    others_share: float | None
    idle_share: float | None
    yardstick_tps: float
    yardstick_latency_ms: float
    yardstick_cpu_database_ms: float | None
    yardstick_others_share: float | None
    ratio: float


def shares_of_host(turns: list[Spent], generator_ms: float) -> tuple[float | None, float | None]:
    """Of all cores' time during the turns, what programs outside the measurement took, and what nobody took."""
    busy, idle = sum(turn.host_busy_ms for turn in turns), sum(turn.host_idle_ms for turn in turns)
    ours = sum(turn.web_ms + turn.database_ms + turn.worker_ms for turn in turns) + generator_ms
    return ratio(max(busy - ours, 0.0), busy + idle), ratio(idle, busy + idle)


def warm_up(system: System, purchases: Purchases, load: Load) -> None:
    """Connections are open, code is loaded, plans are made, pages are cached."""
    # More connections than threads, so that every thread of every worker gets something to do.
    buy(system, purchases.many(), clients=max(16, *load.clients), seconds=WARM_UP_S)
    system.yardstick.measure("place", clients=8, seconds=1)


def measure(system: System, purchases: Purchases, load: Load) -> Iterator[Placing]:
    """For each number of clients. Raises WrongAnswer at the first order that is not placed."""
    for clients in load.clients:
        tally, paces, yardstick, pgbench_ms = Tally(), list[Pace](), list[Spent](), 0.0
        for _ in range(load.turns):
            with system.worker_paused():
                before, pgbench_before = system.spent(), cpu.used_by_ended_children_ms()
                paces.append(system.yardstick.measure("place", clients=clients, seconds=load.turn_s))
                yardstick.append(system.spent().since(before))
                pgbench_ms += cpu.used_by_ended_children_ms() - pgbench_before
            take_turn(system, purchases.many(), tally, clients=clients, seconds=load.turn_s)
        yield _placing(clients, tally, paces, yardstick, pgbench_ms)


def take_turn(system: System, requests: Iterator[bytes], tally: Tally, *, clients: int, seconds: float) -> None:
    """Buys for a while and adds what was seen to the tally."""
    before, workers_before = system.spent(), cpu.used_by_children_ms(system.web_pid)
    tally.measured.add(buy(system, requests, clients=clients, seconds=seconds))
    tally.spent.append(system.spent().since(before))
    used = [now - then for now, then in zip(cpu.used_by_children_ms(system.web_pid), workers_before, strict=True)]
    tally.busier_shares.append(max(used, default=0.0) / (sum(used) or 1.0))


def buy(system: System, requests: Iterator[bytes], *, clients: int, seconds: float | None) -> Measured:
    """Raises WrongAnswer unless every request was answered with PLACED."""
    measured = ask(system.port, requests, clients=clients, seconds=seconds)
    wrong = {status: text for status, text in measured.samples.items() if status != PLACED}
    if wrong:
        raise WrongAnswer(f"Not every order was placed: {dict(measured.statuses)}\n" + "\n".join(wrong.values()))
    return measured


def _placing(clients: int, tally: Tally, paces: list[Pace], yardstick: list[Spent], pgbench_ms: float) -> Placing:
    latencies_ms = [latency * 1000 for latency in tally.measured.latencies_s]
    tps = sum(pace.tps for pace in paces) / len(paces)
    others, idle = shares_of_host(tally.spent, tally.measured.generator_s * 1000)
    web, database = tally.per_order("web_ms"), tally.per_order("database_ms")
    return Placing(
        clients=clients,
        orders=tally.measured.requests,
        orders_per_s=tally.rate,
        p50_ms=percentile(latencies_ms, 50),
        p95_ms=percentile(latencies_ms, 95),
        p99_ms=percentile(latencies_ms, 99),
        cpu_web_ms=web,
        cpu_database_ms=database,
        cpu_worker_ms=tally.per_order("worker_ms"),
        cpu_ms=None if web is None or database is None else web + database,
        busier_web_worker=sum(tally.busier_shares) / len(tally.busier_shares),
        generator_share=tally.measured.generator_s / tally.measured.wall_s / (os.cpu_count() or 1),
        others_share=others,
        idle_share=idle,
        yardstick_tps=tps,
        yardstick_latency_ms=sum(pace.latency_ms for pace in paces) / len(paces),
        yardstick_cpu_database_ms=(
            ratio(sum(spent.database_ms for spent in yardstick), sum(pace.transactions for pace in paces))
            if cpu.is_known()
            else None
        ),
        yardstick_others_share=shares_of_host(yardstick, pgbench_ms)[0],
        ratio=tally.rate / tps,
    )
