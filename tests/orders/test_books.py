"""The books find every kind of lie: each invariant is broken once, around all guards, and named."""

from __future__ import annotations

import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from kit.money import Money
from orders import actors
from orders.books import INVARIANTS, find_offenders
from orders.cash import collect_cash
from orders.models import Order
from orders.refunds import refund_order
from tests import books
from tests.shop import Shop, Shopper, place

# What is broken, and the invariants that must notice it. The guards are put aside for the statement alone.
LIES: dict[str, tuple[str, ...]] = {
    "UPDATE catalog_stock SET on_hand = on_hand + 1": ("stock counters are the sums of their movements",),
    "DELETE FROM catalog_stockmovement WHERE kind = 'reserved'": (
        "stock counters are the sums of their movements",
        "an order holds stock exactly as long as it has goods to send",
    ),
    "ALTER TABLE catalog_stock DROP CONSTRAINT stock_never_oversold; UPDATE catalog_stock SET reserved = on_hand + 1": (
        "nothing is promised that is not there",
    ),
    "UPDATE orders_order SET reservation_id = gen_random_uuid()": (
        "all reserved stock is held by orders",
        "an order holds stock exactly as long as it has goods to send",
    ),
    "UPDATE orders_order SET fulfilment = 'sent'": ("an order holds stock exactly as long as it has goods to send",),
    "DELETE FROM orders_orderhistory": ("an order's status is the last one in its history",),
    "UPDATE orders_orderhistory SET from_status = 'refunded' WHERE event <> 'placed'": (
        "every move of an order is in the table of moves",
    ),
    "UPDATE orders_orderline SET quantity = quantity + 1": ("an order's amounts are the sums of its lines",),
    "DELETE FROM orders_orderline": ("an order's amounts are the sums of its lines",),
    "UPDATE orders_order SET collected_minor = collected_minor + 1": (
        "an order knows what was collected and refunded for it",
    ),
    "UPDATE orders_order SET status = 'payment_pending'": (
        "an order's status follows from its money and its goods",
        "an order's status is the last one in its history",
    ),
    "UPDATE orders_order SET status = 'cancelled'": ("money that an order may not keep is on its way back",),
    "UPDATE payments_paymentattempt SET currency = 'EUR'": ("captured in another currency and not promised back",),
    "DELETE FROM payments_paymentrequest": (
        "every order that costs something has a payment request of its own currency, and every request an order",
    ),
    "UPDATE payments_paymentrequest SET state = 'open'": (
        "a payment request is paid when and only when it is captured in full",
    ),
    "UPDATE payments_refund SET amount_minor = 2000": ("refunds that have not failed never exceed what was captured",),
    "UPDATE payments_refund SET currency = 'JPY'": ("refunds that have not failed never exceed what was captured",),
    "UPDATE payments_refund SET amount_minor = 99": (
        "what an attempt says went back is the sum of its refunds that succeeded",
    ),
    "DROP INDEX one_active_payment_request_per_subject; INSERT INTO payments_paymentrequest (id, subject_id, gateway, "
    "client_secret, amount_minor, currency, description, state, times_asked) SELECT gen_random_uuid(), subject_id, "
    "'stripe', '', 1, currency, '', unnest(ARRAY['open', 'unknown']), 0 FROM payments_paymentrequest": (
        "a subject has at most one active payment request",
    ),
    "DELETE FROM orders_notice": (
        "a confirmation is due or sent for every order that was paid or is paid on delivery",
    ),
}


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """An order that was paid in cash, with 1.00 USD back."""
    order = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return refund_order(order.pk, amount=Money(100, "USD"), reason="spoiled", actor=actors.SYSTEM)


def lie(statement: str) -> set[str]:
    """The invariants that do not hold after a statement, which is then taken back."""
    with connection.cursor() as cursor:
        cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {statement}")
        try:
            found = set()
            for name, question in INVARIANTS:
                cursor.execute(question)
                if cursor.fetchall():
                    found.add(name)
            return found
        finally:
            cursor.execute("ROLLBACK")


@pytest.mark.parametrize(("statement", "noticed"), LIES.items(), ids=[key[:60] for key in LIES])
def test_each_lie_is_noticed(order: Order, statement: str, noticed: tuple[str, ...]) -> None:
    assert lie("SELECT 1") == set()
    assert lie(statement) >= set(noticed)


def test_every_invariant_is_broken_by_some_lie() -> None:
    assert {name for name, _ in INVARIANTS} == {name for noticed in LIES.values() for name in noticed}


def test_the_command_says_what_it_checked_and_names_who_offends(order: Order) -> None:
    out = StringIO()
    call_command("check_books", stdout=out)
    for name, _ in INVARIANTS:
        assert name in out.getvalue()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_stock SET on_hand = on_hand + 1 WHERE reserved = 1")
    try:
        out, err = StringIO(), StringIO()
        with pytest.raises(SystemExit) as stopped:
            call_command("check_books", stdout=out, stderr=err)
        assert stopped.value.code == 1
        assert "CABLE-1" in out.getvalue() + err.getvalue()
        with pytest.raises(AssertionError):
            books.check()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE catalog_stock SET on_hand = on_hand - 1 WHERE reserved = 1")


def test_all_questions_are_asked_of_one_snapshot(order: Order) -> None:
    for check in find_offenders():
        assert check.offenders == ()
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("repeatable read",)
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
