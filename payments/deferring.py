"""Enqueues jobs on Django's own connection, so that a job's row commits or rolls back with what it is about.

procrastinate's app of this project does the same, but not inside its worker: there its connector is replaced by one
that commits by itself, and a job could start before the transaction that wants it is through.
"""

from __future__ import annotations

from procrastinate import App
from procrastinate.contrib.django.django_connector import DjangoConnector

_app = App(connector=DjangoConnector())


def defer_job(name: str, *, queue: str, lock: str | None = None, priority: int = 0, **arguments: str | int) -> None:
    """The job runs once the caller's transaction has committed, and not at all if it does not."""
    # Tasks are known to the worker's app alone.
    job = _app.configure_task(name, queue=queue, lock=lock, priority=priority, allow_unknown=True)
    job.defer(**arguments)
