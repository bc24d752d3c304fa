"""Two admins refund one payment at once: never a cent over, at any isolation; and what happens without the locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum

from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.models import Order, OrderRefund, OrderRefundLine, RefundKind
from orders.refund_limits import read_limits
from orders.returns import approve_refund, request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.settlement import settle
from payments.models import Refund, RefundState
from tests import books
from tests import shop as shops
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, together
from tests.orders.test_refund_approvals import in_role
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper

ROUNDS = 200
FEW_ROUNDS = 20
MOST = Money(15_600, "USD")
"""Three fifths of what was paid, twice of which nobody may give back."""

type Outcome = str


@pytest.fixture
def admins(db: None) -> Sequence[Actor]:
    """Two members of staff."""
    return [actors.staff(shops.hire(f"{name}@example.com").pk) for name in ("ann", "ben")]


def paid(shop: Shop, ada: Shopper, count: int) -> list[Order]:
    """Orders of 259.99 USD, each paid by one payment at a gateway."""
    orders = []
    for _ in range(count):
        order, request = asked(ada, shop)
        orders.append(settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured"))))
    return orders


def race(
    orders: Sequence[Order],
    admins: Sequence[Actor],
    wish: RefundWish,
    *statements: str,
    around: Callable[[], Any] | None = None,
) -> list[tuple[Outcome, ...]]:
    """For each order what became of the admins' refunds, asked for at one instant: "done", or the refusal's name.

    Each admin has one connection for all rounds, which is told `statements` first.
    """
    barrier = threading.Barrier(len(admins))

    def run(admin: Actor) -> list[Outcome]:
        outcomes = []
        with ExitStack() as stack, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            if around is not None:
                stack.enter_context(connection.execute_wrapper(around()))
            for order in orders:
                barrier.wait(PATIENCE_S)
                outcomes.append(_try(order, wish, admin))
        return outcomes

    rounds = together([lambda admin=admin: run(admin) for admin in admins])  # type: ignore[misc]
    return [tuple(sorted(outcomes)) for outcomes in zip(*rounds, strict=True)]


def _try(order: Order, wish: RefundWish, admin: Actor) -> Outcome:
    try:
        request_refund(order.pk, wish, actor=admin)
    except DomainError as refused:
        return refused.first.code
    except DatabaseError as failed:
        return "wall" if isinstance(failed, IntegrityError) else "lost"
    except ValueError:
        # An invoice has no more left that a credit note could be about.
        return "wall"
    return "done"


def promised(order: Order) -> int:
    """What goes back or will, in cents."""
    refunds = Refund.objects.filter(attempt__request__subject_id=order.pk).exclude(state=RefundState.FAILED)
    return int(refunds.aggregate(sum=Sum("amount_minor", default=0))["sum"])


AMOUNT = RefundWish(RefundKind.GOODWILL, "sorry", MOST)
PIECE = RefundWish(RefundKind.LINES, "returned", lines=(LineWish(1, 1),))


def test_two_admins_refund_one_payment_at_once_and_never_a_cent_over(
    shop: Shop, ada: Shopper, admins: Sequence[Actor]
) -> None:
    orders = paid(shop, ada, ROUNDS)
    with no_deadlocks():
        outcomes = race(orders, admins, AMOUNT)
    assert set(outcomes) == {("amount_not_left", "done")}
    assert {promised(order) for order in orders} == {MOST.minor}


def test_two_admins_give_one_piece_back_once(shop: Shop, ada: Shopper, admins: Sequence[Actor]) -> None:
    orders = paid(shop, ada, FEW_ROUNDS)
    assert set(race(orders, admins, PIECE)) == {("done", "quantity_invalid")}
    assert OrderRefundLine.objects.count() == FEW_ROUNDS


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("wish", [AMOUNT, PIECE], ids=["an amount", "a piece"])
def test_at_a_higher_isolation_the_slower_one_loses(
    shop: Shop, ada: Shopper, admins: Sequence[Actor], isolation: str, wish: RefundWish
) -> None:
    orders = paid(shop, ada, FEW_ROUNDS)
    level = f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}"
    outcomes = race(orders, admins, wish, level)
    assert all("done" in outcome or outcome == ("lost", "lost") for outcome in outcomes)
    assert not any(outcome == ("done", "done") for outcome in outcomes)
    assert all(promised(order) <= order.total_minor for order in orders)


def _without_locks() -> Callable[[], Any]:
    """For each connection a wrapper that takes the locks out of its statements, and lets both admins read what is left
    before either writes."""
    both_have_read = threading.Barrier(2)

    def wrapper() -> Any:
        def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
            if sql.startswith('INSERT INTO "orders_orderrefund" '):
                both_have_read.wait(PATIENCE_S)
            return run(sql.replace(" FOR UPDATE", ""), parameters, many, context)

        return execute

    return wrapper


@pytest.mark.parametrize("wish", [AMOUNT, PIECE], ids=["an amount", "a piece"])
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_without_the_locks_the_database_is_the_last_wall(
    shop: Shop, ada: Shopper, admins: Sequence[Actor], isolation: str, wish: RefundWish
) -> None:
    """The negative control of the acts: nobody waits any more, and nobody is told why."""
    orders = paid(shop, ada, FEW_ROUNDS)
    level = f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}"
    outcomes = race(orders, admins, wish, level, around=_without_locks())
    assert set(outcomes) <= {("done", "wall"), ("done", "lost"), ("lost", "lost"), ("lost", "wall")}
    assert all(promised(order) <= order.total_minor for order in orders)


def test_without_locks_and_walls_too_much_goes_back(shop: Shop, ada: Shopper, admins: Sequence[Actor]) -> None:
    """The negative control of the database's own word. Without invoices, whose notes would be one more wall."""
    orders = paid(shop, ada, FEW_ROUNDS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE orders_order SET needs_invoice = false")
        cursor.execute("DELETE FROM orders_invoice")
    try:
        race(orders, admins, AMOUNT, "SET session_replication_role = replica", around=_without_locks())
        assert all(promised(order) == 2 * MOST.minor > order.total_minor for order in orders)
    finally:
        # Such books would add up for nobody.
        books.empty()


def test_approved_by_two_at_once_it_is_approved_once(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:1")
    ann, ben = in_role("accounting", "ann"), in_role("accounting", "ben")
    clerk = actors.staff(shops.hire().pk)
    for order in paid(shop, ada, 5):
        refund = request_refund(order.pk, AMOUNT, actor=clerk)

        def approve(by: Actor, refund: OrderRefund = refund) -> Outcome:
            try:
                approve_refund(refund.pk, actor=by)
            except DomainError as refused:
                return refused.first.code
            return "done"

        answers = together([lambda: approve(ann), lambda: approve(ben)])
        assert sorted(answers) == ["already_decided", "done"]
        assert promised(order) == MOST.minor
