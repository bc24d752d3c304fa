"""Mails that wait in a table. A letter is written in the transaction that is its reason, and sent by a job: a mail
server that is down delays mails and nothing else.

Each kind of letter has a table of its own, with the columns `sent_at`, `wanted_at`, `due_at` and `times_tried`.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F, Model, QuerySet

from kit import clock

log = structlog.get_logger(__name__)

BATCH = 100
# A batch ends within this and one more mail, well before its first letter would be taken again.
BUDGET_S = 60.0
# How long the mails wait that a mail server which is down has not even seen.
SERVER_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outbox[Letter: Model]:
    """One kind of letters: all of them, with what `compose` reads of each. None for one that is not true any more."""

    letters: Callable[[], QuerySet[Letter]]
    compose: Callable[[Letter], EmailMessage | None]


class _ServerDown(Exception):
    """The mail server is gone or does not answer: no other mail has a chance now."""


def send_due(outbox: Outbox[Any]) -> int:
    """Send a batch of what is due, over one connection; returns how many letters were tried.

    Letters are taken for a while before their mails are sent, outside any transaction, so that two workers never send
    the same and a slow mail server holds no lock. One that cannot be sent is tried again after a pause that grows. A
    crash right after sending sends that one mail twice: mail knows no better.

    The first sign that the server itself is down ends the batch, as does its time: what was not tried is given back
    and does not count as tried.
    """
    letters = outbox.letters()
    taken = _take(letters.model._meta.db_table)
    if not taken:
        return 0
    left = set(taken)
    mailer = mailers.default
    end = time.monotonic() + BUDGET_S
    pause = timedelta()
    try:
        _open(mailer)
        for letter in letters.filter(pk__in=taken).order_by("times_tried", "wanted_at", "pk"):
            if time.monotonic() > end:
                break
            left.discard(letter.pk)
            _send(outbox, letter, mailer)
    except _ServerDown:
        log.exception("mail_server_down", waiting=len(left))
        pause = SERVER_PAUSE
    finally:
        _give_back(letters, left, pause)
        # Whatever it still has to say, it is said after the last mail.
        with suppress(Exception):
            mailer.close()
    return len(taken) - len(left)


_TAKE = """
UPDATE {table} n SET times_tried = times_tried + 1,
    due_at = %(now)s::timestamptz + least(interval '2 minutes' * power(2, n.times_tried), interval '1 hour')
FROM (
    SELECT id FROM {table} WHERE sent_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
) due WHERE n.id = due.id RETURNING n.id
"""


def _take(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(table=table), {"now": clock.now(), "batch": BATCH})
        return [row[0] for row in cursor.fetchall()]


def _give_back(letters: QuerySet[Any], ids: Collection[int], pause: timedelta) -> None:
    untried = letters.filter(pk__in=ids, sent_at__isnull=True)
    untried.update(times_tried=F("times_tried") - 1, due_at=clock.now() + pause)


def _open(mailer: BaseEmailBackend) -> None:
    try:
        mailer.open()
    except OSError as error:  # smtplib's own errors are of this kind, too
        raise _ServerDown from error


def _send(outbox: Outbox[Any], letter: Any, mailer: BaseEmailBackend) -> None:
    try:
        mail = outbox.compose(letter)
        if mail is None:
            letter.delete()
            return
        mailer.send_messages([mail])
    except Exception as error:
        if _is_server_down(error):
            raise _ServerDown from error
        # Whatever is wrong with one mail, the others are tried, and this one again later.
        log.exception("mail_failed", letter=letter.pk, kind=letter.kind)
        return
    outbox.letters().filter(pk=letter.pk).update(sent_at=clock.now())


def _is_server_down(error: Exception) -> bool:
    """Whether it is about the server, not about one mail that the server would not have."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError)
    return isinstance(error, OSError)
