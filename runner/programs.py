"""The command lines of everything that `make run` runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runner.children import Program

WEB_GRACE_S = 20
# Which queues share a worker process, and how many of their jobs run at once. Webhooks wait for nobody; what waits for
# a gateway, and what waits for the mail server, each fills its own process only. README and docs/operations.md say the
# same for production.
WORKERS = {
    "events": (("events",), 4),
    "money": (("money",), 4),
    # The periodic jobs' own locks keep mail, outgoing events, expiry and the chase to one slot each, however slow they
    # are.
    "upkeep": (("orders", "upkeep", "mail", "outgoing"), 6),
}
# Mails and upkeep can wait a moment; shoppers come first where the cores are few.
POLITE = ("upkeep", "worker")


@dataclass(frozen=True)
class Programs:
    """Builds the programs of one checkout in one environment."""

    checkout: Path
    settings: Mapping[str, str]

    def manage(self, *arguments: str, name: str = "", keeps_stderr: bool = True) -> Program:
        """One of Django's commands."""
        command = (sys.executable, "manage.py", *arguments)
        return Program(name or arguments[0], command, self.settings, self.checkout, keeps_stderr=keeps_stderr)

    def web(self, socket: int) -> Program:
        # Two to a core: kept connections are spread unevenly, and one busy process alone leaves a core idle.
        workers = self.settings.get("WEB_WORKERS") or str(2 * (os.cpu_count() or 2))
        return self._server("web", "wsgi", socket, workers=workers, threads=4, grace_s=WEB_GRACE_S)

    def sandbox(self, socket: int) -> Program:
        """One process, because faults are counted; many threads, because some faults are long waits."""
        return self._server("sandbox", "sandbox_wsgi", socket, workers="1", threads=48, grace_s=2, stops_last=True)

    def webhooks(self) -> Program:
        return self.manage("send_sandbox_webhooks", name="webhooks")

    def workers(self) -> list[Program]:
        """The background in production's shape: no slow party keeps another's jobs waiting."""
        return [self._worker(name, *shape) for name, shape in WORKERS.items()]

    def worker(self) -> Program:
        """The whole background in one process, for whoever measures it."""
        return self._worker("worker", (), 4)

    def _worker(self, name: str, queues: Sequence[str], concurrency: int) -> Program:
        flags = ["--concurrency", str(concurrency), "--shutdown-graceful-timeout", "8"]
        if queues:
            flags += ["--queues", ",".join(queues)]
        program = self.manage("procrastinate", "worker", *flags, name=name)
        return replace(program, command=("nice", *program.command)) if name in POLITE else program

    def _server(
        self, name: str, module: str, socket: int, *, workers: str, threads: int, grace_s: int, stops_last: bool = False
    ) -> Program:
        command = (
            *(sys.executable, "-m", "gunicorn", f"orders_project.{module}:application"),
            *("--config", "python:runner.gunicorn_settings", "--bind", f"fd://{socket}"),
            *("--workers", workers, "--threads", str(threads), "--graceful-timeout", str(grace_s)),
        )
        return Program(
            name,
            command,
            self.settings,
            self.checkout,
            sockets=(socket,),
            # gunicorn kills its workers after its own limit; only then is it late itself.
            grace_s=grace_s + 2,
            stops_last=stops_last,
        )
