"""The system under measurement: a PostgreSQL that waits for the disk, the web server and the worker of `make run`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import cpu, statements
from benchmarks.pgbench import Yardstick
from benchmarks.shop import Shop
from benchmarks.statements import StatementCounter
from runner.children import Program
from runner.environment import with_sandbox_gateways
from runner.leftovers import MARK, end_leftovers
from runner.lock import RunnerLock
from runner.ports import LOOPBACK, answers_ok, claim, take_port
from runner.postgres import DATABASES, EmbeddedPostgres
from runner.programs import Programs
from runner.tether import tethered

HEALTH = "/api/v1/health/"
READY_TIMEOUT_S = 60.0
# The worker signs in under a name of its own, so that its statements can be told from the web server's.
WORKER_ROLE = "worker"
_CHOSEN_ELSEWHERE = ("STRIPE_", "RAZORPAY_", "DJANGO_", "SANDBOX_")


class NotStarted(Exception):
    """Something of the system did not start; the message says what it printed last."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time, in milliseconds, since the processes started."""

    web_ms: float
    database_ms: float
    worker_ms: float
    host_busy_ms: float
    host_idle_ms: float

    def since(self, earlier: Spent) -> Spent:
        """The difference."""
        return Spent(
            self.web_ms - earlier.web_ms,
            self.database_ms - earlier.database_ms,
            self.worker_ms - earlier.worker_ms,
            self.host_busy_ms - earlier.host_busy_ms,
            self.host_idle_ms - earlier.host_idle_ms,
        )


@dataclass(frozen=True)
class System:
    """The running system."""

    shop: Shop
    port: int
    postgres: EmbeddedPostgres
    yardstick: Yardstick
    counter: StatementCounter
    programs: Programs
    postmaster_pid: int
    web_pid: int
    worker_pid: int

    def spent(self) -> Spent:
        """Of the web server with its workers, of all of PostgreSQL's processes, of the worker, of the whole host."""
        host = cpu.host()
        web, database, worker = (cpu.used_ms(pid) for pid in (self.web_pid, self.postmaster_pid, self.worker_pid))
        return Spent(web, database, worker, host.busy_ms, host.idle_ms)

    def run_module(self, name: str, *arguments: str) -> str:
        """Runs a module of the benchmarks in the servers' environment; what it printed. Raises NotStarted."""
        return _finish(_module(self.programs, name, *arguments))

    @contextmanager
    def worker_paused(self) -> Iterator[None]:
        """The background worker rests meanwhile: what it has still to do is not the yardstick's."""
        os.kill(self.worker_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.worker_pid, signal.SIGCONT)

    def ask_database(self, query: str) -> int:
        """The one whole number that a query of the application's database yields."""
        with psycopg.connect(self.postgres.url(DATABASES[0])) as connection:
            row = connection.execute(query.encode()).fetchone()
            return int(row[0]) if row else 0


