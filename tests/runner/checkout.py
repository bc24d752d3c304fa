"""A checkout with stand-ins for the Django project, so that the runner is tested without one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

MANAGE = """
import os, pathlib, sys, time
command = sys.argv[1:]
with open("commands.log", "a") as log:
    print(os.getpid(), *command, file=log)
if command[0] == "seed_demo":
    print("seeded for " + os.environ["ENVIRONMENT"])
elif command[0] == "demo_command":
    print("curl buys something")
elif command[0] in {"procrastinate", "send_sandbox_webhooks"}:
    print("ready", flush=True)
    time.sleep(600)
sys.exit(1 if pathlib.Path("fail-" + command[0]).exists() else 0)
"""

APPLICATION = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    """Returns once the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def processes() -> dict[int, int]:
    """Each living process's parent. A zombie does not live."""
    if Path("/proc/self/stat").exists():
        # Not ps: slim containers come without.
        found = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, parent, *_ = status.read_text().rpartition(")")[2].split()
                if state != "Z":
                    found[int(status.parent.name)] = int(parent)
        return found
    shown = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in shown.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def is_alive(pid: int) -> bool:
    return pid in processes()


def children_of(pid: int) -> list[int]:
    """The process ids of all descendants."""
    parents = processes()
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


class Checkout:
    """A directory to run `python -m runner` in, and the runs that were started there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.runs: list[subprocess.Popen[bytes]] = []
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "manage.py").write_text(MANAGE)
        (directory / "runner").symlink_to(PROJECT / "runner")
        (directory / "orders_project").mkdir()
        for module in ("wsgi", "sandbox_wsgi"):
            (directory / "orders_project" / f"{module}.py").write_text(APPLICATION)

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        """A runner in this checkout; its output goes to `output.log`."""
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        environment = {**inherited, "PORT": str(self.port), "WEB_WORKERS": "1", **settings}
        with (self.directory / "output.log").open("ab") as output:
            run = subprocess.Popen(
                [sys.executable, "-m", "runner"],
                cwd=self.directory,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.runs.append(run)
        return run

    def start_with_databases_elsewhere(self, **settings: str) -> subprocess.Popen[bytes]:
        """A runner that starts no database; the stand-ins need none."""
        nowhere = "postgres://127.0.0.1:1/nowhere"
        return self.start(DATABASE_URL=nowhere, SANDBOX_DATABASE_URL=nowhere + "_sandbox", **settings)

    def output(self) -> str:
        return (self.directory / "output.log").read_text()

    def wait_for(self, text: str) -> None:
        """Returns once the output has the text; fails the test, showing the output, when a run ends without."""
        wait_until(lambda: text in self.output() or self.runs[-1].poll() is not None)
        assert text in self.output()

    def commands(self) -> list[str]:
        """What `manage.py` was called with, in order."""
        return [line.split(" ", 1)[1] for line in (self.directory / "commands.log").read_text().splitlines()]

    def get(self) -> str | None:
        """The web server's answer; None if there is no server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health/", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def close(self) -> None:
        """Ends every run that a test left."""
        for run in self.runs:
            if run.poll() is None:
                run.send_signal(signal.SIGTERM)
                run.wait(timeout=20)
