"""How long `reconcile_payments` takes and how much memory, for few and for many payments.

`python -m benchmarks.reconciling --payments 10000,100000` fills both books with so many paid orders, of which one in a
thousand is known to the gateway alone, and reconciles them twice: first with what there is to heal, then with nothing.
Exits with 1 if something was not healed, a second run found something to do, or the books do not add up.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.many_payments import DAYS, UNHEARD_OF_EVERY
from runner.environment import with_sandbox_gateways
from runner.ports import LOOPBACK, answers_ok, claim, take_port
from runner.postgres import DATABASES, EmbeddedPostgres
from runner.programs import Programs
from runner.tether import tethered

DIRECTORY = Path("var") / "bench"
MOST_GROWTH = 1.5
MOST_MEMORY_MIB = 400


class Broken(Exception):
    """What was measured did not do what it should; the message says what."""


@dataclass(frozen=True)
class Run:
    """One reconciliation of so many payments."""

    payments: int
    gateway: str
    healed: int
    seconds: float
    peak_mib: float

    @property
    def us_per_payment(self) -> float:
        """Microseconds."""
        return self.seconds * 1e6 / self.payments


@contextmanager
def running(checkout: Path, directory: Path) -> Iterator[Programs]:
    """A fresh PostgreSQL, migrated, and the sandbox's server; all of it is gone afterwards."""
    postgres = EmbeddedPostgres(directory, durable=False)
    postgres.destroy()
    try:
        postgres.start()
        for name in DATABASES:
            postgres.ensure_database(name)
        with take_port(0) as socket:
            port = socket.getsockname()[1]
            programs = Programs(checkout, _environment(postgres, port))
            for database in ("default", "sandbox"):
                migrate = programs.manage("migrate", "--noinput", "--database", database)
                _finish(migrate.command, programs.settings)
            claim(socket)
            server = programs.sandbox(socket.fileno())
            process = subprocess.Popen(
                server.command,
                env=dict(programs.settings),
                cwd=checkout,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=server.sockets,
                preexec_fn=tethered(signal.SIGKILL),
            )
            try:
                _wait(port, process)
                yield programs
            finally:
                process.terminate()
                process.wait()
    finally:
        postgres.destroy()


def measure(programs: Programs, payments: int, gateway: str) -> list[Run]:
    """Fill, reconcile with something to heal and with nothing, check the books. Raises Broken."""
    filling = (sys.executable, "-m", "benchmarks.many_payments", str(payments), gateway)
    _finish(filling, programs.settings)
    # Two more were bought to be copied, one of which nobody has heard of.
    to_heal = payments // UNHEARD_OF_EVERY + 1
    # The second looks at all of them again, not only at what the overlap with the first makes it.
    whole = ("--since", (datetime.now(UTC) - timedelta(days=DAYS + 2)).isoformat())
    runs = [_reconcile(programs, payments + 2, gateway, *window) for window in ((), whole)]
    if [run.healed for run in runs] != [to_heal, 0]:
        raise Broken(f"healed {[run.healed for run in runs]}, not {[to_heal, 0]}")
    _finish(programs.manage("check_books").command, programs.settings)
    return runs


def _reconcile(programs: Programs, payments: int, gateway: str, *window: str) -> Run:
    command = programs.manage("reconcile_payments", "--json", "--gateway", gateway, *window).command
    begun = time.monotonic()
    process = subprocess.Popen(command, env=dict(programs.settings), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    counts = told["gateways"][gateway]
    if os.waitstatus_to_exitcode(status) or counts["payments"] != payments:
        raise Broken(f"reconcile_payments says {told}")
    return Run(payments, gateway, counts["heal"], seconds, used.ru_maxrss / 1024)


def _environment(postgres: EmbeddedPostgres, sandbox_port: int) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "RAZORPAY_"))}
    settings = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "orders_project.settings",
        "ENVIRONMENT": "development",
        "DEBUG": "false",
        "DATABASE_URL": postgres.url(DATABASES[0]),
        "SANDBOX_DATABASE_URL": postgres.url(DATABASES[1]),
        "GATEWAY_READ_TIMEOUT_S": "60",
    }
    return with_sandbox_gateways(settings, sandbox_port)


def _finish(command: Sequence[str], settings: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(settings), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"{' '.join(command[1:])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not answers_ok(port, "/sandbox/books?gateway=stripe"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Broken(f"the sandbox does not answer on {LOOPBACK}:{port}")
        time.sleep(0.1)


def table(runs: Sequence[Run]) -> str:
    """The runs, one a line."""
    lines = [f"{'payments':>9}  {'gateway':<8}  {'healed':>6}  {'seconds':>8}  {'us each':>8}  {'peak MiB':>8}"]
    lines += [
        f"{run.payments:>9}  {run.gateway:<8}  {run.healed:>6}  {run.seconds:>8.1f}  {run.us_per_payment:>8.0f}  "
        f"{run.peak_mib:>8.0f}"
        for run in runs
    ]
    return "\n".join(lines)


def judge(runs: Sequence[Run]) -> list[str]:
    """What is not as it should be: time that grows faster than the payments, memory that grows at all."""
    faults = []
    for few, many in zip(runs, runs[2:], strict=False):
        if many.us_per_payment > few.us_per_payment * MOST_GROWTH:
            faults.append(
                f"{many.payments} payments take {many.us_per_payment / few.us_per_payment:.2f} times as long each"
            )
        if many.peak_mib > few.peak_mib * MOST_GROWTH:
            faults.append(f"{many.payments} payments take {many.peak_mib / few.peak_mib:.2f} times the memory")
    faults += [f"{run.peak_mib:.0f} MiB" for run in runs if run.peak_mib > MOST_MEMORY_MIB]
    return faults


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reconciling", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--payments", default="10000,100000", help="how many, comma separated (default: 10000,100000)")
    parser.add_argument("--gateway", choices=("stripe", "razorpay"), default="stripe")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if time or memory grow with the number")
    chosen = parser.parse_args(arguments)
    checkout, runs = Path.cwd(), list[Run]()
    try:
        for payments in map(int, chosen.payments.split(",")):
            with running(checkout, checkout / DIRECTORY / "reconciling") as programs:
                runs += measure(programs, payments, chosen.gateway)
            print(table(runs[-2:]), flush=True)
    except Broken as error:
        print(error, file=sys.stderr)
        return 1
    when = datetime.now(UTC)
    kept = checkout / DIRECTORY / f"reconciling-{when:%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps({"at": when.isoformat(), "runs": [asdict(run) for run in runs]}, indent=1))
    faults = judge(runs)
    print("\n".join(faults) or "Linear in time, constant in memory.")
    return 1 if faults and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
