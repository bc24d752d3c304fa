"""Processes of the project beside the test's own, on its databases, to be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections

SERVER = "server of the tests"
"""What the database calls the sessions of servers, which stay open between tests."""


@contextmanager
def process(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python of the project running these arguments; killed at the end if it still runs."""
    running = subprocess.Popen(
        [sys.executable, *arguments],
        env={**environment(), **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield running
    finally:
        kill(running)
        assert running.stderr is not None
        running.stderr.close()


def environment() -> dict[str, str]:
    """This process's own, with the databases of this test session."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "orders_project.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/quittance?", f"/{_name('default')}?"),
        "SANDBOX_DATABASE_URL": os.environ["SANDBOX_DATABASE_URL"].replace(
            "/quittance_sandbox?", f"/{_name('sandbox')}?"
        ),
    }


def kill(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL: it has no time for a last word."""
    if running.poll() is None:
        running.send_signal(signal.SIGKILL)
    running.wait(timeout=10)


def wait_until(condition: Callable[[], bool], running: subprocess.Popen[bytes], seconds: float = 15) -> None:
    """Returns once the condition holds; fails when the process ends before or it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if running.poll() is not None:
            assert running.stderr is not None
            raise AssertionError(f"the process ended early: {running.stderr.read().decode()[-2000:]}")
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _name(alias: str) -> str:
    return str(connections[alias].settings_dict["NAME"])
