"""The intent first, then the call, then what came of it; nothing is asked twice and nothing within a transaction."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from orders import actors
from orders.models import PaymentTerms
from orders.settlement import settle
from payments import collecting
from payments.gateways.base import OutcomeUnknown, Reason, Rejected, Unavailable
from payments.models import GatewayName, PaymentAttempt, PaymentRequest, RequestState
from tests.gateway_process import SandboxProcess
from tests.payments.reports import report
from tests.shop import Shop, Shopper, add_article, place


@pytest.fixture(params=["stripe", "razorpay"])
def gateway(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)


def initiated(ada: Shopper, shop: Shop, gateway: str) -> PaymentRequest:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, gateway=GatewayName(gateway))
    return PaymentRequest.objects.get(subject_id=order.pk)


def test_a_created_request_is_open_and_knows_its_reference(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    request = collecting.create_at_gateway(initiated(ada, shop, gateway).pk)

    assert request.state == RequestState.OPEN
    (theirs,) = sandbox.books(gateway)["orders"]
    assert (theirs["id"], theirs["amount"]) == (request.gateway_reference, request.amount_minor)
    assert bool(request.client_secret) == (gateway == "stripe")


def test_creating_again_asks_nobody(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    request = collecting.create_at_gateway(initiated(ada, shop, gateway).pk)
    sandbox.arm(gateway, "*", "error_500")

    assert collecting.create_at_gateway(request.pk) == request


@pytest.mark.parametrize("again", [False, True])
def test_creating_after_a_crash_takes_over_what_the_gateway_has(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, again: bool
) -> None:
    request = initiated(ada, shop, gateway)
    collecting.create_at_gateway(request.pk)
    PaymentRequest.objects.update(state="initiated", gateway_reference=None, client_secret="")

    request = collecting.create_at_gateway(request.pk, again=again)

    (theirs,) = sandbox.books(gateway)["orders"]
    assert (theirs["id"], request.state) == (request.gateway_reference, RequestState.OPEN)
    assert bool(request.client_secret) == (gateway == "stripe")


def test_two_at_once_make_one(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    request = initiated(ada, shop, gateway)
    barrier = threading.Barrier(4)

    def run() -> None:
        try:
            barrier.wait()
            collecting.create_at_gateway(request.pk)
        except OutcomeUnknown:
            # Stripe answers 409 to all but one while that one is being worked on.
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    request.refresh_from_db()
    assert [theirs["id"] for theirs in sandbox.books(gateway)["orders"]] == [request.gateway_reference]
    assert request.state == RequestState.OPEN


@pytest.mark.parametrize(
    ("fault", "error", "state"),
    [
        ("error_500", OutcomeUnknown, RequestState.UNKNOWN),
        ("reset", OutcomeUnknown, RequestState.UNKNOWN),
        ("rate_limit", Unavailable, RequestState.REFUSED),
    ],
)
def test_a_failure_is_written_down_for_what_it_is(
    sandbox: SandboxProcess,
    shop: Shop,
    ada: Shopper,
    gateway: str,
    fault: str,
    error: type[Exception],
    state: RequestState,
) -> None:
    request = initiated(ada, shop, gateway)
    sandbox.arm(gateway, "create", fault)

    with pytest.raises(error):
        collecting.create_at_gateway(request.pk)

    request.refresh_from_db()
    assert (request.state, request.gateway_reference) == (state, None)


def test_nobody_is_asked_for_what_nobody_should_pay(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    request = initiated(ada, shop, gateway)
    with transaction.atomic():
        assert collecting.want_cancelled(request.subject_id) == [request.pk]

    assert collecting.create_at_gateway(request.pk).state == RequestState.INITIATED
    assert sandbox.books(gateway)["orders"] == []


def test_no_gateway_is_called_within_a_transaction(shop: Shop, ada: Shopper) -> None:
    request = initiated(ada, shop, "stripe")
    told = report(request)
    calls: list[Callable[[], object]] = [
        lambda: collecting.create_at_gateway(request.pk),
        lambda: collecting.cancel_at_gateway(request),
        lambda: collecting.fetch(request),
        lambda: collecting.capture_authorized(request, told),
    ]
    for call in calls:
        with transaction.atomic(), pytest.raises(RuntimeError, match="never called inside"):
            call()


def test_an_order_has_one_active_request(shop: Shop, ada: Shopper) -> None:
    request = initiated(ada, shop, "stripe")

    with pytest.raises(IntegrityError, match="one_active_payment_request"):
        PaymentRequest.objects.create(
            subject_id=request.subject_id, gateway="stripe", amount_minor=request.amount_minor, currency="USD"
        )


def test_only_the_amount_that_was_asked_is_captured(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    request = collecting.create_at_gateway(initiated(ada, shop, gateway).pk)
    sandbox.pay(str(request.gateway_reference), "authorize", webhook="none")
    report = collecting.fetch(request)
    request.amount_minor += 1

    assert collecting.capture_authorized(request, report) is report
    assert sandbox.books(gateway)["totals"]["USD"]["captured"] == 0


def test_cash_is_written_down_once_for_each_receipt(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    receipt = uuid.uuid4()

    for _ in range(2):
        told = collecting.cash_received(subject_id=order.pk, amount=order.total, receipt=receipt)
        settle(order.pk, actor=actors.SYSTEM, report=told)

    assert PaymentAttempt.objects.get().captured_minor == order.total_minor
    assert PaymentRequest.objects.get().state == RequestState.PAID

    assert settle(order.pk, actor=actors.SYSTEM).collected_minor == order.total_minor


def test_a_gateway_that_refuses_says_so_without_a_trace_of_why(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    dear = add_article("Castle", "CASTLE", 99_999_999)
    order = place(ada, shop.standard, (dear, 1), terms=PaymentTerms.PREPAID)
    request = PaymentRequest.objects.get(subject_id=order.pk)

    with pytest.raises(Rejected) as caught:
        collecting.create_at_gateway(request.pk)

    assert caught.value.reason == Reason.REFUSED
