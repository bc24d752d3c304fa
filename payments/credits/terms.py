"""Until when credit is good, and what is left of what once came. The database takes what goes from the term that ends
first and gives what comes back to the terms that it was taken from; here a term that is over is moved to a later one.

The caller of what locks has its order and payment requests locked by then; the coupon and the stock come later.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from kit import clock
from payments.models import CreditBalance


def good_until(days: int | None) -> datetime | None:
    """When credit ends that comes now and is good for so many days; None for what is good for ever."""
    return None if days is None else clock.now() + timedelta(days=days)


def lock(customer_id: uuid.UUID, currency: str) -> None:
    """Nobody else adds to a customer's credit of a currency, spends or moves it until the caller's transaction ends."""
    list(CreditBalance.objects.select_for_update().filter(customer_id=customer_id, currency=currency).values_list("pk"))


@dataclass(frozen=True, slots=True)
class TermLeft:
    """What is left of one term, minor units."""

    term_id: int
    left_minor: int


# A term that was over when something came back to it has gone on as another.
_BROUGHT = """
WITH RECURSIVE brought AS (
    SELECT t.id, t.left_minor FROM payments_ledgertransfer x JOIN payments_ledgerentry e ON e.transfer_id = x.id
    JOIN payments_creditterm t ON t.entry_id = e.id WHERE x.source = %s
    UNION ALL
    SELECT t.id, t.left_minor FROM payments_creditterm t JOIN brought b ON t.moved_from_id = b.id
)
SELECT id, left_minor FROM brought WHERE left_minor > 0 ORDER BY id
"""


def brought_by(source: str) -> list[TermLeft]:
    """What is left of the credit that a transfer has brought. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BROUGHT, [source])
        return [TermLeft(*row) for row in cursor.fetchall()]


def left_minor(source: str) -> int:
    """The same in all."""
    return sum(term.left_minor for term in brought_by(source))


_TAKEN = """
SELECT u.term_id, sum(u.amount_minor)::bigint FROM payments_ledgertransfer x
JOIN payments_ledgerentry e ON e.transfer_id = x.id AND e.account = %s
JOIN payments_credittermuse u ON u.entry_id = e.id
WHERE x.source LIKE %s GROUP BY 1 HAVING sum(u.amount_minor) > 0 ORDER BY 1 DESC
"""


def taken_by(name: str) -> list[TermLeft]:
    """What the transfers whose sources begin with a name have taken from which terms and not given back, the newest
    term first. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, ["customer_credit", f"{name}%"])
        return [TermLeft(*row) for row in cursor.fetchall()]


_PROLONG = """
WITH late AS (
    SELECT t.id, t.customer_id, t.currency, -sum(u.amount_minor)::bigint AS back
    FROM payments_ledgertransfer x JOIN payments_ledgerentry e ON e.transfer_id = x.id
    JOIN payments_credittermuse u ON u.entry_id = e.id JOIN payments_creditterm t ON t.id = u.term_id
    WHERE x.source = %(source)s AND t.expires_at <= %(now)s GROUP BY t.id HAVING sum(u.amount_minor) < 0
), moved AS (
    INSERT INTO payments_credittermuse (term_id, amount_minor) SELECT id, back FROM late
)
INSERT INTO payments_creditterm (customer_id, currency, moved_from_id, expires_at, amount_minor, left_minor)
SELECT customer_id, currency, id, %(until)s, back, back FROM late ORDER BY id
"""


def prolong(source: str) -> None:
    """What a transfer has just given back to terms that are over by now is good for another
    CREDIT_RETURNED_GOOD_FOR_DAYS. In the transaction that has posted it, once."""
    until = good_until(settings.CREDIT_RETURNED_GOOD_FOR_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_PROLONG, {"source": source, "now": clock.now(), "until": until})
