"""Above a limit a second person agrees, whoever calls the act and whatever a form says."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from customers.models import User
from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import send_order
from orders.models import HistoryEvent, Order, OrderRefund, RefundKind
from orders.returns import approve_refund, refuse_refund, request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.returns.standing import RefundStep, standing, standings
from orders.settlement import settle
from orders_project.roles import ensure_roles
from payments import queries
from payments.models import CreditBalance, LedgerTransfer, Refund, RefundDestination
from tests import shop as shops
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, place, written


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    """Up to 20.00 USD one person is enough."""
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:20,*:1")


def in_role(role: str, name: str) -> Actor:
    """A member of staff in a role."""
    ensure_roles()
    user = shops.hire(f"{name}@example.com")
    user.groups.add(Group.objects.get(name=role))
    return actors.staff(user.pk)


@pytest.fixture
def clerk(db: None) -> Actor:
    """Who gives money back."""
    return in_role("accounting", "clerk")


@pytest.fixture
def second(db: None) -> Actor:
    """Who agrees."""
    return in_role("accounting", "second")


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """Four cables, 38.00 USD, delivered for 5.00, paid in cash and sent."""
    placed = place(ada, shop.cash, (shop.cable, 4))
    collect_cash(placed.pk, amount=placed.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return send_order(placed.pk, actor=actors.SYSTEM)


def ask(order: Order, minor: int, by: Actor, **fields: Any) -> OrderRefund:
    """Somebody asks for an amount to go back."""
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(minor, "USD"), **fields)
    return request_refund(order.pk, wish, actor=by)


def step(refund: OrderRefund) -> RefundStep:
    """How far it has come."""
    refund.refresh_from_db()
    return standings([refund])[refund.pk].step


def refusal(act: Any, *arguments: Any, **named: Any) -> str:
    """Why an act was refused; nothing was written."""
    before = written()
    with pytest.raises(DomainError) as refused:
        act(*arguments, **named)
    assert written() == before
    return refused.value.first.code


def test_up_to_the_limit_one_person_is_enough(order: Order, clerk: Actor) -> None:
    assert step(ask(order, 2000, clerk)) == RefundStep.SUCCEEDED


def test_above_it_nothing_happens_until_a_second_person_agrees(order: Order, clerk: Actor, second: Actor) -> None:
    refund = ask(order, 2001, clerk)
    order.refresh_from_db()
    assert (step(refund), order.refunded_minor) == (RefundStep.REQUESTED, 0)
    assert not LedgerTransfer.objects.filter(kind="refund_promised").exists()
    # What waits is not there to be given back once more.
    assert queries.totals(order.pk, "USD").kept == 4300 - 2001

    approve_refund(refund.pk, actor=second)

    order.refresh_from_db()
    assert (step(refund), order.refunded_minor) == (RefundStep.SUCCEEDED, 2001)
    part = Refund.objects.get()
    assert (part.requested_by_id, part.approved_by_id) == (clerk.user_id, second.user_id)
    assert list(order.history.filter(event__startswith="refund_").values_list("event", "actor_id")) == [
        ("refund_requested", clerk.user_id),
        ("refund_approved", second.user_id),
    ]


def test_many_small_refunds_are_one_large_one(order: Order, clerk: Actor, second: Actor) -> None:
    assert not ask(order, 1500, clerk).needs_approval
    assert not ask(order, 500, clerk).needs_approval
    assert ask(order, 1, clerk).needs_approval
    assert not ask(order, 1, second).needs_approval


def test_what_was_approved_or_refused_does_not_count_towards_the_limit(
    order: Order, clerk: Actor, second: Actor
) -> None:
    approve_refund(ask(order, 2001, clerk).pk, actor=second)
    refuse_refund(ask(order, 2100, clerk).pk, actor=second, reason="no")
    assert not ask(order, 1900, clerk).needs_approval


def test_nobody_agrees_with_themselves(order: Order, clerk: Actor) -> None:
    refund = ask(order, 3000, clerk)
    assert refusal(approve_refund, refund.pk, actor=clerk) == "second_person_needed"
    User.objects.filter(email="clerk@example.com").update(is_superuser=True)
    assert refusal(approve_refund, refund.pk, actor=clerk) == "second_person_needed"
    assert step(refund) == RefundStep.REQUESTED


def test_who_has_no_right_agrees_to_nothing(order: Order, clerk: Actor, ada: Shopper) -> None:
    refund = ask(order, 3000, clerk)
    gone = in_role("accounting", "gone")
    User.objects.filter(email="gone@example.com").update(is_active=False)
    for nobody in (in_role("support", "sam"), actors.customer(ada.user.pk), actors.SYSTEM, gone):
        assert refusal(approve_refund, refund.pk, actor=nobody) == "approval_not_allowed"
        assert refusal(refuse_refund, refund.pk, actor=nobody, reason="no") == "approval_not_allowed"


def test_it_is_decided_once(order: Order, clerk: Actor, second: Actor) -> None:
    refund = ask(order, 3000, clerk)
    approve_refund(refund.pk, actor=second)
    assert refusal(approve_refund, refund.pk, actor=second) == "already_decided"
    assert refusal(refuse_refund, refund.pk, actor=second, reason="no") == "already_decided"
    small = ask(order, 100, clerk)
    assert refusal(approve_refund, small.pk, actor=second) == "already_decided"


def test_what_is_refused_can_be_asked_for_anew(shop: Shop, order: Order, clerk: Actor, second: Actor) -> None:
    wish = RefundWish(RefundKind.LINES, "returned", lines=(LineWish(1, 4, restock=True),))
    refund = request_refund(order.pk, wish, actor=clerk)
    refuse_refund(refund.pk, actor=second, reason="Not seen yet")
    refund.refresh_from_db()
    assert (step(refund), refund.refused_because, shops.left(shop.cable)) == (RefundStep.REFUSED, "Not seen yet", 996)
    assert order.history.filter(event=HistoryEvent.REFUND_FAILED).count() == 0
    again = request_refund(order.pk, wish, actor=clerk)
    assert shops.left(shop.cable) == 996
    approve_refund(again.pk, actor=second)
    assert shops.left(shop.cable) == 1000


def test_whoever_asked_may_take_it_back(order: Order) -> None:
    sam = in_role("support", "sam")
    refund = ask(order, 3000, sam)
    refuse_refund(refund.pk, actor=sam, reason="A mistake")
    assert step(refund) == RefundStep.REFUSED


def test_credit_waits_as_well(order: Order, clerk: Actor, second: Actor) -> None:
    refund = ask(order, 3000, clerk, destination=RefundDestination.CREDIT)
    assert not CreditBalance.objects.exists()
    approve_refund(refund.pk, actor=second)
    assert CreditBalance.objects.get().balance_minor == 3000


def test_what_went_back_by_another_way_meanwhile_is_not_approved(
    shop: Shop, ada: Shopper, clerk: Actor, second: Actor
) -> None:
    online, request = asked(ada, shop)
    settle(online.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    waiting = ask(online, 25000, clerk)
    by_hand = payment(request, "captured", refunds=(refund(request, "a", 25000),))
    settle(online.pk, actor=actors.GATEWAY, report=report(request, by_hand))
    assert refusal(approve_refund, waiting.pk, actor=second) == "refund_gone"
    assert step(waiting) == RefundStep.FAILED


@pytest.mark.parametrize(
    ("is_refused", "parts", "expected"),
    [
        (False, [("requested", 5)], ("requested", 0, 0)),
        (False, [("succeeded", 5), ("sent", 2)], ("sent", 5, 0)),
        (False, [("succeeded", 5), ("failed", 2)], ("succeeded", 5, 2)),
        (False, [("failed", 5), ("failed", 2)], ("failed", 0, 7)),
        (False, [("unknown", 5), ("approved", 2)], ("approved", 0, 0)),
        (True, [("failed", 5)], ("refused", 0, 0)),
    ],
)
def test_a_refund_is_as_far_as_the_least_of_its_parts(
    is_refused: bool, parts: list[tuple[str, int]], expected: tuple[str, int, int]
) -> None:
    stands = standing(is_refused=is_refused, parts=parts)
    assert (stands.step, stands.back_minor, stands.failed_minor) == expected


# --- the database's own word ----------------------------------------------------------------------------------------

ATTACKS = [
    ("UPDATE orders_orderrefund SET approved_by_id = requested_by_id, decided_at = now()", "second_person"),
    ("UPDATE orders_orderrefund SET decided_at = now()", "decided_once"),
    ("UPDATE orders_orderrefund SET needs_approval = false", "append-only"),
    ("UPDATE orders_orderrefund SET amount_minor = 1", "append-only"),
    ("UPDATE orders_orderrefund SET requested_by_id = NULL", "append-only"),
    ("DELETE FROM orders_orderrefund", "append-only"),
    ("UPDATE orders_orderrefundline SET quantity = 1", "append-only"),
    ("DELETE FROM orders_orderrefundline", "append-only"),
    ("UPDATE payments_refund SET state = 'approved'", "waits for a second person|owed in the ledger"),
    (
        "INSERT INTO orders_orderrefundline (id, refund_id, order_line_id, quantity, amount_minor, discount_minor, "
        "tax_minor, restock) SELECT gen_random_uuid(), g.refund_id, l.id, 1, 0, 0, 0, false "
        "FROM orders_orderrefundline g, orders_orderline l "
        "WHERE l.order_id <> (SELECT order_id FROM orders_orderrefund)",
        "line of another order",
    ),
    (
        "INSERT INTO orders_orderrefund (id, order_id, kind, destination, currency, amount_minor, tax_minor, "
        "delivery_minor, reason, needs_approval, refused_because) "
        "SELECT gen_random_uuid(), order_id, 'partial', 'original', 'USD', 5, 0, 0, '', false, '' "
        "FROM orders_orderrefund",
        "its payments promise",
    ),
]


@pytest.mark.parametrize(("attack", "wall"), ATTACKS)
def test_the_database_itself_refuses(
    shop: Shop, ada: Shopper, order: Order, clerk: Actor, attack: str, wall: str
) -> None:
    place(ada, shop.cash, (shop.cable, 1))
    wish = RefundWish(RefundKind.LINES, "returned", lines=(LineWish(1, 3),))
    request_refund(order.pk, wish, actor=clerk)
    before = written()
    with pytest.raises(DatabaseError, match=wall), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)
    assert written() == before


@pytest.mark.parametrize("restock", [False, True])
def test_the_database_itself_counts_the_pieces(order: Order, clerk: Actor, restock: bool) -> None:
    wish = RefundWish(RefundKind.LINES, "returned", lines=(LineWish(1, 2, restock=restock),))
    request_refund(order.pk, wish, actor=clerk)
    copy = (
        "WITH refund AS (INSERT INTO orders_orderrefund SELECT (r).* FROM (SELECT jsonb_populate_record(r, "
        "jsonb_build_object('id', gen_random_uuid(), 'request_key', NULL)) AS r FROM orders_orderrefund r) c "
        "RETURNING id), paid AS (INSERT INTO payments_refund SELECT (p).* FROM (SELECT jsonb_populate_record(p, "
        "jsonb_build_object('id', gen_random_uuid(), 'cause_id', (SELECT id FROM refund), 'state', 'requested', "
        "'gateway_refund_id', NULL)) AS p FROM payments_refund p) c) "
        "INSERT INTO orders_orderrefundline SELECT (l).* FROM (SELECT jsonb_populate_record(l, jsonb_build_object("
        "'id', gen_random_uuid(), 'refund_id', (SELECT id FROM refund), 'quantity', %s::int)) AS l "
        "FROM orders_orderrefundline l) c"
    )
    before = written()
    with pytest.raises(DatabaseError, match="given back twice"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(copy, [3])
    assert written() == before
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(copy, [2])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)
