"""The account that PostgreSQL runs under: PostgreSQL refuses to be root, so root lends it an unprivileged one."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

UNPRIVILEGED_NAMES = ("postgres", "nobody", "daemon")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that change who a child runs as; empty leaves it as it is."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """Who the database server runs as. `borrowed` when that is somebody else than this process."""

    uid: int
    gid: int
    borrowed: bool

    @property
    def identity(self) -> Identity:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """The account owns the file or directory afterwards."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter the directory; a checkout below /root is closed to everybody else."""
        if not self.borrowed:
            return True
        # Asked of the kernel rather than read from mode bits: access lists and mounts count too.
        probe = subprocess.run(["test", "-x", str(path)], cwd="/", check=False, **self.identity)
        return probe.returncode == 0


def server_account() -> Account:
    """This process's own account, or for root the first unprivileged one there is. Raises LookupError if none is."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, borrowed=True)
    raise LookupError(
        "PostgreSQL does not run as root and there is no account named " + " or ".join(UNPRIVILEGED_NAMES)
    )
