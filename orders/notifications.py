"""Mails about orders. A notice is written in the transaction that is its reason, once per order and kind, and sent by
a job out of its outbox.
"""

from __future__ import annotations

from django.core.mail import EmailMessage
from django.db.models import QuerySet
from django.template.loader import render_to_string

from customers import outbox
from customers.outbox import Outbox
from kit.money import Money
from orders.models import Notice, NoticeKind, Order

_SUBJECTS = {NoticeKind.CONFIRMATION: "Your order {number}"}


def want_confirmation(order: Order) -> None:
    """The order's confirmation is due, in the caller's transaction. Asking again changes nothing."""
    Notice.objects.bulk_create([Notice(order=order, kind=NoticeKind.CONFIRMATION)], ignore_conflicts=True)


def send_due() -> int:
    """Send a batch of what is due; returns how many notices were tried."""
    return outbox.send_due(_OUTBOX)


def _notices() -> QuerySet[Notice]:
    return Notice.objects.select_related("order").prefetch_related("order__lines")


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


_OUTBOX = Outbox(_notices, _mail)
