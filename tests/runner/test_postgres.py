"""The embedded PostgreSQL, started and killed in the ways that happen to developers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runner import accounts, binaries
from runner.binaries import PostgresUnavailable
from runner.cluster import BORROWED_DATA
from runner.postgres import EmbeddedPostgres
from runner.throwaway import throwaway_postgres
from tests.runner.checkout import PROJECT, is_alive, wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """One data directory for all tests of this module, because initdb takes longer than they do."""
    with throwaway_postgres() as postgres:
        postgres.stop()
        yield postgres.data_directory


@pytest.fixture
def postgres(cluster: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started yet."""
    made = EmbeddedPostgres(cluster, durable=False)
    yield made
    made.stop()


def pid_of(postgres: EmbeddedPostgres) -> int:
    return int((postgres.data_directory / "postmaster.pid").read_text().splitlines()[0])


def fetch(postgres: EmbeddedPostgres, statement: str, database: str = "postgres") -> object:
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def test_a_started_server_serves_databases_that_are_made_once(postgres: EmbeddedPostgres) -> None:
    with postgres:
        postgres.ensure_database("quittance")
        postgres.ensure_database("quittance")
        assert fetch(postgres, "SELECT current_database()", "quittance") == "quittance"
        assert fetch(postgres, "SELECT count(*) FROM pg_database WHERE datname = 'quittance'") == 1


def test_text_sorts_by_code_point_and_is_utf8_whatever_the_host_speaks(postgres: EmbeddedPostgres) -> None:
    with postgres:
        assert fetch(postgres, "SHOW server_encoding") == "UTF8"
        assert fetch(postgres, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,a,ä}'::text[]) x") == "Babä"


def test_only_a_durable_server_waits_for_the_disk(directory: Path, postgres: EmbeddedPostgres) -> None:
    durable = EmbeddedPostgres(directory / "durable" / "postgres")
    try:
        with postgres, durable:
            assert fetch(postgres, "SHOW fsync") == "off"
            assert fetch(durable, "SHOW fsync") == "on"
            assert fetch(durable, "SHOW synchronous_commit") == "on"
            assert fetch(durable, "SHOW full_page_writes") == "on"
    finally:
        durable.destroy()


def test_nobody_else_can_reach_the_server(postgres: EmbeddedPostgres) -> None:
    with postgres:
        assert postgres.socket_directory.stat().st_mode & 0o777 == 0o700
        assert fetch(postgres, "SHOW listen_addresses") == ""


def test_a_second_start_is_quick_and_keeps_the_data(postgres: EmbeddedPostgres) -> None:
    with postgres:
        postgres.ensure_database("kept")
    started = time.monotonic()
    with postgres:
        assert time.monotonic() - started < 2.0
        assert fetch(postgres, "SELECT current_database()", "kept") == "kept"


def test_a_stopped_server_leaves_neither_process_nor_socket(postgres: EmbeddedPostgres) -> None:
    with postgres:
        pid = pid_of(postgres)
        assert postgres.is_running()
    assert not is_alive(pid)
    assert not postgres.is_running()
    assert not postgres.socket_directory.exists()


def test_a_killed_server_starts_again_with_its_data(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.ensure_database("kept")
    with psycopg.connect(postgres.url("kept")):
        # A session is open, so a backend may hold the shared memory for a moment longer.
        os.kill(pid_of(postgres), signal.SIGKILL)
    postgres.start()
    assert fetch(postgres, "SELECT current_database()", "kept") == "kept"


def test_a_server_that_a_killed_runner_left_is_stopped_and_replaced(postgres: EmbeddedPostgres) -> None:
    postgres.start(detached=True)
    orphan = pid_of(postgres)
    with EmbeddedPostgres(postgres.data_directory, durable=False) as successor:
        assert pid_of(successor) != orphan
        wait_until(lambda: not is_alive(orphan))


def test_a_pid_file_whose_number_is_another_programs_by_now_does_not_stop_the_start(
    postgres: EmbeddedPostgres,
) -> None:
    with postgres:
        content = (postgres.data_directory / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"], cwd="/", **postgres.account.identity) as bystander:
        try:
            stale = content.replace(content.splitlines()[0], str(bystander.pid), 1)
            (postgres.data_directory / "postmaster.pid").write_text(stale)
            postgres.start()
            assert postgres.is_running()
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_an_initdb_that_was_killed_leaves_no_half_cluster(directory: Path) -> None:
    half = directory / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    try:
        with postgres:
            assert postgres.is_running()
        assert not half.exists()
    finally:
        postgres.destroy()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_a_server_dies_with_the_process_that_started_it(postgres: EmbeddedPostgres) -> None:
    script = (
        "import sys, time; from pathlib import Path; from runner.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(postgres.data_directory)], cwd=PROJECT, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        server = pid_of(postgres)
        starter.kill()
    wait_until(lambda: not is_alive(server))


def test_data_of_another_major_version_are_refused_in_plain_words(postgres: EmbeddedPostgres) -> None:
    version_file = postgres.data_directory / "PG_VERSION"
    version = version_file.read_text()
    version_file.write_text("14\n")
    try:
        with pytest.raises(PostgresUnavailable, match="was written by PostgreSQL 14"):
            postgres.start()
    finally:
        version_file.write_text(version)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another account")
def test_a_checkout_that_only_root_can_enter_keeps_its_data_elsewhere(directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    postgres = EmbeddedPostgres(closed / "var" / "postgres", durable=False)
    try:
        with postgres:
            postgres.ensure_database("kept")
        with EmbeddedPostgres(closed / "var" / "postgres", durable=False) as again:
            assert fetch(again, "SELECT current_database()", "kept") == "kept"
        elsewhere = postgres.data_directory.readlink()
        assert elsewhere.is_relative_to(BORROWED_DATA)
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        postgres.destroy()
    assert not elsewhere.exists()


def test_a_throwaway_server_leaves_nothing() -> None:
    with throwaway_postgres() as postgres:
        assert fetch(postgres, "SELECT 1") == 1
    assert not postgres.data_directory.parent.exists()
    assert not postgres.socket_directory.exists()


def test_without_any_postgresql_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "OLDEST_MAJOR", 999)
    with pytest.raises(PostgresUnavailable, match="set DATABASE_URL"):
        binaries.find_binaries(accounts.server_account())


def test_the_development_database_runs_in_the_background_until_it_is_stopped(directory: Path) -> None:
    def call(verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runner.postgres", verb],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )

    try:
        assert call("status").returncode == 1
        started = call("start")
        assert started.returncode == 0
        url = started.stdout.strip()
        assert call("url").stdout.strip() == url
        with psycopg.connect(url) as connection:
            assert connection.info.dbname == "quittance"
        assert call("status").stdout == "running\n"
        assert call("start").stdout.strip() == url
        assert not (directory / "var" / "postgres").is_symlink()
    finally:
        assert call("stop").returncode == 0
    assert call("status").stdout == "stopped\n"
