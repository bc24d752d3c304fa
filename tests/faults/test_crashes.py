"""kill -9 while a gateway is being called, before and after it has done what was asked; then everything comes right.

The sandbox holds its answer back, so that the process is surely between its two transactions when it is killed.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from kit import clock
from orders import checkout
from orders.models import Order, OrderStatus, PaymentTerms
from orders_project.idempotency.keeping import ABANDONED_AFTER
from payments import collecting
from payments.gateways.base import Unavailable
from payments.models import ACTIVE_REQUEST_STATES, GatewayName, PaymentRequest, Refund, RefundState, RequestState
from payments.sandbox.models import ArmedFault
from tests.faults.buying import buy, cancel, confirm, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, waiting
from tests.processes import kill, process, wait_until
from tests.shop import WITH_PAYMENT, Shop, Shopper, item, left, order_body, place, send, text_of

KEY = "cart-1"
# The child waits longer for the gateway than the gateway holds its answer back.
PATIENT = {"GATEWAY_READ_TIMEOUT_S": "20"}


def crash(sandbox: SandboxProcess, ada: Shopper, gateway: str, call: str, when: str, *request: str) -> None:
    """Make a request in a process of its own and kill it while it waits for the gateway's answer to that call.

    `when` is "before" or "after" the gateway has done what it was asked.
    """
    sandbox.arm(gateway, call, f"timeout_{when}")
    method, path, body = request
    with process("-m", "tests.faults.client", method, path, body, ada.access, KEY, **PATIENT) as running:
        wait_until(lambda: not ArmedFault.objects.filter(remaining__gt=0).exists(), running)
        if when == "after":
            wait_until(lambda: has_happened(sandbox, gateway, call), running)
        kill(running)


def has_happened(sandbox: SandboxProcess, gateway: str, call: str) -> bool:
    orders = sandbox.books(gateway)["orders"]
    return bool(orders) if call == "create" else any(order["captured"] for order in orders)


def purchase(ada: Shopper, shop: Shop, gateway: str) -> bytes:
    return json.dumps(order_body(ada, shop.standard, item(shop.scarce), paymentProvider=gateway)).encode()


def crash_while_buying(sandbox: SandboxProcess, ada: Shopper, shop: Shop, gateway: str, when: str) -> bytes:
    body = purchase(ada, shop, gateway)
    crash(sandbox, ada, gateway, "create", when, "POST", WITH_PAYMENT, body.decode())
    assert [order.status for order in Order.objects.all()] == [OrderStatus.PAYMENT_PENDING]
    assert PaymentRequest.objects.get().state == RequestState.INITIATED
    assert len(sandbox.books(gateway)["orders"]) == (1 if when == "after" else 0)
    return body


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_purchase_that_was_cut_off_is_finished_by_its_retry(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, when: str
) -> None:
    body = crash_while_buying(sandbox, ada, shop, gateway, when)

    assert send("POST", WITH_PAYMENT, body, by=ada, key=KEY).status_code == 409
    with clock.turned(ABANDONED_AFTER + timedelta(seconds=1)):
        first, second = (send("POST", WITH_PAYMENT, body, by=ada, key=KEY) for _ in range(2))

    assert (first.status_code, first.content) == (200, second.content)
    answer = json.loads(first.content)
    order = Order.objects.get()
    (theirs,) = sandbox.books(gateway)["orders"]
    assert (answer["orderId"], theirs["amount"]) == (str(order.pk), order.total_minor)
    assert (answer["clientSecret"] or answer["razorpayOrderId"]).startswith(theirs["id"])
    assert left(shop.scarce) == 0
    sandbox.pay(theirs["id"], webhook="none")
    assert confirm(ada, order).status_code == 204
    assert_books_agree(sandbox)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_purchase_that_nobody_retries_is_called_off_by_the_chase(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, when: str
) -> None:
    body = crash_while_buying(sandbox, ada, shop, gateway, when)

    chase()

    assert Order.objects.get().status == OrderStatus.CANCELLED
    assert left(shop.scarce) == 1
    assert not PaymentRequest.objects.filter(state__in=ACTIVE_REQUEST_STATES).exists()
    if gateway == "stripe":
        assert [theirs["status"] for theirs in sandbox.books(gateway)["orders"]] in ([], ["canceled"])
    # A retry that comes too late is told so, and nothing is bought.
    with clock.turned(timedelta(hours=1)):
        response = send("POST", WITH_PAYMENT, body, by=ada, key=KEY)
    assert response.status_code == 500
    assert text_of(response) == "Failed to initialize payment: the order was cancelled in the meantime"
    assert Order.objects.count() == 1
    assert_books_agree(sandbox)


@pytest.mark.parametrize("found_by", ["retry", "chase"])
def test_an_order_whose_refusal_was_written_down_and_nothing_more_is_called_off(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, found_by: str
) -> None:
    """Killed between its second transaction and its third: the state that leaves is made by doing the first two."""
    key = ada.customer.pk
    order = place(
        ada,
        shop.standard,
        (shop.scarce, 1),
        terms=PaymentTerms.PREPAID,
        gateway=GatewayName(gateway),
        placement_key=key,
    )
    request = PaymentRequest.objects.get()
    sandbox.arm(gateway, "create", "rate_limit")
    with pytest.raises(Unavailable):
        collecting.create_at_gateway(request.pk)
    assert PaymentRequest.objects.get().state == RequestState.REFUSED
    assert (now(order).status, left(shop.scarce)) == (OrderStatus.PAYMENT_PENDING, 0)

    if found_by == "chase":
        chase()
    with pytest.raises(checkout.PaymentNotInitialized) as caught:
        checkout.resume(key)

    assert caught.value.reason == "cancelled_meanwhile"
    assert (now(order).status, left(shop.scarce)) == (OrderStatus.CANCELLED, 1)
    assert PaymentRequest.objects.get().state == RequestState.REFUSED
    assert order.history.filter(to_status=OrderStatus.CANCELLED).count() == 1
    assert_books_agree(sandbox)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_capture_that_was_cut_off_is_found_by_the_chase(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, when: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")
    crash(sandbox, ada, gateway, "capture", when, "PATCH", f"/api/orders/{order.pk}/paid", "")
    assert now(order).status == OrderStatus.PAYMENT_PENDING

    chase()

    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PAID, order.total_minor)
    assert sandbox.books(gateway)["totals"]["USD"]["captured"] == order.total_minor
    with clock.turned(ABANDONED_AFTER + timedelta(seconds=1)):
        assert send("PATCH", f"/api/orders/{order.pk}/paid", by=ada, key=KEY).status_code == 204
    assert_books_agree(sandbox)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_in_a_refund_sends_it_back_once(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, when: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    assert cancel(ada, order).status_code == 200
    assert [name for name, _ in waiting() if name != "orders.render_invoice"] == ["orders.send_refund"]
    sandbox.arm(gateway, "refund", f"timeout_{when}")
    with process("manage.py", "procrastinate", "worker", "--queues", "money", **PATIENT) as worker:
        wait_until(lambda: not ArmedFault.objects.filter(remaining__gt=0).exists(), worker)
        if when == "after":
            wait_until(lambda: sandbox.books(gateway)["totals"]["USD"]["refunded"] > 0, worker)
        kill(worker)
    # It may be in flight, and that was committed before the gateway was asked.
    assert Refund.objects.get().state == RefundState.UNKNOWN

    chase()

    assert Refund.objects.get().state == RefundState.SUCCEEDED
    assert now(order).refunded_minor == order.total_minor
    assert sandbox.books(gateway)["totals"]["USD"]["refunded"] == order.total_minor
    assert_books_agree(sandbox)
