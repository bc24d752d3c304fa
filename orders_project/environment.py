"""Reads the settings' environment: the process's own first, then `.env`, then what a running `make run` left.

`var/run.env` lets `manage.py` in a bare shell reach the database and the sandbox of the running server. Whoever sets
DEBUG or ENVIRONMENT has chosen a deployment, so the running server's choice of it is then not taken over.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

DEPLOYMENT_KEYS = ("DEBUG", "ENVIRONMENT")


def read() -> environ.Env:
    """The environment with both files laid under it; tests bring all they need and read neither."""
    if os.environ.get("ENVIRONMENT") == "test":
        return environ.Env()
    env_file = BASE_DIR / ".env"
    if env_file.is_file():
        environ.Env.read_env(env_file)
    chosen = {key: os.environ.get(key) for key in DEPLOYMENT_KEYS}
    run_file = BASE_DIR / "var" / "run.env"
    if run_file.is_file():
        environ.Env.read_env(run_file)
        if any(value is not None for value in chosen.values()):
            for key, value in chosen.items():
                if value is None:
                    os.environ.pop(key, None)
    return environ.Env()


def deployment(env: environ.Env) -> str:
    """ENVIRONMENT if set; else "development" under DEBUG and "production" otherwise."""
    name = env.str("ENVIRONMENT", default="development" if env.bool("DEBUG", default=False) else "production")
    if name not in {"production", "development", "test"}:
        raise ValueError("ENVIRONMENT must be production, development or test")
    return str(name)
