"""A merchant lists its orders: the first page of each filter, with few orders and with many, asked for by turns,
so that whatever disturbs the host disturbs both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from urllib.parse import urlencode

from benchmarks.figures import percentile
from benchmarks.load import SILENCE_S, Measured, ask
from benchmarks.merchants import DAYS, Lister
from benchmarks.placing import WrongAnswer
from benchmarks.system import System
from runner.ports import LOOPBACK

FEW, MANY = 1_000, 1_000_000
PAGE = 10
_WARM_UP = 80
_DAY_S = 86400


@dataclass(frozen=True)
class Listing:
    """One list, by a merchant with few orders and by one with many."""

    name: str
    few: int
    many: int
    few_p50_ms: float
    many_p50_ms: float
    many_p95_ms: float

    @property
    def ratio(self) -> float:
        """How much longer the many take."""
        return self.many_p50_ms / self.few_p50_ms


def listers(system: System) -> tuple[Lister, Lister]:
    """Both merchants, with their orders."""
    told = json.loads(system.run_module("benchmarks.merchants", str(FEW), str(MANY)))
    few, many = (Lister(**fields) for fields in told)
    return few, many


def queries(lister: Lister, now: float) -> dict[str, dict[str, object]]:
    """Every filter, each of which leaves more than a page."""
    middle = int(now - DAYS * _DAY_S / 2)
    return {
        "all": {},
        "from": {"from": middle},
        "to": {"to": middle},
        "from and to": {"from": int(middle - DAYS * _DAY_S / 4), "to": middle},
        "receipt": {"receipt": lister.receipt},
        "authorized": {"authorized": 1},
        "not authorized": {"authorized": 0},
        "authorized until": {"authorized": 1, "to": int(now - _DAY_S)},
    }


def measure(system: System, few: Lister, many: Lister, seconds: float) -> Iterator[Listing]:
    """Each list for so long. Raises WrongAnswer."""
    now = time.time()
    for name, query in queries(few, now).items():
        asked = ((few, query), (many, queries(many, now)[name]))
        for lister, wanted in asked:
            _look(system, lister, wanted)
        requests = cycle([_request(system, lister, wanted) for lister, wanted in asked])
        _ask(system, islice(requests, _WARM_UP))
        # One client: the answers are in the order of the questions.
        latencies_ms = [1e3 * latency for latency in _ask(system, requests, seconds).latencies_s]
        ours, theirs = latencies_ms[0::2], latencies_ms[1::2]
        yield Listing(
            name,
            few.orders,
            many.orders,
            percentile(ours, 50),
            percentile(theirs, 50),
            percentile(theirs, 95),
        )


def _look(system: System, lister: Lister, query: dict[str, object]) -> None:
    """A whole page, or WrongAnswer."""
    connection = HTTPConnection(LOOPBACK, system.port, timeout=SILENCE_S)
    try:
        connection.request("GET", _path(query), headers={"Authorization": lister.authorization})
        page = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if page.get("count") != PAGE:
        raise WrongAnswer(f"{_path(query)} of {lister.orders} orders: {page}")


def _path(query: dict[str, object]) -> str:
    return f"/v1/orders?{urlencode(query)}"


def _request(system: System, lister: Lister, query: dict[str, object]) -> bytes:
    head = f"GET {_path(query)} HTTP/1.1\r\nHost: {LOOPBACK}:{system.port}\r\n"
    head += f"Authorization: {lister.authorization}\r\n\r\n"
    return head.encode()


def _ask(system: System, requests: Iterator[bytes], seconds: float | None = None) -> Measured:
    measured = ask(system.port, requests, clients=1, seconds=seconds)
    if set(measured.statuses) != {200}:
        raise WrongAnswer(f"a list was answered with {dict(measured.statuses)}: {measured.samples}")
    return measured
