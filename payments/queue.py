"""Work put off until after the commit: the job's row is written by the transaction that is its reason.

Jobs are named here and done in `orders.jobs`, which stands above every act and knows what the money is for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from procrastinate.contrib.django.models import ProcrastinateJob

from payments.deferring import defer_job
from payments.inbox import WORK_EVENT

CHASE_REQUEST = "orders.chase_request"
CHASE_CAPTURE = "orders.chase_capture"
SEND_REFUND = "orders.send_refund"

_ARGUMENTS = {
    CHASE_REQUEST: "request_id",
    CHASE_CAPTURE: "request_id",
    SEND_REFUND: "refund_id",
    WORK_EVENT: "event_id",
}
# What a person or a webhook has just caused goes before what lay about already.
_CHASED_PRIORITY = -1


def chase_request_later(request_id: uuid.UUID) -> None:
    """Have the gateway told, or asked, about a payment request."""
    _defer(CHASE_REQUEST, str(request_id))


def send_refund_later(refund_id: uuid.UUID) -> None:
    """Have a refund carried to its gateway."""
    _defer(SEND_REFUND, str(refund_id))


def chase_later(name: str, subjects: Iterable[uuid.UUID | int]) -> int:
    """Have each of these rows looked after by a job of its own, unless one waits already; how many are new.

    Only the chase calls this, and its rounds never overlap: nothing is queued twice. What waits is told by its lock,
    not held by a queueing lock: a job that fails and wants to come again would find that taken, and be lost.
    """
    wanted = {_lock(name, subject): subject for subject in subjects}
    waiting = set(
        ProcrastinateJob.objects.filter(status="todo", lock__in=wanted).values_list("lock", flat=True),
    )
    new = [subject for lock, subject in wanted.items() if lock not in waiting]
    for subject in new:
        _defer(name, subject if isinstance(subject, int) else str(subject), priority=_CHASED_PRIORITY)
    return len(new)


def _defer(name: str, subject: str | int, *, priority: int = 0) -> None:
    # Two jobs for the same row never run at once.
    defer_job(name, queue="money", lock=_lock(name, subject), priority=priority, **{_ARGUMENTS[name]: subject})


def _lock(name: str, subject: uuid.UUID | str | int) -> str:
    return f"{name} {subject}"
