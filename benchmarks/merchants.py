"""Two merchants to measure lists with: one who has made few orders, and one who has made many.

Run as `python -m benchmarks.merchants FEW MANY` in the environment of the servers, because it needs Django's models;
prints them as JSON. The orders are written row by row, with the tables' guards put aside for that alone: `check_books`
judges what was written. Of fifty orders one has a payment that is authorized and waits; ten have the same receipt.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

DAYS = 300
AUTHORIZED_EVERY = 50
PER_RECEIPT = 10

# The n-th order is made n / count of DAYS after the first; all ids come from n, so that the parts find each other.
_ORDERS = """
INSERT INTO merchants_merchantorder
    (id, merchant_id, key_id, reference, amount_minor, currency, receipt, notes, capture, status, attempts, paid_minor,
     authorized, given_up, told, created_at)
SELECT ('{space}0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(merchant)s, %(key)s,
       'order_{space}' || lpad(to_hex(n), 10, '0'), 50000, 'INR', 'receipt ' || n %% {receipts}, '{{}}', 'checkout',
       CASE WHEN n %% {authorized} = 0 THEN 'attempted' ELSE 'created' END,
       CASE WHEN n %% {authorized} = 0 THEN 1 ELSE 0 END, 0, n %% {authorized} = 0, false, '{{}}',
       now() - make_interval(days => {days}) * (1 - n::float / {count})
FROM generate_series(1, {count}) n
"""
_REQUESTS = """
INSERT INTO payments_paymentrequest
    (id, subject_id, owed_to, gateway, gateway_reference, client_secret, amount_minor, currency, description, state,
     hold, times_asked, created_at)
SELECT o.id, o.id, 'merchant_funds', 'razorpay', o.reference, '', o.amount_minor, o.currency, '', 'open', false, 1,
       o.created_at
FROM merchants_merchantorder o WHERE o.merchant_id = %(merchant)s
"""
_ATTEMPTS = """
INSERT INTO payments_paymentattempt
    (id, request_id, gateway, gateway_payment_id, state, amount_minor, captured_minor, refunded_minor, currency, method,
     last4, failure_code, created_at, changed_at)
SELECT o.id, o.id, 'razorpay', replace(o.reference, 'order_', 'pay_'), 'authorized', o.amount_minor, 0, 0, o.currency,
       'card', '1111', '', o.created_at, o.created_at
FROM merchants_merchantorder o WHERE o.merchant_id = %(merchant)s AND o.authorized
"""


@dataclass(frozen=True)
class Lister:
    """A merchant with so many orders, and what its client needs to list them."""

    orders: int
    authorization: str
    receipt: str


def fill(*counts: int) -> list[Lister]:
    """A merchant for each count, committed."""
    from django.db import connection

    from payments.merchants import keys
    from payments.merchants.models import Merchant

    listers = []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; SET statement_timeout = 0")
        for number, count in enumerate(counts):
            merchant = Merchant.objects.create(name=f"Merchant {count}")
            issued = keys.issue(merchant)
            _write(cursor, number, count, {"merchant": merchant.pk, "key": issued.key.pk})
            told = base64.b64encode(f"{issued.key.key_id}:{issued.secret}".encode()).decode()
            listers.append(Lister(count, f"Basic {told}", "receipt 0"))
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE")
    return listers


def _write(cursor: Any, number: int, count: int, values: dict[str, Any]) -> None:
    orders = _ORDERS.format(
        space=f"be{number:02x}",
        count=count,
        days=DAYS,
        authorized=AUTHORIZED_EVERY,
        receipts=max(count // PER_RECEIPT, 1),
    )
    for statement in (orders, _REQUESTS, _ATTEMPTS):
        cursor.execute(statement, values)


def main(arguments: list[str]) -> int:
    """Fills and prints."""
    import django

    django.setup()
    json.dump([asdict(lister) for lister in fill(*map(int, arguments))], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
