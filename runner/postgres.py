"""An embedded PostgreSQL for one checkout: reached over a Unix socket in a private directory, so that several
checkouts run side by side and only the owner (and the account that the server runs under) gets in.

    python -m runner.postgres start|stop|status|url     the development database alone, in the background
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from runner import cluster, postmaster
from runner.accounts import Account, server_account
from runner.binaries import Binaries, PostgresUnavailable, find_binaries
from runner.cluster import SUPERUSER, server_environment
from runner.tether import tethered

DATABASES = ("quittance", "quittance_sandbox")
PORT = 5432
READY_TIMEOUT_S = 60.0
LARGEST_LOG_BYTES = 10 * 1024 * 1024
# Not TMPDIR: a socket's path has at most 107 bytes, and every shell must find the same one.
SOCKET_PARENT = Path("/tmp")  # noqa: S108 - the directory below it is private, and its owner is checked

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "random_page_cost": "1.1",
    "jit": "off",
}
DURABLE_SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "1GB"}
THROWAWAY_SETTINGS = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedPostgres:
    """One cluster in one data directory.

    `start` must be called by a thread that lives as long as the server shall: on Linux the server dies with it.
    """

    def __init__(
        self, data_directory: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        """`settings` are server settings that go over the usual ones."""
        self.data_directory = Path(os.path.abspath(data_directory))
        self.durable = durable
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # --- acts -------------------------------------------------------------------------------------------------------

    def start(self, *, detached: bool = False) -> None:
        """The server accepts connections and, unless detached, dies with the calling thread.

        A server that an earlier, killed runner left on this data directory is stopped first. Raises
        PostgresUnavailable with a message for people.
        """
        self.data_directory.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            try:
                cluster.link(self.data_directory, self._home)
                cluster.initialize(self._home, account=self.account, binaries=self.binaries, durable=self.durable)
                self._stop_running()
                # No server runs, so whatever lies in the sockets' directory is stale.
                cluster.make_private_directory(self.socket_directory, self.account)
                self._launch_until_ready(detached=detached)
            except PermissionError as error:
                raise PostgresUnavailable(f"PostgreSQL cannot be started by this account: {error}") from error

    def stop(self) -> None:
        """No server runs on this data directory; sessions were cut off, transactions rolled back."""
        if self.data_directory.parent.exists():
            with self._alone():
                self._stop_running()
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    def destroy(self) -> None:
        """Stops the server and removes the cluster with everything that belongs to it."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)
        for leftover in (self.data_directory, self.log_file, self._lock_file):
            if leftover.is_symlink() or leftover.is_file():
                leftover.unlink()

    def ensure_database(self, name: str) -> None:
        """The running server has a database of this name."""
        if not name.isidentifier():
            raise ValueError(f"not a database name: {name!r}")
        if not self._query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 - an identifier
            self._query(f'CREATE DATABASE "{name}"')

    def url(self, database: str) -> str:
        """A URL that both psycopg and django-environ read. The port is named lest PGPORT choose another."""
        return f"postgres://{SUPERUSER}@:{PORT}/{database}?host={self.socket_directory}"

    def is_running(self) -> bool:
        """Whether a server, ours or another process's, runs on this data directory and answers."""
        return postmaster.running_pid(self._home) is not None and self._is_ready()

    # --- places -----------------------------------------------------------------------------------------------------

    @cached_property
    def account(self) -> Account:
        try:
            return server_account()
        except LookupError as error:
            raise PostgresUnavailable(str(error)) from error

    @cached_property
    def binaries(self) -> Binaries:
        return find_binaries(self.account)

    @cached_property
    def socket_directory(self) -> Path:
        return SOCKET_PARENT / f"quittance-{self._fingerprint}"

    @property
    def log_file(self) -> Path:
        return self.data_directory.with_name(self.data_directory.name + ".log")

    @property
    def _lock_file(self) -> Path:
        return self.data_directory.with_name(self.data_directory.name + ".lock")

    @cached_property
    def _fingerprint(self) -> str:
        return hashlib.sha256(f"{self.account.uid}:{self.data_directory}".encode()).hexdigest()[:16]

    @cached_property
    def _home(self) -> Path:
        return cluster.home_of(self.data_directory, self.account, self._fingerprint)

    # --- steps ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds off other processes that would start or stop the same cluster at the same time."""
        with self._lock_file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch_until_ready(self, *, detached: bool) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            server = self._launch(detached=detached)
            while server.poll() is None and time.monotonic() < deadline:
                if self._is_ready():
                    return
                time.sleep(0.05)
            # Backends of a killed server need a moment to notice; until then a new one refuses to start.
            if "shared memory block" not in self._log_tail() or time.monotonic() > deadline:
                self._stop_running()
                raise PostgresUnavailable(f"PostgreSQL did not start; see {self.log_file}\n{self._log_tail()}")
            time.sleep(0.2)

    def _launch(self, *, detached: bool) -> subprocess.Popen[bytes]:
        settings = SETTINGS | (DURABLE_SETTINGS if self.durable else THROWAWAY_SETTINGS) | self._settings
        settings["unix_socket_directories"] = str(self.socket_directory)
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        if self.log_file.exists() and self.log_file.stat().st_size > LARGEST_LOG_BYTES:
            self.log_file.unlink()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries.path("postgres"), "-D", str(self._home), *options],
                cwd=self._home,
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # SIGINT is PostgreSQL's fast shutdown.
                preexec_fn=None if detached else tethered(signal.SIGINT),
                **self.account.identity,
            )
        return self._process

    def _is_ready(self) -> bool:
        # Not `pg_ctl status`: it takes a killed server that nobody has waited for yet for a live one.
        command = [self.binaries.path("pg_isready"), "-q", "-h", str(self.socket_directory), "-p", str(PORT)]
        return subprocess.run(command, env=server_environment(), check=False).returncode == 0

    def _stop_running(self) -> None:
        """No server runs on the data directory, and no stale record keeps the next from starting."""
        ours = self._process
        if ours is not None and ours.poll() is None:
            postmaster.end_process(ours.pid, lambda: ours.poll() is not None)
        else:
            pid = postmaster.running_pid(self._home)
            if pid is not None:
                postmaster.end_process(pid, lambda: postmaster.running_pid(self._home) != pid)
        self._process = None
        postmaster.forget_stale_pid(self._home)

    def _query(self, statement: str) -> str:
        command = [self.binaries.path("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(
            [*command, self.url("postgres")],
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def _log_tail(self) -> str:
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-5:])


def main(arguments: list[str]) -> int:
    """Starts, stops or names this checkout's development database; the exit code of `status` says if it runs."""
    if len(arguments) != 1 or arguments[0] not in {"start", "stop", "status", "url"}:
        print("usage: python -m runner.postgres start|stop|status|url", file=sys.stderr)
        return 2
    postgres = EmbeddedPostgres(Path("var") / "postgres")
    match arguments[0]:
        case "start":
            if not postgres.is_running():
                postgres.start(detached=True)
            for name in DATABASES:
                postgres.ensure_database(name)
            print(postgres.url(DATABASES[0]))
        case "stop":
            postgres.stop()
        case "status":
            running = postgres.is_running()
            print("running" if running else "stopped")
            return 0 if running else 1
        case "url":
            print(postgres.url(DATABASES[0]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PostgresUnavailable as unavailable:
        sys.exit(str(unavailable))
