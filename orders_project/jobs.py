"""Upkeep of what lives at the edge and in the apps that have no jobs of their own."""

from __future__ import annotations

from procrastinate.contrib.django import app

from customers import authentication, throttling
from orders_project.idempotency import keeping


@app.periodic(cron="23 * * * *")
@app.task(
    name="orders_project.forget_old",
    queue="upkeep",
    queueing_lock="orders_project.forget_old",
    lock="orders_project.forget_old",
)
def forget_old(timestamp: int) -> None:
    """Delete kept answers, ended sessions and counts of failures that nobody will ask for any more."""
    del timestamp
    keeping.forget_old()
    authentication.forget_ended_sessions()
    throttling.forget_past_windows()
