"""The yardstick: the least that a database must do for an order, as pgbench does it on the same server."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runner.cluster import server_environment
from runner.postgres import EmbeddedPostgres

DATABASE = "yardstick"
SCRIPTS = Path(__file__).parent / "yardstick"
_THREADS = 2


class YardstickFailed(Exception):
    """pgbench did not do what it was asked; the message is its own."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What pgbench says of a run."""

    transactions: int
    tps: float
    latency_ms: float


def parse(output: str) -> Pace:
    """Reads pgbench's summary. Raises YardstickFailed if it is none, or tells of failed transactions."""
    transactions = re.search(r"^number of transactions actually processed: (\d+)", output, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", output, re.MULTILINE)
    latency = re.search(r"^latency average = ([\d.]+) ms", output, re.MULTILINE)
    tps = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
    if not transactions or not latency or not tps or (failed and int(failed[1])):
        raise YardstickFailed(output)
    return Pace(int(transactions[1]), float(tps[1]), float(latency[1]))


class Yardstick:
    """The yardstick's tables in a database of their own."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres

    def prepare(self) -> None:
        """The tables exist and are filled."""
        self._postgres.ensure_database(DATABASE)
        psql = (self._postgres.binaries.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1")
        self._run(*psql, "-f", str(SCRIPTS / "schema.sql"), "-c", "VACUUM ANALYZE", self._postgres.url(DATABASE))

    def measure(self, script: str, *, clients: int, seconds: float) -> Pace:
        """Runs one of the scripts."""
        pgbench = (self._postgres.binaries.path("pgbench"), "--no-vacuum", "--protocol", "prepared")
        load = ("--client", str(clients), "--jobs", str(min(clients, _THREADS)), "--time", str(max(round(seconds), 1)))
        file = ("--file", str(SCRIPTS / f"{script}.sql"))
        return parse(self._run(*pgbench, *load, *file, self._postgres.url(DATABASE)))

    @staticmethod
    def _run(*command: str) -> str:
        done = subprocess.run(
            command,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise YardstickFailed(done.stderr or done.stdout)
        return done.stdout
