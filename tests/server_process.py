"""The project's server as strangers reach it: a process, a listener, HTTP."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Self

import requests
from django.conf import settings

from tests.processes import SERVER, environment


class ServerProcess:
    """Gunicorn with the project's settings on this session's databases; the sandbox's webhooks go there, too."""

    base_url = f"http://127.0.0.1:{settings.PORT}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gunicorn", "orders_project.wsgi:application"]
        listener = ["--bind", f"127.0.0.1:{settings.PORT}", "--workers", "1", "--worker-class", "gthread"]
        self._process = subprocess.Popen(
            [*command, *listener, "--threads", "8", "--log-level", "warning"],
            env={**environment(), "PGAPPNAME": SERVER},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                requests.get(f"{self.base_url}/api/v1/health/", timeout=5)
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError("the server did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
