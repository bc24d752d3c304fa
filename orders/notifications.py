"""Mails about orders. A notice is written in the transaction that is its reason, once per order and kind, and sent by
a job: a mail server that is down delays mails, never orders.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

import structlog
from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F
from django.template.loader import render_to_string

from kit import clock
from kit.money import Money
from orders.models import Notice, NoticeKind, Order

log = structlog.get_logger(__name__)

BATCH = 100
# A batch ends within this and one more mail, well before its first notice would be taken again.
BUDGET_S = 60.0
# How long the mails wait that a mail server which is down has not even seen.
SERVER_PAUSE = timedelta(minutes=1)
_SUBJECTS = {NoticeKind.CONFIRMATION: "Your order {number}"}


def want_confirmation(order: Order) -> None:
    """The order's confirmation is due, in the caller's transaction. Asking again changes nothing."""
    Notice.objects.bulk_create([Notice(order=order, kind=NoticeKind.CONFIRMATION)], ignore_conflicts=True)


class _ServerDown(Exception):
    """The mail server is gone or does not answer: no other mail has a chance now."""


def send_due() -> int:
    """Send a batch of what is due, over one connection; returns how many notices were tried.

    Notices are taken for a while before their mails are sent, outside any transaction, so that two workers never send
    the same and a slow mail server holds no lock. One that cannot be sent is tried again after a pause that grows. A
    crash right after sending sends that one mail twice: mail knows no better.

    The first sign that the server itself is down ends the batch, as does its time: what was not tried is given back
    and does not count as tried.
    """
    taken = _take()
    if not taken:
        return 0
    left = set(taken)
    notices = Notice.objects.filter(pk__in=taken).select_related("order").prefetch_related("order__lines")
    mailer = mailers.default
    end = time.monotonic() + BUDGET_S
    pause = timedelta()
    try:
        _open(mailer)
        for notice in notices.order_by("times_tried", "wanted_at", "pk"):
            if time.monotonic() > end:
                break
            left.discard(notice.pk)
            _send(notice, mailer)
    except _ServerDown:
        log.exception("mail_server_down", waiting=len(left))
        pause = SERVER_PAUSE
    finally:
        _give_back(left, pause)
        # Whatever it still has to say, it is said after the last mail.
        with suppress(Exception):
            mailer.close()
    return len(taken) - len(left)


_TAKE = """
UPDATE orders_notice n SET times_tried = times_tried + 1,
    due_at = %(now)s::timestamptz + least(interval '2 minutes' * power(2, n.times_tried), interval '1 hour')
FROM (
    SELECT id FROM orders_notice WHERE sent_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
) due WHERE n.id = due.id RETURNING n.id
"""


def _take() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"now": clock.now(), "batch": BATCH})
        return [row[0] for row in cursor.fetchall()]


def _give_back(notice_ids: Collection[int], pause: timedelta) -> None:
    untried = Notice.objects.filter(pk__in=notice_ids, sent_at__isnull=True)
    untried.update(times_tried=F("times_tried") - 1, due_at=clock.now() + pause)


def _open(mailer: BaseEmailBackend) -> None:
    try:
        mailer.open()
    except OSError as error:  # smtplib's own errors are of this kind, too
        raise _ServerDown from error


def _send(notice: Notice, mailer: BaseEmailBackend) -> None:
    try:
        mailer.send_messages([_mail(notice)])
    except Exception as error:
        if _is_server_down(error):
            raise _ServerDown from error
        # Whatever is wrong with one mail, the others are tried, and this one again later.
        log.exception("mail_failed", order=notice.order.number)
        return
    Notice.objects.filter(pk=notice.pk).update(sent_at=clock.now())


def _is_server_down(error: Exception) -> bool:
    """Whether it is about the server, not about one mail that the server would not have."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError)
    return isinstance(error, OSError)


def _mail(notice: Notice) -> EmailMessage:
    order = notice.order
    amounts = ("products", "discount", "tax", "delivery", "credits", "total")
    context = {
        "order": order,
        "lines": [
            {"quantity": line.quantity, "title": line.title, "amount": Money(line.amount_minor, order.currency)}
            for line in order.lines.all()
        ],
        **{name: Money(getattr(order, f"{name}_minor"), order.currency) for name in amounts},
    }
    subject = _SUBJECTS[NoticeKind(notice.kind)].format(number=order.number)
    return EmailMessage(subject, render_to_string(f"mails/{notice.kind}.txt", context), to=[order.email])
