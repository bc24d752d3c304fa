"""Many at once with one customer's credit: never spent twice, never below zero; and what happens without counting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, cancellation
from orders.checks import OrderRefused
from orders.credits.granting import GrantWish, grant_credit, revoke_grant
from orders.models import CreditGrant, Order, RefundKind
from orders.placement import place_order
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from payments.credits import expiring
from payments.models import CreditTerm
from tests import books
from tests import shop as shops
from tests.concurrency.racing import no_deadlocks, outcome, together
from tests.orders.credits.wallet import buy_credit, grant, spendable
from tests.shop import Shop, Shopper, item, order_body, place, purchase, send, text_of

ROUNDS, CLIENTS = 10, 6
CONTENDED = "useCredits: your credits are being spent by other orders right now, please try again"


def buy(shopper: Shopper, shop: Shop) -> Order:
    """A cable and its delivery, 14.50 USD, as far as possible with credit."""
    return place(shopper, shop.cash, (shop.cable, 1), use_credits=True)


def test_orders_at_once_over_http_never_spend_the_same_credit(shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.cash, item(shop.cable), useCredits=True)
    for _ in range(ROUNDS):
        grant(ada, 2000)
        with no_deadlocks():
            answers = together([lambda: send("POST", shops.ON_DELIVERY, body, by=ada)] * CLIENTS)
        done = [shops.order_at(answer["Location"]) for answer in answers if answer.status_code == 204]
        assert {text_of(answer) for answer in answers if answer.status_code != 204} <= {CONTENDED}
        assert sum(order.credits_minor for order in done) == 2000
        assert sorted(order.credits_minor for order in done)[-2:] == [550, 1450]
        assert spendable(ada) == 0


def test_a_customer_pays_from_one_purse_whatever_else_happens_to_it(shop: Shop, ada: Shopper) -> None:
    """Orders, a cancellation, a revocation, an expiry and a grant, all at once."""
    for _ in range(ROUNDS):
        dated, given = grant(ada, 1000, days=1), grant(ada, 3000)
        order = buy(ada, shop)
        until = clock.now() + timedelta(days=2)

        def revoke(given: CreditGrant = given) -> Any:
            return revoke_grant(given.pk, amount=Money(500, "USD"), reason="x", actor=actors.SYSTEM)

        acts: list[Callable[[], Any]] = [
            lambda: buy(ada, shop),
            lambda: buy(ada, shop),
            lambda order=order: cancellation.cancel_order(order.pk, actor=actors.SYSTEM),  # type: ignore[misc]
            revoke,
            lambda until=until: expiring.expire(ada.customer.pk, "USD", now=until),  # type: ignore[misc]
            lambda: grant(ada, 100),
        ]
        with no_deadlocks():
            answers = together([outcome(act) for act in acts])
        strange = [one for one in answers if isinstance(one, Exception) and not isinstance(one, DomainError)]
        assert strange == []
        assert all(left >= 0 for left in CreditTerm.objects.values_list("left_minor", flat=True))
        books.check()
        del dated


def test_bought_credit_is_either_spent_or_paid_back(shop: Shop, ada: Shopper) -> None:
    wish = RefundWish(RefundKind.PARTIAL, "returned", Money(1450, "USD"))
    for _ in range(ROUNDS):
        bought = buy_credit(ada, shop.standard, 1450)
        with no_deadlocks():
            order, refund = together(
                [
                    outcome(lambda: buy(ada, shop)),
                    outcome(lambda bought=bought: request_refund(bought.pk, wish, actor=actors.SYSTEM)),  # type: ignore[misc]
                ]
            )
        assert isinstance(order, Order)
        if isinstance(refund, DomainError):
            assert (refund.first.code, order.credits_minor) == ("credit_spent", 1450)
        else:
            assert order.credits_minor == 0
        assert spendable(ada) == 0


def test_two_grants_at_once_count_together(ada: Shopper, settings: Any) -> None:
    """Up to the limit alone is up to the limit in two windows."""
    for number in range(ROUNDS):
        clerk = actors.staff(shops.hire(f"clerk{number}@example.com").pk)
        wish = GrantWish(ada.customer.pk, Money(6000, "USD"), "two windows")
        grants = together([lambda: grant_credit(wish, actor=clerk)] * 2)  # noqa: B023 - both are done before the next
        assert sorted(one.needs_approval for one in grants) == [False, True]


# --- at a chosen moment ---------------------------------------------------------------------------------------------


@contextmanager
def before_an_order_is_written(act: Callable[[], object], *, times: int) -> Iterator[list[int]]:
    """What somebody else does after an order was checked and before it is written, so many times."""
    done: list[int] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO orders_order (" in sql and len(done) < times:
            done.append(1)
            together([act])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield done


def test_an_order_that_would_overdraw_is_worked_out_anew(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    with before_an_order_is_written(lambda: buy(ada, shop), times=1) as passed:
        order = buy(ada, shop)
    assert (len(passed), order.credits_minor, order.total_minor, spendable(ada)) == (1, 550, 900, 0)
    assert Order.objects.count() == 2


def test_after_three_tries_it_is_refused_in_words(shop: Shop, ada: Shopper) -> None:
    grant(ada, 10_000)
    rival = threading.local()

    def spend() -> None:
        rival.order = buy(ada, shop)
        grant(ada, 1)

    wanted = purchase(ada, shop.cash, (shop.headphones, 1), use_credits=True)
    before = Order.objects.count()
    with before_an_order_is_written(spend, times=3) as passed, pytest.raises(OrderRefused) as refused:
        place_order(wanted)
    (fault,) = refused.value.faults
    assert (fault.code, fault.facts, len(passed)) == ("credits_not_usable", {"why": "contended"}, 3)
    assert Order.objects.count() == before + 3


# --- without the counting --------------------------------------------------------------------------------------------


def test_without_the_counting_the_same_credit_is_spent_by_all(shop: Shop, ada: Shopper) -> None:
    """The negative control: without the trigger nothing but luck keeps two orders from spending the same credit."""
    grant(ada, 2000)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_ledgerentry DISABLE TRIGGER payments_ledgerentry_counts_credit")
    try:
        orders = together([lambda: buy(ada, shop)] * CLIENTS)
        assert [order.credits_minor for order in orders] == [1450] * CLIENTS
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE payments_ledgerentry ENABLE TRIGGER payments_ledgerentry_counts_credit")
        books.empty()


def test_without_the_lock_on_who_grants_two_grants_pass_the_limit(ada: Shopper) -> None:
    """The negative control of the limit: both have looked before either has written."""
    clerk = actors.staff(shops.hire("clerk@example.com").pk)
    wish = GrantWish(ada.customer.pk, Money(6000, "USD"), "two windows")
    both_have_looked = threading.Barrier(2)

    def act() -> CreditGrant:
        def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if "FOR NO KEY UPDATE" in sql:
                return execute(sql.replace("FOR NO KEY UPDATE", ""), params, many, context)
            if 'INSERT INTO "orders_creditgrant"' in sql:
                both_have_looked.wait(20)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(wrapper):
            return grant_credit(wish, actor=clerk)

    assert [one.needs_approval for one in together([act, act])] == [False, False]
