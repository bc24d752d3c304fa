"""Two people give up one debt at once, or one gives it up while it is paid: it is given up once, or not at all; and
what happens without the lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection

from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.cash import collect_cash
from orders.fulfilment import send_order
from orders.models import Order, OrderStatus, OrderWriteOff
from orders.writing_off import WriteOffWish, write_off
from orders_project.roles import ensure_roles
from payments import ledger
from payments.models import Account
from tests import shop as shops
from tests.concurrency.racing import no_deadlocks, outcome, together
from tests.shop import Shop, Shopper, place

ROUNDS = 20


@pytest.fixture
def clerks(db: None) -> list[Actor]:
    """Two people who may give debts up."""
    ensure_roles()
    users = [shops.hire(f"{name}@example.com") for name in ("ann", "ben")]
    for user in users:
        user.groups.add(Group.objects.get(name="accounting"))
    return [actors.staff(user.pk) for user in users]


def owing(shop: Shop, ada: Shopper) -> Order:
    """14.50 USD for goods that have left."""
    return send_order(place(ada, shop.cash, (shop.cable, 1)).pk, actor=actors.SYSTEM)


def give_up(order: Order, by: Actor) -> Callable[[], OrderWriteOff]:
    return partial(write_off, order.pk, WriteOffWish(order.total, "gone"), actor=by)


def without_locks() -> Any:
    """Nobody waits for anybody's row any more."""

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return execute(sql.replace(" FOR UPDATE", ""), params, many, context)

    return run


def test_a_debt_is_given_up_once(shop: Shop, ada: Shopper, clerks: list[Actor]) -> None:
    with no_deadlocks():
        for _ in range(ROUNDS):
            order = owing(shop, ada)
            outcomes = together([outcome(give_up(order, clerk)) for clerk in clerks])
            done = [one for one in outcomes if isinstance(one, OrderWriteOff)]
            refused = [one.first.code for one in outcomes if isinstance(one, DomainError)]
            assert (len(done), refused) == (1, ["nothing_owed"])
            assert Order.objects.get(pk=order.pk).written_off_minor == order.total_minor
            assert ledger.balance(order.pk, "USD", Account.WRITE_OFF) == order.total_minor


def test_without_the_lock_the_database_refuses_the_second(shop: Shop, ada: Shopper, clerks: list[Actor]) -> None:
    """The control: both find the whole of it owed, and one of them cannot commit."""
    broken = 0
    for _ in range(ROUNDS):
        order = owing(shop, ada)

        def unlocked(act: Callable[[], OrderWriteOff]) -> OrderWriteOff:
            with connection.execute_wrapper(without_locks()):
                return act()

        outcomes = together([outcome(partial(unlocked, give_up(order, clerk))) for clerk in clerks])
        broken += sum(isinstance(one, IntegrityError) for one in outcomes)
        assert ledger.balance(order.pk, "USD", Account.WRITE_OFF) == order.total_minor
    assert broken


def test_who_pays_while_it_is_given_up_has_paid(shop: Shop, ada: Shopper, clerks: list[Actor]) -> None:
    with no_deadlocks():
        for _ in range(ROUNDS):
            order = owing(shop, ada)
            pay = partial(collect_cash, order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
            given_up, paid = together([outcome(give_up(order, clerks[0])), outcome(pay)])
            assert isinstance(paid, Order), paid
            assert isinstance(given_up, OrderWriteOff) or given_up.first.code == "nothing_owed"  # type: ignore[union-attr]
            now = Order.objects.get(pk=order.pk)
            assert (now.status, now.written_off_minor) == (OrderStatus.PAID, 0)
            assert ledger.balance(order.pk, "USD", Account.WRITE_OFF, Account.RECEIVABLE) == 0


def test_who_pays_a_part_while_it_is_given_up_leaves_the_rest_of_it(
    shop: Shop, ada: Shopper, clerks: list[Actor]
) -> None:
    for _ in range(ROUNDS):
        order = owing(shop, ada)
        part = Money(450, "USD")
        pay = partial(collect_cash, order.pk, amount=part, receipt=uuid.uuid4(), actor=actors.SYSTEM)
        together([outcome(give_up(order, clerks[0])), outcome(pay)])
        now = Order.objects.get(pk=order.pk)
        assert now.collected_minor == part.minor
        # Whoever was second found less owed than they wished to give up, or undid so much of it.
        assert now.written_off_minor in (0, order.total_minor - part.minor)
        owed = ledger.balance(order.pk, "USD", Account.RECEIVABLE)
        assert owed + now.written_off_minor == order.total_minor - part.minor
