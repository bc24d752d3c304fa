"""Reads the settings' environment: the process's own first, then `.env`, then what a running `make run` left.

`var/run.env` lets `manage.py` in a bare shell reach the database and the sandbox of the running server. A shell that
names a deployment or a database is not bare: it gets what it asked for and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

CHOSEN_BY = ("ENVIRONMENT", "DEBUG", "DATABASE_URL")


def read() -> environ.Env:
    """The environment with the files laid under it; tests bring all they need and read neither."""
    if os.environ.get("ENVIRONMENT") == "test":
        return environ.Env()
    bare = not any(os.environ.get(name) for name in CHOSEN_BY)
    env_file, run_file = BASE_DIR / ".env", BASE_DIR / "var" / "run.env"
    if env_file.is_file():
        environ.Env.read_env(env_file)
    if bare and run_file.is_file():
        environ.Env.read_env(run_file)
    return environ.Env()


def is_chosen() -> bool:
    """Whether anybody, a file included, has said what this is to run on."""
    read()
    return any(os.environ.get(name) for name in (*CHOSEN_BY, "SECRET_KEY"))


def deployment(env: environ.Env) -> str:
    """ENVIRONMENT if set; else "development" under DEBUG and "production" otherwise."""
    name = env.str("ENVIRONMENT", default="development" if env.bool("DEBUG", default=False) else "production")
    if name not in {"production", "development", "test"}:
        raise ValueError("ENVIRONMENT must be production, development or test")
    return str(name)