@contextmanager
def running_system(checkout: Path, directory: Path) -> Iterator[System]:
    """Started, filled and warm enough to answer; afterwards all of it has ended and its data are gone.

    Raises NotStarted, Refusal and PostgresUnavailable.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        running.enter_context(RunnerLock(directory / "bench.lock"))
        end_leftovers(checkout / "benchmarks")
        web_socket = running.enter_context(take_port(0))
        postgres, extra = _postgres(directory / "postgres", running)
        settings = _environment(checkout, postgres, web_socket.getsockname()[1])
        programs = Programs(checkout, settings)
        _finish(programs.manage("migrate", "--noinput"))
        shop = Shop.from_json(_finish(_module(programs, "benchmarks.shop")))
        yardstick = Yardstick(postgres)
        yardstick.prepare()
        counter = StatementCounter(settings["DATABASE_URL"], role="quittance", settings=extra)
        counter.prepare()
        claim(web_socket)
        web = _start(programs.web(web_socket.fileno()), directory, running)
        worker_settings = {**settings, "DATABASE_URL": _as_worker(postgres)}
        worker = _start(Programs(checkout, worker_settings).worker(), directory, running)
        port = web_socket.getsockname()[1]
        _wait_until_ready(port, web, directory)
        yield System(
            shop=shop,
            port=port,
            postgres=postgres,
            yardstick=yardstick,
            counter=counter,
            programs=programs,
            postmaster_pid=_postmaster_pid(postgres),
            web_pid=web.pid,
            worker_pid=worker.pid,
        )


def _postgres(data: Path, running: ExitStack) -> tuple[EmbeddedPostgres, dict[str, str]]:
    """A fresh server, and the settings that it got beyond the usual ones."""
    plain = EmbeddedPostgres(data)
    # A run that was killed leaves its data.
    plain.destroy()
    extra = statements.server_settings(plain.binaries)
    postgres = EmbeddedPostgres(data, settings=extra)
    running.callback(postgres.destroy)
    postgres.start()
    for name in DATABASES:
        postgres.ensure_database(name)
    return postgres, extra


def _environment(checkout: Path, postgres: EmbeddedPostgres, port: int) -> dict[str, str]:
    """As `make run` would set it, whatever a `.env` or a running server of this checkout say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CHOSEN_ELSEWHERE)}
    settings = {
        **kept,
        MARK: f"{checkout}/benchmarks",
        "DJANGO_SETTINGS_MODULE": "orders_project.settings",
        "ENVIRONMENT": "development",
        "DEBUG": "false",
        "PORT": str(port),
        "WEB_WORKERS": os.environ.get("WEB_WORKERS") or "2",
        "DATABASE_URL": postgres.url(DATABASES[0]),
        "SANDBOX_DATABASE_URL": postgres.url(DATABASES[1]),
        "MAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        # One client alone asks faster than a merchant may.
        "MERCHANT_CALLS_PER_SECOND": "1000000",
    }
    # No gateway is called in what is measured; the discard port answers nobody.
    return with_sandbox_gateways(settings, 9)


def _as_worker(postgres: EmbeddedPostgres) -> str:
    """The application's database under the worker's own name."""
    url = postgres.url(DATABASES[0])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {WORKER_ROLE} LOGIN SUPERUSER".encode())
    return url.replace("//quittance@", f"//{WORKER_ROLE}@", 1)


def _module(programs: Programs, name: str, *arguments: str) -> Program:
    """A module of the benchmarks as a program in the servers' environment."""
    return Program(name, (sys.executable, "-m", name, *arguments), programs.settings, programs.checkout)


def _finish(program: Program) -> str:
    """Runs a program to its end; what it printed. Raises NotStarted if it fails."""
    done = subprocess.run(
        program.command,
        env=program.environment,
        cwd=program.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=tethered(signal.SIGKILL),
    )
    if done.returncode:
        raise NotStarted(f"{program.name} failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def _start(program: Program, directory: Path, running: ExitStack) -> subprocess.Popen[bytes]:
    """Starts a program whose output, the access log included, goes to a file; it ends with `running`."""
    log_file = _log_file(directory, program.name)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            program.command,
            env=program.environment,
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=program.sockets,
            start_new_session=True,
            preexec_fn=tethered(signal.SIGKILL),
        )
    running.callback(_end, process, program.grace_s)
    return process


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Nothing of the process's group is left."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _log_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.log"


def _wait_until_ready(port: int, web: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not answers_ok(port, HEALTH):
        if web.poll() is not None or time.monotonic() > deadline:
            tail = _log_file(directory, "web").read_text(errors="replace")[-4000:]
            raise NotStarted(f"The web server does not answer on {LOOPBACK}:{port}:\n{tail}")
        time.sleep(0.1)


def _postmaster_pid(postgres: EmbeddedPostgres) -> int:
    return int((postgres.data_directory / "postmaster.pid").read_text().splitlines()[0])
