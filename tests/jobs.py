"""The background of the running server, on demand and in this thread: its jobs, its webhooks, the passing of time.

In this thread the clock can be turned, so that nothing here ever sleeps.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.test import Client
from procrastinate.contrib.django import app

from kit import clock
from orders import jobs
from payments.models import PaymentAttempt
from payments.sandbox import sending
from tests.gateway_process import SandboxProcess

_TAKE = """
DELETE FROM procrastinate_jobs WHERE id = (
    SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY id LIMIT 1
) RETURNING task_name, args
"""


def work(*, patient: bool = False) -> int:
    """Do every job that waits, and those they cause; how many there were. What one raises is raised here, unless
    `patient`: then it has failed, and whoever finds what it left tries again.

    Periodic jobs, which a real worker leaves behind, are put aside: a test calls those itself, at its own time.
    """
    done = 0
    periodic = {name for name, _ in app.periodic_registry.periodic_tasks}
    while taken := _take():
        name, arguments = taken
        if name not in periodic:
            with suppress(*[Exception] * patient):
                app.tasks[name](**arguments)
            done += 1
    return done


def waiting() -> list[tuple[str, dict[str, Any]]]:
    """The jobs that wait, in their order: name and arguments."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [(name, _read(arguments)) for name, arguments in cursor.fetchall()]


def deliver(*, late: bool = True) -> int:
    """Send the sandbox's webhooks that are due, or all of them, to this process, as the sandbox's sender does."""
    return sending.deliver_due(post=post, now=clock.now() + timedelta(minutes=5 if late else 0, seconds=1))


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """A webhook at our door; the status of the answer."""
    content_type = headers["Content-Type"]
    others = {name: value for name, value in headers.items() if name != "Content-Type"}
    return Client().post(urlsplit(url).path, body, content_type=content_type, headers=others).status_code


def chase(rounds: int = 1) -> None:
    """The periodic chase, each time after so long that whatever was left behind is due."""
    for number in range(1, rounds + 1):
        with clock.turned(number * (timedelta(hours=1) + settings.UNKNOWN_OUTCOME_ASK_AFTER)):
            jobs.chase(timestamp=0)
            work(patient=True)


def settle_down() -> None:
    """Everything that was on its way arrives: webhooks, jobs, and what only the chase finds."""
    deliver()
    with suppress(Exception):
        work()
    work()
    chase(rounds=3)
    deliver()
    work()


def assert_books_agree(sandbox: SandboxProcess) -> None:
    """Every payment that the gateways know of is in our books with the same money, and nothing else is."""
    theirs = {
        payment["id"]: (payment["captured"], payment["refunded"], payment["currency"])
        for gateway in ("stripe", "razorpay")
        for order in sandbox.books(gateway)["orders"]
        for payment in order["payments"]
    }
    ours = {
        attempt.gateway_payment_id: (attempt.captured_minor, attempt.refunded_minor, attempt.currency)
        for attempt in PaymentAttempt.objects.exclude(gateway="offline")
    }
    assert ours == theirs


def _take() -> tuple[str, dict[str, Any]] | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE)
        row = cursor.fetchone()
    return (row[0], _read(row[1])) if row else None


def _read(arguments: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(arguments) if isinstance(arguments, str) else arguments
    return read
