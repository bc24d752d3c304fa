"""Makes `.venv` and installs the locked requirements into it. Run as a script, by any Python that may make one.

A stamp in the environment names what is installed completely; it is written last. A marker says that an installation
has begun: where one is found, pip was cut off, may take half a package for a whole one, and gets a fresh environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ENVIRONMENT = Path(".venv")
MARKER = ENVIRONMENT / "installing"
LOCKS = {
    "runtime": ("requirements.txt",),
    "dev": ("requirements.txt", "requirements-dev.txt", "requirements-rules.txt"),
}
OLDEST, TOO_NEW = (3, 12), (3, 15)


def stamp_file(kind: str) -> Path:
    return ENVIRONMENT / f"{kind}.stamp"


def wanted_stamp(kind: str, version: str) -> str:
    """What the stamp says when all is well: the locks' content, and where and for which Python they were installed."""
    digest = hashlib.sha256()
    for lock in LOCKS[kind]:
        digest.update(Path(lock).read_bytes())
    # A moved environment's scripts still point to the old place.
    return f"{digest.hexdigest()} {version} {ENVIRONMENT.absolute()}\n"


def is_installed(kind: str, version: str) -> bool:
    """Whether the environment is complete. The development requirements contain the others."""
    stamp = stamp_file(kind)
    return not MARKER.exists() and stamp.is_file() and stamp.read_text() == wanted_stamp(kind, version)


def environment_version() -> str:
    """The version of the environment's Python; empty if it does not run, is too old or has no pip."""
    probe = "import pip, sysconfig; print(sysconfig.get_python_version())"
    try:
        shown = subprocess.run(
            [ENVIRONMENT / "bin" / "python", "-I", "-c", probe], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    version = shown.stdout.strip()
    return version if OLDEST <= tuple(int(part) for part in version.split(".")) < TOO_NEW else ""


def was_made_here() -> bool:
    """Whether no stamp names another place."""
    stamps = [stamp_file(kind) for kind in LOCKS]
    here = f" {ENVIRONMENT.absolute()}\n"
    return all(stamp.read_text().endswith(here) for stamp in stamps if stamp.is_file())


def install(kind: str) -> int:
    """The environment is complete afterwards; returns pip's exit code, 0 if there was nothing to do."""
    version = environment_version()
    if version and is_installed(kind, version):
        return 0
    if not version or MARKER.exists() or not was_made_here():
        version = sysconfig.get_python_version()
        print(f"Making .venv with Python {version} ...", flush=True)
        venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)
    print("Installing the locked requirements ...", flush=True)
    stamp_file(kind).unlink(missing_ok=True)
    MARKER.touch()
    requirements = [argument for lock in LOCKS[kind] for argument in ("-r", lock)]
    code = subprocess.run(
        # The locks are complete, so pip need not look for dependencies; compiling is left to the first import.
        [
            *(ENVIRONMENT / "bin" / "python", "-I", "-m", "pip", "install"),
            *("-qq", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "--require-hashes"),
            *requirements,
        ],
        check=False,
    ).returncode
    if code == 0:
        draft = stamp_file(kind).with_suffix(".new")
        draft.write_text(wanted_stamp(kind, version))
        draft.replace(stamp_file(kind))
        MARKER.unlink()
    return code


def main(arguments: list[str]) -> int:
    if arguments[0] == "--check":
        return 0 if is_installed(arguments[1], sysconfig.get_python_version()) else 1
    # `make run` and `make test` may be started at once. The lock lies beside the environment, which may be remade.
    os.makedirs("var", exist_ok=True)
    with Path("var", "installation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return install(arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
