"""Credit that is over: it leaves the customer's account for income. Safe to run twice, or twice at once: what is left
of a term is looked at under the lock of its balance, and each balance is a transaction of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum

from kit.ids import new_id
from payments import ledger
from payments.credits import terms
from payments.ledger import Leg
from payments.models import Account, CreditTerm, TransferKind

# How many balances a round takes on.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Overdue:
    """What is over of a customer's credit in a currency, minor units."""

    customer_id: uuid.UUID
    currency: str
    amount_minor: int


def expire(customer_id: uuid.UUID, currency: str, *, now: datetime) -> int:
    """What is over by now of a customer's credit is no longer theirs; returns how much that was, minor units.

    In a transaction of its own, or in the caller's. Locks the balance.
    """
    with transaction.atomic():
        terms.lock(customer_id, currency)
        over = CreditTerm.objects.filter(
            customer_id=customer_id, currency=currency, left_minor__gt=0, expires_at__lte=now
        )
        amount: int = over.aggregate(sum=Sum("left_minor", default=0))["sum"]
        # What is over ends first, and so is what this takes.
        ledger.post(
            source=f"credit-expired:{new_id()}",
            kind=TransferKind.CREDIT_EXPIRED,
            currency=currency,
            legs=(
                Leg(Account.CUSTOMER_CREDIT, amount, customer_id=customer_id),
                Leg(Account.CREDITS_EXPIRED, -amount),
            ),
        )
    return amount


def expire_all_of(customer_id: uuid.UUID, *, now: datetime) -> None:
    """The same in every currency, before the customer spends. One statement where nothing is over."""
    over = CreditTerm.objects.filter(customer_id=customer_id, left_minor__gt=0, expires_at__lte=now)
    for currency in sorted(set(over.values_list("currency", flat=True))):
        expire(customer_id, currency, now=now)


_OVERDUE = """
SELECT customer_id, currency, sum(left_minor)::bigint FROM payments_creditterm
WHERE left_minor > 0 AND expires_at <= %(now)s
  AND (%(customer)s::uuid IS NULL OR (customer_id, currency) > (%(customer)s::uuid, %(currency)s))
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(limit)s
"""


def overdue(now: datetime, *, after: Overdue | None = None, limit: int = BATCH) -> list[Overdue]:
    """Balances of which something is over by now, by customer and currency, from behind one of them."""
    values: dict[str, Any] = {
        "now": now,
        "limit": limit,
        "customer": after.customer_id if after else None,
        "currency": after.currency if after else "",
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, values)
        return [Overdue(*row) for row in cursor.fetchall()]


def rounds(now: datetime) -> Iterator[list[Overdue]]:
    """All of them, a round at a time; each once, whatever becomes of it."""
    last: Overdue | None = None
    while found := overdue(now, after=last):
        yield found
        last = found[-1]
