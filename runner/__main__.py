"""`make run`: the database, the migrations, the demo data, the servers and the workers, until somebody stops it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from runner.binaries import PostgresUnavailable
from runner.children import Program
from runner.console import say
from runner.databases import sandbox_database_url
from runner.environment import read_environment, recorded, wants_sandbox, with_deployment, with_sandbox_gateways
from runner.leftovers import MARK, end_leftovers
from runner.lock import RunnerLock
from runner.ports import answers_ok, claim, take_port
from runner.postgres import DATABASES, EmbeddedPostgres
from runner.programs import Programs
from runner.refusal import Refusal
from runner.signals import StopSignals
from runner.supervision import Supervisor
from runner.tether import die_with_parent

HEALTH = "/api/v1/health/"


def run(checkout: Path, signals: StopSignals) -> None:
    """Serves until a stop is requested; then everything it started has ended, the database last. Raises Refusal."""
    settings = read_environment(checkout / ".env", os.environ)
    settings = {**with_deployment(settings), MARK: str(checkout)}
    settings["PORT"] = settings.get("PORT") or "8000"
    # Read from the caches that a first start leaves, the programs start in a third of the time.
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    sandbox = wants_sandbox(settings)
    var = checkout / "var"
    var.mkdir(exist_ok=True)
    with ExitStack() as running:
        lock = running.enter_context(RunnerLock(var / "run.lock"))
        if end_leftovers(checkout):
            say("An earlier run was killed; what it left has been ended.")
        web_socket = running.enter_context(take_port(_port_number(settings["PORT"])))
        sandbox_socket = running.enter_context(take_port(0))
        if sandbox:
            settings = with_sandbox_gateways(settings, sandbox_socket.getsockname()[1])
        settings |= _databases(settings, var / "postgres", running, sandbox=sandbox)
        running.enter_context(recorded(settings, var / "run.env"))
        supervisor = Supervisor(signals)
        running.callback(supervisor.stop)
        running.callback(lock.say_stopping)
        programs = Programs(checkout, settings)

        say("Migrating the database ...")
        migrations = [programs.manage("migrate", "--noinput")]
        if sandbox:
            migrations.append(programs.manage("migrate", "--noinput", "--database", "sandbox"))
        if not _succeed(supervisor, signals, migrations):
            return
        if sandbox:
            # Before the demo data: some of their orders are paid, at the sandbox.
            claim(sandbox_socket)
            supervisor.keep(programs.sandbox(sandbox_socket.fileno()))
        say("Seeding the demo data ...")
        if not _succeed(supervisor, signals, [programs.manage("seed_demo")], show=True):
            return
        claim(web_socket)
        supervisor.keep(programs.web(web_socket.fileno()))
        for worker in programs.workers():
            supervisor.keep(worker)
        if sandbox:
            supervisor.keep(programs.webhooks())
        port = web_socket.getsockname()[1]
        if supervisor.watch(until=lambda: answers_ok(port, HEALTH)):
            _welcome(supervisor, programs, port, sandbox=sandbox)
            supervisor.watch()


def _port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refusal(f"PORT is not a port number: {text!r}")
    return int(text)


def _databases(settings: dict[str, str], data: Path, running: ExitStack, *, sandbox: bool) -> dict[str, str]:
    """The databases' URLs; starts the embedded PostgreSQL unless DATABASE_URL names another."""
    if settings.get("DATABASE_URL"):
        say("Using the database that DATABASE_URL names.")
        return {"SANDBOX_DATABASE_URL": sandbox_database_url(settings)} if sandbox else {}
    say("Starting PostgreSQL ...")
    postgres = EmbeddedPostgres(data)
    running.callback(postgres.stop)
    postgres.start()
    for name in DATABASES:
        postgres.ensure_database(name)
    return {"DATABASE_URL": postgres.url(DATABASES[0]), "SANDBOX_DATABASE_URL": postgres.url(DATABASES[1])}


def _succeed(supervisor: Supervisor, signals: StopSignals, steps: list[Program], *, show: bool = False) -> bool:
    """Runs the steps; False if a stop was requested meanwhile. Raises Refusal with the output of a step that failed."""
    results = supervisor.run(steps)
    if signals.requested:
        return False
    for step, (code, output) in zip(steps, results, strict=True):
        if code:
            raise Refusal(f"{output}\n{' '.join(step.command[1:])} failed with {code}.")
        if show and output:
            say(output)
    return True


def _welcome(supervisor: Supervisor, programs: Programs, port: int, *, sandbox: bool) -> None:
    """Says what to open and, if it can be had, the command line that buys something."""
    base = f"http://127.0.0.1:{port}"
    pages = {"Shop API": "/api/v1/", "Documentation": "/api/docs/", "Back office": "/admin/"}
    if sandbox:
        pages["Sandbox"] = "/sandbox/pay"
    # First, since what the programs print meanwhile would come between the pages and the command line.
    [(code, command)] = supervisor.run([programs.manage("demo_command", keeps_stderr=False)])
    say("\nQuittance is running. Open:")
    for title, path in pages.items():
        say(f"  {title:<14} {base}{path}")
    if code == 0 and command.strip():
        say(f"\nPlace an order, pay it in the sandbox and confirm it:\n\n{command.strip()}\n")
    say("Ctrl-C stops everything.")


def main() -> int:
    """0 when everything was stopped on request, 1 when it could not run."""
    if "MAKELEVEL" in os.environ:
        # A make that is killed cannot pass its end on.
        die_with_parent(signal.SIGTERM)
    signals = StopSignals()
    signals.install()
    try:
        run(Path.cwd(), signals)
    except (Refusal, PostgresUnavailable) as refusal:
        print(refusal, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
