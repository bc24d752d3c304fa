"""The settings' environment: `.env` below the real one, and `var/run.env` for whoever joins the running system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GATEWAY_KEYS = ("STRIPE_SECRET_KEY", "RAZORPAY_KEY_ID")
# What a bare shell needs to reach the running system.
RECORDED = (
    "ENVIRONMENT",
    "DATABASE_URL",
    "SANDBOX_DATABASE_URL",
    "PORT",
    "SANDBOX_PORT",
    "STRIPE_API_BASE",
    "RAZORPAY_API_BASE",
)
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)")


def read_environment(env_file: Path, real: Mapping[str, str]) -> dict[str, str]:
    """The real environment over the KEY=VALUE lines of the file, if there is one."""
    settings: dict[str, str] = {}
    if env_file.is_file():
        for line in env_file.read_text().splitlines():
            assignment = _ASSIGNMENT.fullmatch(line.strip())
            if assignment:
                settings[assignment[1]] = _unquoted(assignment[2].strip())
    return {**settings, **real}


def with_deployment(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings, for development unless somebody has chosen a deployment."""
    chosen = settings.get("ENVIRONMENT") or settings.get("DEBUG")
    return dict(settings) if chosen else {**settings, "ENVIRONMENT": "development"}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def wants_sandbox(settings: Mapping[str, str]) -> bool:
    """Whether the built-in sandbox answers for the gateways: only while there is no key for either."""
    return not any(settings.get(key) for key in GATEWAY_KEYS)


def with_sandbox_gateways(settings: Mapping[str, str], sandbox_port: int) -> dict[str, str]:
    """The settings, with both gateways' addresses pointing at the sandbox unless they were chosen."""
    base = f"http://127.0.0.1:{sandbox_port}/sandbox"
    defaults = {"STRIPE_API_BASE": f"{base}/stripe", "RAZORPAY_API_BASE": f"{base}/razorpay"}
    return {**settings, "SANDBOX_PORT": str(sandbox_port)} | {
        name: settings.get(name) or default for name, default in defaults.items()
    }


@contextmanager
def recorded(settings: Mapping[str, str], run_file: Path) -> Iterator[None]:
    """While the context lasts, the file tells where the running system is. Only its owner may read it."""
    lines = [f"{name}={settings[name]}\n" for name in RECORDED if name in settings]
    draft = run_file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
        written.writelines(lines)
    draft.replace(run_file)
    try:
        yield
    finally:
        run_file.unlink(missing_ok=True)
