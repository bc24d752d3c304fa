"""The sandbox gateway as tests reach it: a process, a listener, its scripts over HTTP."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

import requests
from django.conf import settings

from tests.processes import SERVER, environment

# On a machine that has much else to do.
STARTS_WITHIN_S = 90


class SandboxProcess:
    """Gunicorn with the sandbox's own settings on this session's sandbox database."""

    base_url = settings.SANDBOX_BASE_URL

    def __enter__(self) -> Self:
        bind = f"127.0.0.1:{settings.SANDBOX_PORT}"
        command = [sys.executable, "-m", "gunicorn", "orders_project.sandbox_wsgi:application", "--bind", bind]
        self._process = subprocess.Popen(
            [*command, "--workers", "1", "--worker-class", "gthread", "--threads", "24", "--log-level", "warning"],
            env={**environment(), "PGAPPNAME": SERVER},
        )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            try:
                requests.get(f"{self.base_url}/books", timeout=2)
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.05)
            else:
                return self
        self._process.kill()
        self._process.wait(timeout=20)
        raise RuntimeError("the sandbox did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def pay(self, payment: str, outcome: str = "succeed", **how: str) -> dict[str, Any]:
        """What a payer does: {"payment", "status", ...}."""
        response = requests.post(
            f"{self.base_url}/pay", json={"payment": payment, "outcome": outcome, **how}, timeout=10
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def arm(self, gateway: str, call: str, fault: str, times: int = 1) -> None:
        """The next calls of this kind go wrong."""
        response = requests.post(
            f"{self.base_url}/faults",
            json={"gateway": gateway, "call": call, "fault": fault, "times": times},
            timeout=10,
        )
        assert response.status_code == 204, response.text

    def fail_refund(self, refund: str, webhook: str = "normal") -> None:
        """The payer's bank sends a refund back."""
        response = requests.post(
            f"{self.base_url}/fail_refund", json={"refund": refund, "webhook": webhook}, timeout=10
        )
        assert response.status_code == 200, response.text

    def dispute(self, payment: str, act: str = "open", **how: Any) -> dict[str, Any]:
        """What a payer's bank does about a payment: {"dispute", "status"}."""
        response = requests.post(f"{self.base_url}/dispute", json={"payment": payment, "act": act, **how}, timeout=10)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def settle(self, gateway: str, *, negative: bool = False) -> list[dict[str, Any]]:
        """The gateway pays out: [{"id", "amount", "currency"}]."""
        response = requests.post(f"{self.base_url}/settle", json={"gateway": gateway, "negative": negative}, timeout=10)
        assert response.status_code == 200, response.text
        payouts: list[dict[str, Any]] = response.json()["payouts"]
        return payouts

    def books(self, gateway: str) -> dict[str, Any]:
        """What the sandbox itself says of the money."""
        answer: dict[str, Any] = requests.get(f"{self.base_url}/books", params={"gateway": gateway}, timeout=10).json()
        return answer
