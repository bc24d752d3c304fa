"""The sending process: quick, and gone when it is told to go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])


@pytest.fixture
def listener() -> Iterator[tuple[int, list[tuple[float, str]]]]:
    """A port, and what was heard there: when, and which event."""
    heard: list[tuple[float, str]] = []

    class Hear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((time.monotonic(), body["event"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hear) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], heard
        server.shutdown()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_sender_sends_within_a_second_and_ends_on_a_signal(
    end: signal.Signals,
    listener: tuple[int, list[tuple[float, str]]],
    driver: Driver,
    new_order: Callable[..., dict[str, Any]],
) -> None:
    port, heard = listener
    name = connections["sandbox"].settings_dict["NAME"]
    url = os.environ["SANDBOX_DATABASE_URL"].replace("/quittance_sandbox?", f"/{name}?")
    environment = {**os.environ, "PORT": str(port), "SANDBOX_DATABASE_URL": url}
    command = [sys.executable, "manage.py", "send_sandbox_webhooks"]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)
    try:
        driver.pay(new_order()["id"])
        _await(lambda: len(heard) == 3, 20)
        started = time.monotonic()
        driver.pay(new_order()["id"], webhook="twice")
        _await(lambda: len(heard) == 9, 5)
        assert heard[-1][0] - started < 1
    finally:
        process.send_signal(end)
    assert process.wait(timeout=10) == 0


def _await(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
