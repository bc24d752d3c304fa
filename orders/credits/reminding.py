"""Mails to customers whose credit will end soon: one for each term, sent by a job.

A mail is taken for a while before it is sent, outside any transaction, so that two workers never send the same and a
slow mail server holds no lock. One that cannot be sent is tried again after a pause that grows. What is spent, or has
ended, by then is not written about.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string

from kit import clock
from kit.money import Money
from orders.models import CreditReminder

log = structlog.get_logger(__name__)

BATCH = 100

_FILE = """
INSERT INTO orders_creditreminder (term_id, times_tried, due_at)
SELECT t.id, 0, %(now)s FROM payments_creditterm t
WHERE t.left_minor > 0 AND t.expires_at > %(now)s AND t.expires_at <= %(soon)s
  AND NOT EXISTS (SELECT FROM orders_creditreminder r WHERE r.term_id = t.id)
ORDER BY t.expires_at, t.id LIMIT %(batch)s
ON CONFLICT DO NOTHING
"""
_TAKE = """
UPDATE orders_creditreminder r SET times_tried = times_tried + 1,
    due_at = %(now)s::timestamptz + least(interval '5 minutes' * power(2, r.times_tried), interval '6 hours')
FROM (
    SELECT id FROM orders_creditreminder WHERE sent_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
) due WHERE r.id = due.id RETURNING r.id
"""


def remind() -> int:
    """Write to the customers whose credit ends within CREDIT_REMINDER_DAYS and who were not told of that; how many
    mails were sent."""
    days: int | None = settings.CREDIT_REMINDER_DAYS
    if days is None:
        return 0
    now, sent = clock.now(), 0
    while _file(now, until=now + timedelta(days=days)):
        pass
    while taken := _take(now):
        sent += sum(_send(reminder_id, now) for reminder_id in taken)
    return sent


def _file(now: datetime, *, until: datetime) -> bool:
    """Note which terms are to be written about; whether there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute(_FILE, {"now": now, "soon": until, "batch": BATCH})
        return bool(cursor.rowcount == BATCH)


def _take(now: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"now": now, "batch": BATCH})
        return [row[0] for row in cursor.fetchall()]


def _send(reminder_id: int, now: datetime) -> bool:
    reminder = CreditReminder.objects.select_related("term__customer__user").get(pk=reminder_id)
    term = reminder.term
    if term.left_minor > 0 and term.expires_at is not None and term.expires_at > now:
        try:
            _mail(reminder).send()
        except Exception:
            # Whatever is wrong with one mail, the others are tried, and this one again later.
            log.exception("credit_reminder_failed", term=term.pk)
            return False
        reminder.sent_at = now
        reminder.save(update_fields=["sent_at"])
        return True
    # Nothing is left to tell.
    CreditReminder.objects.filter(pk=reminder.pk).update(sent_at=now)
    return False


def _mail(reminder: CreditReminder) -> EmailMessage:
    term = reminder.term
    assert term.expires_at is not None
    context = {
        "customer": term.customer,
        "left": Money(term.left_minor, term.currency),
        "ends": term.expires_at.astimezone(settings.SHOP_TIME_ZONE),
    }
    text = render_to_string("mails/credit_reminder.txt", context)
    return EmailMessage("Your credit ends soon", text, to=[term.customer.user.email])
