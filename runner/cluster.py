"""Where a cluster's files lie, and how a new one is made."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from runner.accounts import Account
from runner.binaries import Binaries, PostgresUnavailable

SUPERUSER = "quittance"
# Where root keeps the data of a checkout that the server's account cannot reach.
BORROWED_DATA = Path("/var/lib/quittance")


def server_environment() -> dict[str, str]:
    """This environment without what would steer PostgreSQL's programs elsewhere, and with English messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def home_of(data_directory: Path, account: Account, fingerprint: str) -> Path:
    """Where the data really lie: the data directory, or what it links to where the account cannot reach it."""
    nearest = next(parent for parent in data_directory.parents if parent.exists())
    return data_directory if account.reaches(nearest) else BORROWED_DATA / fingerprint


def link(data_directory: Path, home: Path) -> None:
    """The data directory is `home` or links to it. Data there without a link belong to a checkout that is gone."""
    if data_directory == home or (data_directory.is_symlink() and data_directory.readlink() == home):
        return
    if data_directory.is_symlink():
        data_directory.unlink()
    elif data_directory.exists():
        raise PostgresUnavailable(
            f"The server's account cannot reach {data_directory}. Move the checkout, or remove it."
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    home.parent.chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)
    data_directory.symlink_to(home)


def initialize(home: Path, *, account: Account, binaries: Binaries, durable: bool) -> None:
    """A cluster of this major version lies at `home`: UTF-8, sorted by code point whatever the host's locale is."""
    version_file = home / "PG_VERSION"
    if version_file.exists():
        version = version_file.read_text().strip()
        if version != str(binaries.major):
            raise PostgresUnavailable(
                f"{home} was written by PostgreSQL {version}, but this is PostgreSQL {binaries.major}. "
                "Remove the directory to start with fresh data."
            )
        return
    # Beside, then renamed: an initdb that was killed leaves no half cluster in the data directory's place.
    fresh = home.with_name(f"{home.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.own(fresh)
    options = ["--encoding=UTF8", "--auth=trust", f"--username={SUPERUSER}", f"--pgdata={fresh}"]
    options += ["--locale-provider=builtin", "--locale=C.UTF-8"] if binaries.major >= 17 else ["--no-locale"]
    if not durable:
        options.append("--no-sync")
    made = subprocess.run(
        [binaries.path("initdb"), *options],
        cwd=fresh,
        env=server_environment(),
        capture_output=True,
        text=True,
        check=False,
        **account.identity,
    )
    if made.returncode:
        raise PostgresUnavailable(f"initdb failed:\n{made.stdout}{made.stderr}")
    if home.is_symlink():
        home.unlink()
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)


def make_private_directory(directory: Path, account: Account) -> None:
    """An empty directory that only the account may enter. Raises PostgresUnavailable if somebody else owns it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise PostgresUnavailable(f"{directory} belongs to somebody else; remove it.")
    directory.chmod(0o700)
    account.own(directory)
    for stale in directory.iterdir():
        stale.unlink()
