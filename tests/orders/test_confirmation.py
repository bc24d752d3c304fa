"""PATCH .../paid: the customer's word starts the question, the gateway's answer decides."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection

from orders.models import Order, OrderStatus
from payments.models import PaymentAttempt, PaymentRequest, Refund
from payments.sandbox.models import Charge, PaymentIntent, RazorpayOrder, RazorpayPayment
from tests.faults.buying import buy, cancel, confirm, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, deliver, work
from tests.shop import Shop, Shopper, item, order_on_delivery, send, text_of


@pytest.fixture(params=["stripe", "razorpay"])
def gateway(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)


def refused(ada: Shopper, order: Order) -> str:
    """The text of a 400 that leaves the order as it was."""
    before = now(order).status, order.history.count()
    response = confirm(ada, order)
    assert response.status_code == 400
    assert (now(order).status, order.history.count()) == before
    return text_of(response)


def test_a_paid_order_is_confirmed_once(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")

    response = confirm(ada, order)

    assert (response.status_code, response.content) == (204, b"")
    assert now(order).status == OrderStatus.PAID
    assert refused(ada, order) == "Order has already been marked as paid"
    assert_books_agree(sandbox)


def test_the_webhook_was_faster(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment)
    deliver()
    work()
    sandbox.arm(gateway, "*", "error_500")

    # Nobody needs to be asked any more.
    assert confirm(ada, order).status_code == 204
    assert refused(ada, order) == "Order has already been marked as paid"


def test_of_many_at_once_one_is_the_confirmation(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")
    barrier, statuses = threading.Barrier(5), []

    def run() -> None:
        try:
            barrier.wait()
            statuses.append(confirm(ada, order).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [204, 400, 400, 400, 400]
    assert sandbox.books(gateway)["totals"]["USD"]["captured"] == order.total_minor
    assert_books_agree(sandbox)


def test_the_webhooks_worker_and_the_customer_capture_at_once(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize")
    deliver()
    barrier, outcomes = threading.Barrier(2), []

    def run(number: int) -> None:
        try:
            barrier.wait()
            outcomes.append(work() if number else confirm(ada, order).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 204 in outcomes
    assert len(outcomes) == 2
    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PAID, order.total_minor)
    assert_books_agree(sandbox)


def test_what_is_only_authorized_is_captured(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")

    assert confirm(ada, order).status_code == 204
    assert PaymentAttempt.objects.get().captured_minor == order.total_minor
    assert_books_agree(sandbox)


def test_an_unpaid_order_says_what_is_missing(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    assert refused(ada, order) == "The payment has not been made yet"
    sandbox.pay(payment, "abandon", webhook="none")
    assert refused(ada, order) == "The payment has not been made yet"
    sandbox.pay(payment, "fail", webhook="none")
    assert refused(ada, order) == "The payment failed"
    # Another try succeeds.
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204


def test_an_order_on_delivery_says_so(shop: Shop, ada: Shopper) -> None:
    order = order_on_delivery(ada, shop, item(shop.cable))
    assert refused(ada, order) == "The order is paid on delivery and has not been paid yet"


def take_otherwise(gateway: str, minor: int, currency: str = "USD") -> None:
    """At the gateway another amount or currency was asked and captured than we asked for."""
    if gateway == "stripe":
        Charge.objects.update(captured_minor=0)
        PaymentIntent.objects.update(received_minor=0)
        PaymentIntent.objects.update(amount_minor=minor, received_minor=minor, currency=currency.lower())
        Charge.objects.update(amount_minor=minor, captured_minor=minor, currency=currency.lower())
    else:
        RazorpayOrder.objects.update(paid_minor=0)
        RazorpayOrder.objects.update(amount_minor=minor, paid_minor=minor, currency=currency)
        RazorpayPayment.objects.update(captured_minor=0)
        RazorpayPayment.objects.update(amount_minor=minor, captured_minor=minor, currency=currency)


def test_too_little_is_not_paid(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    take_otherwise(gateway, order.total_minor - 1)

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The amount paid is not the amount due")
    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PARTIALLY_PAID, order.total_minor - 1)
    assert_books_agree(sandbox)


def test_another_currency_is_not_paid(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    take_otherwise(gateway, order.total_minor, "INR")

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The payment was made in another currency")
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    attempt = PaymentAttempt.objects.get()
    assert attempt.currency == "INR"
    promise = attempt.refunds.get()
    assert (promise.amount_minor, promise.currency) == (attempt.captured_minor, "INR")
    # Asked again, it says the same, and nothing more goes back.
    assert refused(ada, order) == "The payment was made in another currency"
    assert attempt.refunds.count() == 1


def test_the_money_of_a_cheap_order_pays_no_dear_one(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    cheap, payment = buy(ada, shop, gateway, shop.cable)
    dear, _ = buy(ada, shop, gateway, shop.headphones)
    sandbox.pay(payment, webhook="none")
    # A gateway, or somebody in between, answers for the one with the other.
    wanted = {order: PaymentRequest.objects.get(subject_id=order.pk) for order in (cheap, dear)}
    PaymentRequest.objects.filter(pk=wanted[cheap].pk).update(gateway_reference=None)
    PaymentRequest.objects.filter(pk=wanted[dear].pk).update(gateway_reference=wanted[cheap].gateway_reference)

    response = confirm(ada, dear)

    assert response.status_code == 400
    assert now(dear).status == OrderStatus.PAYMENT_PENDING
    assert not PaymentAttempt.objects.exists()


def test_a_cancelled_order_says_so_and_sends_its_money_back(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert cancel(ada, order).status_code == 200

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The order is cancelled")
    assert Refund.objects.get().amount_minor == order.total_minor


def test_anothers_order_is_not_found(sandbox: SandboxProcess, shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment, webhook="none")

    for response in (confirm(bob, order), send("PATCH", f"/api/orders/{uuid.uuid4()}/paid", by=bob)):
        assert (response.status_code, text_of(response)) == (404, "Order not found")
    assert now(order).status == OrderStatus.PAYMENT_PENDING
