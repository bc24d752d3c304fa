"""kill -9 at every named seam of every way of money; then everything comes right, and nothing happens twice.

The act runs in a forked process on the test's own databases and the running sandbox, and dies at the seam. Afterwards
webhooks arrive or are lost, jobs run, the chase comes by, and a client asks again under its key: before that, or after.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.crashpoints import Seam
from orders_project.idempotency.keeping import ABANDONED_AFTER
from payments.sandbox.models import Delivery
from tests.faults import flows, merchant_flows
from tests.faults.flows import Facts, Flow, Scene
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, settle_down
from tests.payments.outgoing.receiver import Receiver
from tests.processes import environment
from tests.shop import Shop, Shopper

FLOWS = {**flows.FLOWS, **merchant_flows.FLOWS}
WAYS = [(name, gateway) for name, flow in FLOWS.items() for gateway in flow.gateways]
# Each seam the first time it is passed, and the last.
KILLS = [
    (name, gateway, f"{seam}:{number}", retries)
    for name, gateway in WAYS
    for seam, count in FLOWS[name].passes(gateway).items()
    for number in sorted({1, count})
    for retries in (("at once", "at last") if FLOWS[name].retried else ("nobody",))
]


class Doomed:
    """The process whose children die."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.doomed"],
            env={**environment(), "OUTGOING_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready\n"

    def do(self, flow: Flow, facts: Facts, crash_at: str = "") -> dict[str, Any]:
        """How a child ended that did the flow's act: {"ended", "passed", "error"}."""
        assert self._process.stdin is not None
        wanted = {"module": flow.act.__module__, "name": flow.act.__name__, "facts": facts, "crash_at": crash_at}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        done: dict[str, Any] = json.loads(self._line())
        return done

    def end(self) -> None:
        """No more acts."""
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="session")
def doomed(django_db_setup: None) -> Iterator[Doomed]:
    """Warmed up once for all tests."""
    process = Doomed()
    yield process
    process.end()


@pytest.fixture
def scene(
    request: pytest.FixtureRequest, sandbox: SandboxProcess, shop: Shop, ada: Shopper, settings: Any
) -> Iterator[Scene]:
    """Everybody is here, at the gateway that the test names."""
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver:
        yield Scene(sandbox, shop, ada, request.getfixturevalue("at"), receiver)


def come_to_rest(scene: Scene) -> None:
    """What was on its way arrives, the chase comes by, then the reconciliation; nothing is left for a person."""
    settle_down()
    flows.reconcile(scene.gateway)
    assert_books_agree(scene.sandbox)


def retry(flow: Flow, facts: Facts) -> None:
    """The client asks again, twice; it is answered, the same both times, and nothing happens the second time."""
    asks = flow.asks or flows.ask
    with clock.turned(ABANDONED_AFTER + timedelta(seconds=1)):
        first, second = (asks(**facts) for _ in range(2))
    assert first.status_code in flow.retried, first.content
    assert (second.status_code, second.content) == (first.status_code, first.content)


@pytest.mark.parametrize(("name", "at"), WAYS)
def test_these_seams_are_passed(doomed: Doomed, scene: Scene, name: str, at: str) -> None:
    flow = FLOWS[name]
    facts = flow.prepare(scene)

    done = doomed.do(flow, facts)

    assert done["error"] == ""
    assert Counter(done["passed"]) == flow.passes(at)
    come_to_rest(scene)
    flow.judge(scene, facts)


def test_every_seam_is_passed_by_some_way() -> None:
    assert {seam for name, at in WAYS for seam in FLOWS[name].passes(at)} == set(Seam)


@pytest.mark.parametrize(("name", "at", "crash_at", "retries"), KILLS)
def test_killed_there_it_comes_right(
    doomed: Doomed, scene: Scene, name: str, at: str, crash_at: str, retries: str
) -> None:
    flow = FLOWS[name]
    facts = flow.prepare(scene)

    done = doomed.do(flow, facts, crash_at)

    assert (done["ended"], done["error"]) == (-signal.SIGKILL, ""), done
    if retries != "at once" and flow.act is not flows.take_webhooks:
        # A webhook would tell us before anybody looks: here nobody does.
        Delivery.objects.all().delete()
    if retries == "at once":
        retry(flow, facts)
    come_to_rest(scene)
    if retries == "at last":
        retry(flow, facts)
        come_to_rest(scene)
    flow.judge(scene, facts)
