"""Mails about orders. A notice is written in the transaction that is its reason, once per order and kind, and sent by
a job: a mail server that is down delays mails, never orders.
"""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException

import structlog
from django.core.mail import EmailMessage
from django.db.models import F
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
    """Send what is due, in batches; returns how many mails went out.

    Each notice is taken for a while before its mail is sent, outside any transaction, so that two workers never send
    the same and a slow mail server holds no lock. One that cannot be sent is tried again after a pause that grows. A
    crash right after sending sends that one mail twice: mail knows no better.
    """
    due = Notice.objects.filter(sent_at=None, due_at__lte=clock.now()).order_by("due_at")
    return sum(_send(notice) for notice in due.select_related("order").prefetch_related("order__lines")[:BATCH])


def _send(notice: Notice) -> bool:
    pause = timedelta(minutes=min(2 ** (notice.times_tried + 1), 60))
    taken = Notice.objects.filter(pk=notice.pk, sent_at=None, due_at=notice.due_at).update(
        due_at=clock.now() + pause, times_tried=F("times_tried") + 1
    )
    if not taken:
        return False
    try:
        _mail(notice).send()
    except (OSError, SMTPException) as error:
        log.warning("mail_failed", order=notice.order.number, error=type(error).__name__)
        return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=clock.now())
    return True


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
