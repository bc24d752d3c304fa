"""The invariants of stock, status, payments, merchants, settlements, the ledger and invoices, each one question to the
database whose right answer is no rows.

All are asked of one snapshot, so that they hold, and can be checked, at any moment while the shop is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from orders.books.campaigns import CAMPAIGNS
from orders.books.coupons import COUPONS
from orders.books.credits import CREDITS
from orders.books.entries import ENTRIES
from orders.books.goods import GOODS
from orders.books.invoices import INVOICES
from orders.books.ledger import LEDGER
from orders.books.money import MONEY
from orders.books.refunds import REFUNDS
from orders.books.status import STATUS
from orders.books.write_offs import WRITE_OFFS
from payments.merchants.books import INVARIANTS as MERCHANTS
from payments.settlements.books import INVARIANTS as SETTLEMENTS

SHOWN = 20

INVARIANTS: tuple[tuple[str, str], ...] = (
    *GOODS,
    *STATUS,
    *COUPONS,
    *CREDITS,
    *CAMPAIGNS,
    *ENTRIES,
    *MONEY,
    *REFUNDS,
    *WRITE_OFFS,
    *LEDGER,
    *MERCHANTS,
    *INVOICES,
    *SETTLEMENTS,
)
"""Name, and a statement that selects who offends and how."""


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant, and the first of those who break it."""

    name: str
    offenders: tuple[tuple[object, ...], ...]


def find_offenders() -> Iterator[Check]:
    """Each invariant with its offenders, all of one snapshot. Opens a transaction of its own that only reads."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        for name, statement in INVARIANTS:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM ({statement}) offenders LIMIT {SHOWN}")  # noqa: S608 - constants
                yield Check(name, tuple(cursor.fetchall()))
