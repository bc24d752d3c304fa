"""Mails about orders. A notice is written in the transaction that is its reason, once for what it is about, and sent by
a job out of its outbox.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from customers import outbox
from customers.outbox import Outbox
from orders import mails
from orders.models import Notice, Order, OrderStatus

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


def send_due() -> int:
    """Send a batch of what is due; returns how many notices were tried."""
    return outbox.send_due(_OUTBOX)


def _notices() -> QuerySet[Notice]:
    return Notice.objects.select_related("order__customer").prefetch_related("order__lines")


_OUTBOX = Outbox(_notices, mails.mail_of)
