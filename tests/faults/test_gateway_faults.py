"""Each fault of a gateway at each call of a purchase: the documented answer at once, the right books in the end."""

from __future__ import annotations

import json
import re
import time

import pytest

from orders import checkout
from orders.models import Order, OrderStatus
from orders_project.dialects.storefront import errors
from payments.gateways.base import Reason
from payments.models import ACTIVE_REQUEST_STATES, PaymentAttempt, PaymentRequest, RequestState
from tests.faults.buying import buy, cancel, confirm, now, try_to_buy
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, deliver, settle_down, work
from tests.shop import WITH_PAYMENT, Shop, Shopper, add_article, add_delivery, item, left, order_body, send, text_of

FAULTS = ["timeout_before", "timeout_after", "error_500", "html_502", "rate_limit", "reset"]
SECRET = re.compile(r"sk_|rzp_|whsec|_secret|Traceback|File \"|127\.0\.0\.1|http|pi_|order_")
LIMIT_S = 2.5


def payable_at(sandbox: SandboxProcess, gateway: str) -> list[str]:
    """What somebody could still pay at the gateway."""
    return [
        order["id"]
        for order in sandbox.books(gateway)["orders"]
        if gateway == "stripe" and order["status"] not in ("canceled", "succeeded")
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_payment_that_cannot_be_created_cancels_the_order(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    sandbox.arm(gateway, "create", fault)

    started = time.monotonic()
    response = try_to_buy(ada, shop, gateway, shop.scarce)

    assert time.monotonic() - started < LIMIT_S
    assert response.status_code == 500
    assert text_of(response).startswith("Failed to initialize payment: ")
    assert not SECRET.search(text_of(response))
    assert [order.status for order in Order.objects.all()] == [OrderStatus.CANCELLED]
    assert left(shop.scarce) == 1
    settle_down()
    assert not PaymentRequest.objects.filter(state__in=ACTIVE_REQUEST_STATES).exists()
    assert payable_at(sandbox, gateway) == []
    assert_books_agree(sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_answer_to_a_failed_purchase_is_kept_and_the_next_one_goes_through(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    sandbox.arm(gateway, "create", fault)

    answers = {try_to_buy(ada, shop, gateway, key="cart-1").content for _ in range(2)}

    assert len(answers) == 1
    assert try_to_buy(ada, shop, gateway, key="cart-2").status_code == 200
    assert [order.status for order in Order.objects.order_by("number")] == ["cancelled", "payment_pending"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_confirmation_that_cannot_be_checked_changes_nothing(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    sandbox.arm(gateway, "retrieve", fault)

    started = time.monotonic()
    response = confirm(ada, order)

    assert time.monotonic() - started < LIMIT_S
    assert response.status_code == 503
    assert not SECRET.search(text_of(response))
    assert response["Retry-After"]
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    assert confirm(ada, order).status_code == 204
    assert now(order).status == OrderStatus.PAID
    assert_books_agree(sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_capture_of_unknown_outcome_is_found_out_by_the_chase(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")
    sandbox.arm(gateway, "capture", fault)

    response = confirm(ada, order)

    assert response.status_code == 503
    assert not SECRET.search(text_of(response))
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    chase()
    assert now(order).status == OrderStatus.PAID
    assert confirm(ada, order).status_code == 204
    assert_books_agree(sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_webhook_whose_gateway_does_not_answer_is_worked_later(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment)
    sandbox.arm(gateway, "retrieve", fault, times=100)
    deliver()
    with pytest.raises(Exception, match="payment provider"):
        work()
    assert now(order).status == OrderStatus.PAYMENT_PENDING

    sandbox.arm(gateway, "*", "none")
    settle_down()

    assert now(order).status == OrderStatus.PAID
    assert_books_agree(sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_of_unknown_outcome_is_made_once(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    sandbox.arm(gateway, "refund", fault)

    assert cancel(ada, order).status_code == 200
    settle_down()

    order = now(order)
    assert (order.status, order.refunded_minor) == (OrderStatus.CANCELLED, order.total_minor)
    assert sandbox.books(gateway)["totals"]["USD"]["refunded"] == order.total_minor
    assert_books_agree(sandbox)


def test_with_every_call_failing_nothing_is_lost_and_afterwards_all_is_right(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    sandbox.arm(gateway, "*", "error_500", times=1000)
    assert cancel(ada, order).status_code == 200
    assert try_to_buy(ada, shop, gateway).status_code == 500
    chase(rounds=2)
    assert not PaymentAttempt.objects.exists()

    sandbox.arm(gateway, "*", "none")
    chase(rounds=4)

    order = now(order)
    assert (order.collected_minor, order.refunded_minor) == (order.total_minor, order.total_minor)
    assert not PaymentRequest.objects.filter(state__in=ACTIVE_REQUEST_STATES).exists()
    assert_books_agree(sandbox)


def test_an_amount_that_the_gateway_refuses_is_said_so(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    dear = add_article("Castle", "CASTLE", 99_999_999)
    free = add_delivery("Courier", 100, kinds=("physical",))

    response = send("POST", WITH_PAYMENT, order_body(ada, free, item(dear)), by=ada)

    assert (response.status_code, left(dear)) == (500, 1000)
    assert json.loads(response.content) == "Failed to initialize payment: the payment provider refused the request"
    assert PaymentRequest.objects.get().state == RequestState.REFUSED


@pytest.mark.parametrize("reason", [*Reason, checkout.CANCELLED_MEANWHILE])
def test_every_reason_has_its_words_at_the_storefront(reason: str) -> None:
    answer = errors.not_initialized(reason)

    assert answer.status_code == 500
    assert str(json.loads(answer.content)).startswith("Failed to initialize payment: the ")
