"""Fifty invoices at once, a third of them rolled back: numbers stay dense and unique; and what happens otherwise."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import IntegrityError, connection

from orders import actors
from orders.cash import collect_cash
from orders.models import Invoice, InvoiceCounter, Order
from tests import books
from tests.concurrency.racing import no_deadlocks, outcome, together
from tests.shop import Shop, Shopper, place

# The whole of it, 50 in 20 rounds, with INVOICE_RACE=full.
FULL = os.environ.get("INVOICE_RACE") == "full"
AT_ONCE, ROUNDS = (50, 20) if FULL else (24, 3)


# On a busy machine the last of so many waits longer than anybody should in production.
_PATIENT = "SET lock_timeout = '120s'; SET statement_timeout = '120s'"


class RolledBack(Exception):
    """Something went wrong after the number was taken."""


def _failing_after_the_number() -> Any:
    """A wrapper of a connection's statements: the invoice's own row is never written."""

    def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith('INSERT INTO "orders_invoice"'):
            raise RolledBack
        return run(sql, parameters, many, context)

    return execute


def _paying(order: Order, *wrappers: Callable[..., Any], prepare: str = "") -> Callable[[], None]:
    def act() -> None:
        with ExitStack() as stack:
            if prepare:
                with connection.cursor() as cursor:
                    cursor.execute(prepare)
            for wrapper in wrappers:
                stack.enter_context(connection.execute_wrapper(wrapper))
            collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)

    return act


def _race(shop: Shop, ada: Shopper, count: int, *wrappers: Callable[..., Any], prepare: str = "") -> list[Any]:
    """So many orders are paid at one instant; every third fails after its number was taken."""
    orders = [place(ada, shop.cash, (shop.cable, 1)) for _ in range(count)]
    acts = [
        outcome(
            _paying(order, *((_failing_after_the_number(), *wrappers) if index % 3 == 0 else wrappers), prepare=prepare)
        )
        for index, order in enumerate(orders)
    ]
    return together(acts)


def test_numbers_are_dense_and_unique_though_a_third_is_rolled_back(shop: Shop, ada: Shopper) -> None:
    expected = 0
    for _ in range(ROUNDS):
        with no_deadlocks():
            outcomes = _race(shop, ada, AT_ONCE, prepare=_PATIENT)
        failed = [one for one in outcomes if one is not None]
        assert all(isinstance(one, RolledBack) for one in failed), failed
        assert len(failed) == -(-AT_ONCE // 3)
        expected += AT_ONCE - len(failed)
        serials = sorted(Invoice.objects.values_list("serial", flat=True))
        assert serials == list(range(1, expected + 1))
        assert InvoiceCounter.objects.get().last == expected
    in_order = list(Invoice.objects.order_by("serial").values_list("issued_at", flat=True))
    assert in_order == sorted(in_order)


def _counting(expression: str) -> Callable[..., Any]:
    """Numbers are taken by another statement in place of the locked counter."""

    def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO orders_invoicecounter" in sql:
            return run(f"SELECT ({expression})::bigint, now()", [], many, context)
        return run(sql, parameters, many, context)

    return execute


@contextmanager
def _broken_books() -> Iterator[None]:
    """Such books would add up for nobody."""
    try:
        yield
    finally:
        books.empty()


def test_without_the_counters_lock_two_take_the_same_number(shop: Shop, ada: Shopper) -> None:
    """The negative control: the highest number and one more, read by many at once."""
    with _broken_books():
        naive = _counting("SELECT coalesce(max(serial), 0) + 1 FROM orders_invoice")
        outcomes = _race(shop, ada, 12, naive, prepare="SET session_replication_role = replica")
        assert sum(isinstance(one, IntegrityError) for one in outcomes) > 0


def test_a_sequence_would_leave_gaps(shop: Shop, ada: Shopper) -> None:
    """The negative control of what is cheaper: a number that was rolled back is gone."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE race_of_numbers")
    try:
        with _broken_books():
            sequence = _counting("SELECT nextval('race_of_numbers')")
            _race(shop, ada, 12, sequence, prepare="SET session_replication_role = replica")
            serials = sorted(Invoice.objects.values_list("serial", flat=True))
            assert len(serials) == 8
            assert serials != list(range(1, 9))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP SEQUENCE race_of_numbers")


def test_an_order_that_waits_for_its_payment_waits_for_no_invoice(shop: Shop, ada: Shopper) -> None:
    """Somebody holds the counter; an order is placed all the same."""
    order = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)

    def holding() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; SELECT FROM orders_invoicecounter FOR UPDATE")
            try:
                together([lambda: place(ada, shop.cash, (shop.cable, 1))])
            finally:
                cursor.execute("ROLLBACK")

    holding()
    assert Order.objects.count() == 2
