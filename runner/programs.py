"""The command lines of everything that `make run` runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.children import Program

WEB_GRACE_S = 20


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

    def worker(self) -> Program:
        flags = ("--concurrency", "4", "--shutdown-graceful-timeout", "8")
        return self.manage("procrastinate", "worker", *flags, name="worker")

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
