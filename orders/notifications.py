"""Mails about orders. A notice is written in the transaction that is its reason, once per order and kind, and sent by
a job: a mail server that is down delays mails, never orders.
"""

from __future__ import annotations

import structlog
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string

from kit import clock
from kit.money import Money
from orders.models import Notice, NoticeKind, Order

log = structlog.get_logger(__name__)

BATCH = 100
_SUBJECTS = {NoticeKind.CONFIRMATION: "Your order {number}"}


def want_confirmation(order: Order) -> None:
    """The order's confirmation is due, in the caller's transaction. Asking again changes nothing."""
    Notice.objects.bulk_create([Notice(order=order, kind=NoticeKind.CONFIRMATION)], ignore_conflicts=True)


def send_due() -> int:
    """Send a batch of what is due; returns how many notices it took on.

    Notices are taken for a while before their mails are sent, outside any transaction, so that two workers never send
    the same and a slow mail server holds no lock. One that cannot be sent is tried again after a pause that grows. A
    crash right after sending sends that one mail twice: mail knows no better.
    """
    taken = _take()
    notices = Notice.objects.filter(pk__in=taken).select_related("order").prefetch_related("order__lines")
    for notice in notices:
        _send(notice)
    return len(taken)


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


def _send(notice: Notice) -> None:
    try:
        _mail(notice).send()
    except Exception:
        # Whatever is wrong with one mail or with the mail server, the others are tried, and this one again later.
        log.exception("mail_failed", order=notice.order.number)
        return
    Notice.objects.filter(pk=notice.pk).update(sent_at=clock.now())


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
