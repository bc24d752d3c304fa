"""Mails about orders. A notice is written in the transaction that is its reason, once for what it is about, and sent by
a job: a mail server that is down delays mails, never orders.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

import structlog
from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F

from kit import clock
from orders import mails
from orders.models import Notice, Order, OrderStatus

log = structlog.get_logger(__name__)

BATCH = 100
# A batch ends within this and one more mail, well before its first notice would be taken again.
BUDGET_S = 60.0
# How long the mails wait that a mail server which is down has not even seen.
SERVER_PAUSE = timedelta(minutes=1)

_WANT = """
INSERT INTO orders_notice (order_id, kind, subject_id, times_tried)
SELECT %(order)s, 'confirmation', NULL::uuid, 0 WHERE %(settled)s
UNION ALL
SELECT %(order)s, 'payment', NULL, 0 WHERE %(settled)s AND %(costs)s
UNION ALL
SELECT DISTINCT %(order)s, 'refund', coalesce(f.cause_id, f.id), 0 FROM payments_refund f
JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id
WHERE r.subject_id = %(order)s AND f.state NOT IN ('requested', 'failed')
ON CONFLICT DO NOTHING
"""


def want_what_is_due(order: Order) -> None:
    """The mails that an order's money calls for are due, in the caller's transaction: one that confirms it, one that it
    is paid, one for each refund that is promised. Asking again changes nothing. One statement.
    """
    settled = order.status in (OrderStatus.PAID, OrderStatus.COMPLETED)
    with connection.cursor() as cursor:
        cursor.execute(_WANT, {"order": order.pk, "settled": settled, "costs": order.total_minor > 0})


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
    notices = Notice.objects.filter(pk__in=taken).select_related("order__customer").prefetch_related("order__lines")
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
        mailer.send_messages([mails.mail_of(notice)])
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
