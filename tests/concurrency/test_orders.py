"""Two at once on one order, and one request many times at once."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.http import HttpResponse

from catalog import stock
from kit.money import Money
from orders import actors, cash
from orders.cancellation import cancel_order, expire_order
from orders.models import HistoryEvent, Order, OrderStatus, PaymentTerms
from orders.status import StatusRefused, transition
from payments import queries
from payments.models import PaymentRequest, Refund
from tests import shop as shops
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, outcome, together
from tests.gateway_process import SandboxProcess
from tests.shop import ON_DELIVERY, WITH_PAYMENT, Shop, Shopper, item, order_body, send, text_of

ROUNDS = 5


def confirm(order_id: object, by: Shopper) -> HttpResponse:
    """The customer says that they have paid."""
    return send("PATCH", f"/api/orders/{order_id}/paid", by=by)


def assert_one_confirmed(answers: list[HttpResponse]) -> None:
    """One 204, one documented refusal."""
    done, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (done.status_code, done.content) == (204, b"")
    assert (refused.status_code, text_of(refused)) == (400, "Order has already been marked as paid")


def test_of_two_confirmations_of_a_paid_order_one_counts(shop: Shop, ada: Shopper) -> None:
    clerk = actors.staff(shops.hire().pk)
    for _ in range(ROUNDS):
        order = shops.order_on_delivery(ada, shop, item(shop.cable))
        cash.collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=clerk)
        assert_one_confirmed(together([lambda key=order.pk: confirm(key, ada)] * 2))  # type: ignore[misc]


def test_of_two_confirmations_that_both_ask_the_gateway_one_counts(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    for _ in range(ROUNDS):
        answer = shops.order_with_payment(ada, shop, item(shop.cable))
        sandbox.pay(answer["clientSecret"], webhook="none")
        assert_one_confirmed(together([lambda key=answer["orderId"]: confirm(key, ada)] * 2))  # type: ignore[misc]
        order = Order.objects.get(pk=answer["orderId"])
        assert (order.status, order.collected_minor) == ("paid", order.total_minor)
        assert order.history.filter(event=HistoryEvent.PAYMENT).count() == 1


def test_cancelling_while_confirming_never_keeps_the_money(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    before = shops.left(shop.cable)
    for _ in range(ROUNDS):
        answer = shops.order_with_payment(ada, shop, item(shop.cable))
        sandbox.pay(answer["clientSecret"], webhook="none")
        order_id = uuid.UUID(answer["orderId"])
        with no_deadlocks():
            confirmed, cancelled = together(
                [
                    lambda key=order_id: confirm(key, ada),  # type: ignore[misc]
                    lambda key=order_id: send("POST", f"/api/v1/orders/{key}/cancel/", by=ada),  # type: ignore[misc]
                ]
            )
        assert cancelled.status_code == 200, cancelled.content
        assert confirmed.status_code == 204 or text_of(confirmed) == "The order is cancelled"
        order = Order.objects.get(pk=order_id)
        assert order.status == "cancelled"
        totals = queries.totals(order.pk, "USD")
        # Either the confirmation or nobody has heard of the money yet; what was heard of goes back in full.
        assert (totals.collected, totals.kept) in ((order.total_minor, 0), (0, 0))
        assert Refund.objects.filter(attempt__request__subject_id=order.pk).count() == (totals.collected > 0)
    assert shops.left(shop.cable) == before


def test_cancelled_by_two_it_is_cancelled_once(shop: Shop, ada: Shopper) -> None:
    actor = actors.customer(ada.user.pk)
    for _ in range(ROUNDS):
        order = shops.order_on_delivery(ada, shop, item(shop.cable))
        answers = together([outcome(lambda key=order.pk: cancel_order(key, actor=actor))] * 2)  # type: ignore[misc]
        (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
        assert isinstance(refused, StatusRefused)
        assert refused.first.code == "already_cancelled"
        assert order.history.filter(event=HistoryEvent.CANCELLED).count() == 1
        assert shops.left(shop.cable) == 1000


def test_one_receipt_from_two_tills_is_one_payment(shop: Shop, ada: Shopper) -> None:
    clerk = actors.staff(shops.hire().pk)
    for _ in range(ROUNDS):
        order, receipt = shops.order_on_delivery(ada, shop, item(shop.cable)), uuid.uuid4()

        def take(key: uuid.UUID = order.pk, amount: Money = order.total, receipt: uuid.UUID = receipt) -> Order:
            return cash.collect_cash(key, amount=amount, receipt=receipt, actor=clerk)

        assert [taken.status for taken in together([take, take])] == ["paid", "paid"]
        order.refresh_from_db()
        assert order.collected_minor == order.total_minor


def test_two_refunds_never_promise_more_than_came_in(shop: Shop, ada: Shopper) -> None:
    clerk = actors.staff(shops.hire().pk)
    for _ in range(ROUNDS):
        order = shops.order_on_delivery(ada, shop, item(shop.cable))
        cash.collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=clerk)
        most = Money(order.total_minor * 6 // 10, "USD")

        def refund(key: uuid.UUID = order.pk, amount: Money = most) -> Order:
            return shops.give_back(key, amount, actor=clerk)

        answers = together([outcome(refund)] * 2)
        assert sum(isinstance(answer, Order) for answer in answers) == 1
        order.refresh_from_db()
        assert order.refunded_minor == most.minor


def test_without_the_lock_on_the_order_it_is_cancelled_twice(shop: Shop, ada: Shopper) -> None:
    """The negative control: two who look at the status and then write, with nothing that makes one of them wait."""
    order = shops.order_on_delivery(ada, shop, item(shop.cable))
    both_have_looked = threading.Barrier(2)

    def cancel() -> None:
        with transaction.atomic():
            seen = Order.objects.get(pk=order.pk)
            both_have_looked.wait(PATIENCE_S)
            transition(seen, OrderStatus.CANCELLED, event=HistoryEvent.CANCELLED, actor=actors.SYSTEM)
            stock.release(source_id=seen.reservation_id)

    together([cancel, cancel])

    assert order.history.filter(to_status="cancelled", from_status="payment_pending").count() == 2
    # The books would not agree with a move that the table does not have.
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "DELETE FROM orders_orderhistory WHERE id = (SELECT max(id) FROM orders_orderhistory WHERE order_id = %s)",
            [order.pk],
        )
        cursor.execute("SET session_replication_role = origin")


def test_an_order_expires_once(shop: Shop, ada: Shopper) -> None:
    order = shops.place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    assert order.expires_at is not None
    now = order.expires_at + timedelta(seconds=1)
    answers = together([lambda: expire_order(order.pk, now=now)] * 6)
    assert sum(answers) == 1
    assert order.history.filter(event=HistoryEvent.EXPIRED).count() == 1
    assert shops.left(shop.cable) == 1000


@pytest.mark.parametrize("path", [ON_DELIVERY, WITH_PAYMENT])
def test_one_key_many_times_at_once_is_one_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess, path: str) -> None:
    delivery = shop.cash if path == ON_DELIVERY else shop.standard
    body = order_body(ada, delivery, item(shop.cable))
    key = str(uuid.uuid4())
    with no_deadlocks():
        answers = together([lambda: send("POST", path, body, by=ada, key=key)] * 12)
    waiting = [answer for answer in answers if answer.status_code == 409]
    done = [answer for answer in answers if answer not in waiting]
    assert {text_of(answer) for answer in waiting} <= {"A request with this Idempotency-Key is still in progress"}
    assert len(done) >= 1
    order = Order.objects.get()
    assert PaymentRequest.objects.count() == 1
    for answer in [*done, send("POST", path, body, by=ada, key=key)]:
        assert answer.status_code == (204 if path == ON_DELIVERY else 200)
        assert answer["Location"] == f"/api/v1/orders/{order.pk}/"
        assert answer.content == done[0].content
    if path == WITH_PAYMENT:
        assert json.loads(done[0].content)["orderId"] == str(order.pk)
    assert shops.left(shop.cable) == 999


def test_one_key_of_two_customers_at_once_is_two_orders(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    key = str(uuid.uuid4())
    answers = together(
        [
            lambda: send("POST", ON_DELIVERY, order_body(ada, shop.cash, item(shop.cable)), by=ada, key=key),
            lambda: send("POST", ON_DELIVERY, order_body(bob, shop.cash, item(shop.cable)), by=bob, key=key),
        ]
    )
    assert [answer.status_code for answer in answers] == [204, 204]
    assert [shops.order_at(answer["Location"]).customer_id for answer in answers] == [
        ada.customer.pk,
        bob.customer.pk,
    ]
