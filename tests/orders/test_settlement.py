"""What money means for an order: its status, its stock, its confirmation, and what goes back."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction

from catalog import stock
from kit import clock
from kit.money import Money
from orders import actors, cancellation
from orders.models import Fulfilment, HistoryEvent, Notice, Order, OrderStatus
from orders.settlement import send_back, settle
from orders.status import StatusRefused, by_money
from payments import collecting
from payments.gateways.base import PaymentReport, RequestReport
from payments.models import PaymentRequest, Refund, RefundState
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, deliver_goods, left, place


def hear(order: Order, *reports: RequestReport) -> Order:
    for each in reports:
        settle(order.pk, actor=actors.GATEWAY, report=each)
    return Order.objects.get(pk=order.pk)


def with_refund(request: PaymentRequest, name: str, minor: int, outcome: str = "succeeded") -> PaymentReport:
    return payment(request, "captured", refunds=(refund(request, name, minor, outcome),))


@pytest.mark.parametrize(
    ("collected", "refunded", "delivered", "status"),
    [
        (0, 0, False, "payment_pending"),
        (0, 0, True, "payment_pending"),
        (1, 0, False, "partially_paid"),
        (99, 0, True, "partially_paid"),
        (100, 0, False, "paid"),
        (101, 0, False, "paid"),
        (100, 0, True, "completed"),
        (100, 99, False, "paid"),
        (100, 1, True, "completed"),
        (100, 100, False, "refunded"),
        (100, 100, True, "refunded"),
        (50, 50, False, "refunded"),
        (200, 100, False, "paid"),
    ],
)
def test_the_status_follows_from_the_money_and_the_goods(
    collected: int, refunded: int, delivered: bool, status: str
) -> None:
    assert by_money(total=100, collected=collected, refunded=refunded, delivered=delivered) == OrderStatus(status)


def test_full_payment_makes_it_paid_and_asks_for_its_confirmation(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    order = hear(order, report(request, payment(request, "captured")))

    assert (order.status, order.collected_minor, order.refunded_minor) == ("paid", order.total_minor, 0)
    entry = order.history.get(event=HistoryEvent.PAYMENT)
    assert (entry.from_status, entry.to_status, entry.actor_kind) == ("payment_pending", "paid", "gateway")
    assert entry.facts == {"collected_minor": order.total_minor, "refunded_minor": 0}
    assert set(Notice.objects.values_list("order_id", "kind")) == {(order.pk, "confirmation"), (order.pk, "payment")}


def test_two_halves_make_a_whole(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    half = order.total_minor // 2
    first = payment(request, "captured", "1", amount_minor=half, captured_minor=half)
    rest = order.total_minor - half
    second = payment(request, "captured", "2", amount_minor=rest, captured_minor=rest)

    assert hear(order, report(request, first)).status == OrderStatus.PARTIALLY_PAID
    assert hear(order, report(request, first, second)).status == OrderStatus.PAID
    assert PaymentRequest.objects.get().state == "paid"


def test_what_is_too_much_goes_back(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    more = payment(request, "captured", "2")

    order = hear(order, report(request, payment(request, "captured"), more))

    assert order.status == OrderStatus.PAID
    promise = Refund.objects.get()
    assert (promise.amount_minor, promise.reason) == (order.total_minor, "Paid more than was due")
    assert hear(order, report(request, payment(request, "captured"), more)).collected_minor == 2 * order.total_minor
    assert Refund.objects.count() == 1


def test_a_partial_refund_keeps_the_order_paid_and_its_stock(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    order = hear(order, report(request, with_refund(request, "a", 100)))

    assert (order.status, order.refunded_minor) == (OrderStatus.PAID, 100)
    assert left(shop.headphones) == 999


def test_a_full_refund_ends_the_order_and_frees_its_stock(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    order = hear(order, report(request, with_refund(request, "a", order.total_minor)))

    assert order.status == OrderStatus.REFUNDED
    assert left(shop.headphones) == 1000


def test_a_failed_refund_of_an_unsent_order_leaves_it_cancelled_and_is_made_again(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    hear(order, report(request, with_refund(request, "a", order.total_minor)))

    order = hear(order, report(request, with_refund(request, "a", order.total_minor, "failed")))

    assert (order.status, order.refunded_minor) == (OrderStatus.CANCELLED, 0)
    assert left(shop.headphones) == 1000
    again = Refund.objects.get(state=RefundState.APPROVED)
    assert (again.amount_minor, again.reason) == (order.total_minor, "The order was cancelled")


def test_a_failed_refund_of_a_delivered_order_makes_it_completed_again(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    hear(order, report(request, payment(request, "captured")))
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        stock.send(source_id=locked.reservation_id)
        Order.objects.filter(pk=order.pk).update(fulfilment=Fulfilment.DELIVERED)
    hear(order, report(request, with_refund(request, "a", order.total_minor)))
    assert Order.objects.get().status == OrderStatus.REFUNDED

    order = hear(order, report(request, with_refund(request, "a", order.total_minor, "failed")))

    assert (order.status, order.refunded_minor) == (OrderStatus.COMPLETED, 0)
    # Whether it is tried again is for whoever took the goods back to say.
    assert list(Refund.objects.values_list("state", flat=True)) == [RefundState.FAILED]


def test_money_for_a_cancelled_order_goes_back(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    cancellation.cancel_order(order.pk, actor=actors.customer(ada.user.pk))

    order = hear(order, report(request, payment(request, "captured")))

    assert (order.status, order.collected_minor) == (OrderStatus.CANCELLED, order.total_minor)
    assert Refund.objects.get().amount_minor == order.total_minor
    assert left(shop.headphones) == 1000


def test_an_expired_order_whose_refund_failed_is_not_revived(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    free = left(shop.headphones)
    deliver_goods(shop.headphones, -free)
    hear(order, report(request, payment(request, "captured")))
    assert Refund.objects.get().amount_minor == order.total_minor
    hear(order, report(request, with_refund(request, "a", order.total_minor)))
    deliver_goods(shop.headphones, free)

    order = hear(order, report(request, with_refund(request, "a", order.total_minor, "failed")))

    assert (order.status, left(shop.headphones)) == (OrderStatus.CANCELLED, free)
    assert not order.history.filter(event=HistoryEvent.REVIVED).exists()
    assert Refund.objects.get(state=RefundState.APPROVED).amount_minor == order.total_minor


def in_euro(request: PaymentRequest, name: str = "e") -> PaymentReport:
    return payment(request, "captured", name, currency="EUR", amount_minor=700, captured_minor=700)


def test_money_in_another_currency_goes_back_in_that_currency_once(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    for _ in range(2):
        order = hear(order, report(request, in_euro(request)))

    assert (order.status, order.collected_minor) == (OrderStatus.PAYMENT_PENDING, 0)
    promise = Refund.objects.get()
    assert (promise.amount, promise.reason) == (Money(700, "EUR"), "Paid in another currency")
    entry = order.history.get(event=HistoryEvent.REFUND_REQUESTED)
    assert entry.facts == {"amount": str(Money(700, "EUR")), "reason": "Paid in another currency"}


@pytest.mark.parametrize("state", ["paid", "cancelled", "expired"])
def test_money_in_another_currency_goes_back_whatever_became_of_the_order(shop: Shop, ada: Shopper, state: str) -> None:
    order, request = asked(ada, shop)
    whole = payment(request, "captured")
    if state == "paid":
        hear(order, report(request, whole))
    elif state == "cancelled":
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    else:
        assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))

    hear(order, report(request, in_euro(request)))

    assert Refund.objects.get().amount == Money(700, "EUR")
    # What was sent back in another currency says nothing against the right money.
    order = hear(order, report(request, in_euro(request), whole))
    assert order.status == (OrderStatus.CANCELLED if state == "cancelled" else OrderStatus.PAID)


def test_too_little_for_an_expired_order_goes_back(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))

    order = hear(order, report(request, payment(request, "captured", amount_minor=100, captured_minor=100)))

    assert order.status == OrderStatus.CANCELLED
    assert Refund.objects.get().amount_minor == 100


def test_a_revived_order_that_is_cancelled_by_its_customer_stays_cancelled(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    assert hear(order, report(request, payment(request, "captured"))).status == OrderStatus.PAID
    cancellation.cancel_order(order.pk, actor=actors.customer(ada.user.pk))

    order = hear(order, report(request, payment(request, "captured"), payment(request, "captured", "2")))

    assert order.status == OrderStatus.CANCELLED
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 2 * order.total_minor


def test_cancelling_is_refused_once_it_is_sent_or_cancelled(shop: Shop, ada: Shopper) -> None:
    order, _ = asked(ada, shop)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    with pytest.raises(StatusRefused) as caught:
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert caught.value.first.code == "already_cancelled"


def test_an_order_is_not_expired_before_its_time_nor_after_it_is_paid(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    assert not cancellation.expire_order(order.pk)
    hear(order, report(request, payment(request, "captured")))
    assert not cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))


def test_nothing_is_promised_for_nothing(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    hear(order, report(request, payment(request, "captured")))
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        assert send_back(locked, 0, reason="x", actor=actors.SYSTEM) == 0
        assert send_back(locked, -5, reason="x", actor=actors.SYSTEM) == 0
    assert not Refund.objects.exists()


def test_cash_that_goes_back_is_back_at_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    told = collecting.cash_received(subject_id=order.pk, amount=order.total, receipt=uuid.uuid4())
    settle(order.pk, actor=actors.SYSTEM, report=told)

    order = cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    assert (order.status, order.refunded_minor) == (OrderStatus.CANCELLED, order.total_minor)
    assert Refund.objects.get().state == RefundState.SUCCEEDED


def test_everybody_at_once_settles_it_once(shop: Shop, ada: Shopper) -> None:
    """The webhook's worker, the customer's confirmation and the chase, with a cancellation between them."""
    order, request = asked(ada, shop)
    told = report(request, payment(request, "captured"))
    barrier, errors = threading.Barrier(7), []

    def run(number: int) -> None:
        try:
            barrier.wait()
            if number == 0:
                cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
            else:
                settle(order.pk, actor=actors.GATEWAY, report=told)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert errors == []
    order.refresh_from_db()
    assert (order.status, order.collected_minor) == (OrderStatus.CANCELLED, order.total_minor)
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == order.total_minor
