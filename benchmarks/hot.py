"""One product that everybody buys: how much its one stock row slows selling down, and that it is never oversold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.load import ask
from benchmarks.placing import PLACED, Load, Tally, WrongAnswer, take_turn
from benchmarks.purchases import Purchases
from benchmarks.shop import SCARCE
from benchmarks.system import System

REFUSED = 400
ATTEMPTS = 220
CROWD = 32

_SOLD = """
SELECT coalesce(sum(l.quantity), 0) FROM orders_orderline l JOIN catalog_variant v ON v.id = l.variant_id
WHERE v.product_id = '{product}'
"""
_RESERVED = """
SELECT s.reserved FROM catalog_stock s JOIN catalog_variant v ON v.id = s.variant_id WHERE v.product_id = '{product}'
"""


@dataclass(frozen=True)
class Hot:
    """The same orders with and without one product in common, for one number of clients."""

    clients: int
    hot_per_s: float
    many_per_s: float
    ratio: float
    yardstick_hot_tps: float
    yardstick_hot_late_tps: float
    yardstick_many_tps: float


@dataclass(frozen=True)
class Oversell:
    """A crowd after the last pieces."""

    in_stock: int
    attempts: int
    clients: int
    sold: int
    refused: int


def measure(system: System, purchases: Purchases, load: Load) -> Iterator[Hot]:
    """For each number of clients that get in each other's way. Raises WrongAnswer."""
    for clients in [number for number in load.clients if number > 1]:
        hot, many = Tally(), Tally()
        tps = dict.fromkeys(("place_hot", "place_hot_late", "place"), 0.0)
        for _ in range(load.turns):
            take_turn(system, purchases.many(), many, clients=clients, seconds=load.turn_s)
            take_turn(system, purchases.hot(), hot, clients=clients, seconds=load.turn_s)
            with system.worker_paused():
                for script in tps:
                    pace = system.yardstick.measure(script, clients=clients, seconds=load.turn_s / 2)
                    tps[script] += pace.tps / load.turns
        yield Hot(
            clients=clients,
            hot_per_s=hot.rate,
            many_per_s=many.rate,
            ratio=hot.rate / many.rate,
            yardstick_hot_tps=tps["place_hot"],
            yardstick_hot_late_tps=tps["place_hot_late"],
            yardstick_many_tps=tps["place"],
        )


def oversell(system: System, purchases: Purchases) -> Oversell:
    """Raises WrongAnswer unless exactly what there was is sold, by the answers, by the orders and by the stock."""
    measured = ask(system.port, purchases.scarce(ATTEMPTS), clients=CROWD)
    sold, refused = measured.statuses[PLACED], measured.statuses[REFUSED]
    ordered, reserved = (system.ask_database(query.format(product=system.shop.scarce)) for query in (_SOLD, _RESERVED))
    if not (sold == ordered == reserved == SCARCE and refused == ATTEMPTS - SCARCE):
        raise WrongAnswer(
            f"{SCARCE} in stock, {ATTEMPTS} attempts: answers {dict(measured.statuses)}, "
            f"{ordered} ordered, {reserved} reserved\n" + "\n".join(measured.samples.values())
        )
    return Oversell(in_stock=SCARCE, attempts=ATTEMPTS, clients=CROWD, sold=sold, refused=refused)
