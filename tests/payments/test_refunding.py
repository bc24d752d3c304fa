"""Never more goes back than came in, whoever promises it and however many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Q, Sum

from orders import actors
from orders.models import Order
from orders.settlement import send_back, settle, settle_locked
from payments import queries, recording, refunding
from payments.gateways.base import OutcomeUnknown, Unavailable
from payments.models import PaymentAttempt, PaymentRequest, Refund, RefundState
from payments.refunding import RefundAsk
from payments.sandbox.models import StoredAnswer
from tests.faults.buying import buy, confirm
from tests.gateway_process import SandboxProcess
from tests.jobs import chase, work
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """An order of 259.99 USD, paid in full, with the stock still held."""
    placed, request = asked(ada, shop)
    return settle(placed.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))


def in_parallel(number: int, act: Callable[[threading.Barrier], None]) -> None:
    barrier = threading.Barrier(number)

    def run() -> None:
        try:
            act(barrier)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)


def promise(order: Order, minor: int) -> int:
    promised = promise_alone(order, minor)
    settle(order.pk, actor=actors.SYSTEM)
    return promised


def promise_alone(order: Order, minor: int) -> int:
    """Nobody holds the order, as whoever promises does."""
    with transaction.atomic():
        return sum(
            refund.amount_minor for refund in refunding.request_refunds(order.pk, RefundAsk(minor, "USD", "goodwill"))
        )


def promised() -> int:
    return int(Refund.objects.exclude(state=RefundState.FAILED).aggregate(sum=Sum("amount_minor", default=0))["sum"])


def test_only_what_is_left_is_promised(order: Order) -> None:
    assert promise(order, 20000) == 20000
    assert promise(order, 20000) == order.total_minor - 20000
    assert promise(order, 1) == 0


def test_the_newest_payment_bears_it_first(shop: Shop, ada: Shopper) -> None:
    placed, request = asked(ada, shop)
    for name in ("1", "2"):
        settle(placed.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured", name)))

    # The second one was more than was due, and is on its way back already.
    assert Refund.objects.get().attempt == PaymentAttempt.objects.latest("created_at")
    assert promise(placed, 2 * placed.total_minor) == placed.total_minor


def test_what_several_promise_at_once_stays_within_what_was_captured(order: Order) -> None:
    def act(barrier: threading.Barrier) -> None:
        barrier.wait()
        promise_alone(order, 15000)

    in_parallel(8, act)
    settle(order.pk, actor=actors.SYSTEM)

    assert promised() == order.total_minor


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("walls", [True, False], ids=["with the database's wall", "without any wall"])
def test_without_the_lock_on_the_request_only_the_database_keeps_it_within(
    order: Order, isolation: str, walls: bool
) -> None:
    """The negative control: reading the sum and writing the refund with nothing that makes the others wait."""
    attempt = PaymentAttempt.objects.get()

    def act(barrier: threading.Barrier) -> None:
        with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            if not walls:
                cursor.execute("SET LOCAL session_replication_role = replica")
            refunds = Refund.objects.filter(~Q(state=RefundState.FAILED), attempt=attempt)
            left = attempt.captured_minor - refunds.aggregate(sum=Sum("amount_minor", default=0))["sum"]
            barrier.wait()
            Refund.objects.create(
                attempt=attempt,
                amount_minor=min(15000, left),
                currency="USD",
                reason="unlocked",
                state=RefundState.REQUESTED,
            )

    in_parallel(2, act)

    # What may not happen together is what SERIALIZABLE refuses by itself.
    kept_within = walls or isolation == "SERIALIZABLE"
    assert (promised() <= order.total_minor) is kept_within
    Refund.objects.update(state=RefundState.FAILED)


def test_staff_clicking_twice_at_once_send_it_back_once(order: Order) -> None:
    def act(barrier: threading.Barrier) -> None:
        barrier.wait()
        with transaction.atomic():
            locked = Order.objects.select_for_update().get(pk=order.pk)
            kept = queries.totals(locked.pk, "USD").kept
            send_back(locked, kept, reason="returned", actor=actors.SYSTEM)
            settle_locked(locked, actor=actors.SYSTEM)

    in_parallel(4, act)

    assert promised() == order.total_minor
    assert Refund.objects.count() == 1


def test_a_refund_is_never_sent_within_a_transaction(order: Order) -> None:
    promise(order, 100)

    with transaction.atomic(), pytest.raises(RuntimeError, match="never called inside"):
        refunding.send_refund(Refund.objects.get().pk)


@pytest.mark.parametrize("gateway", ["stripe", "razorpay"])
@pytest.mark.parametrize(
    ("fault", "error", "state"),
    [("error_500", OutcomeUnknown, RefundState.UNKNOWN), ("rate_limit", Unavailable, RefundState.APPROVED)],
)
def test_a_refund_without_answer_says_whether_it_may_have_happened(
    sandbox: SandboxProcess,
    shop: Shop,
    ada: Shopper,
    gateway: str,
    fault: str,
    error: type[Exception],
    state: RefundState,
) -> None:
    placed, reference = buy(ada, shop, gateway)
    sandbox.pay(reference, webhook="none")
    assert confirm(ada, placed).status_code == 204
    promise(placed, 100)
    sandbox.arm(gateway, "refund", fault)

    with pytest.raises(error):
        refunding.send_refund(Refund.objects.get().pk)

    assert Refund.objects.get().state == state
    chase()
    assert Refund.objects.get().state == RefundState.SUCCEEDED
    assert sandbox.books(gateway)["totals"]["USD"]["refunded"] == 100


@pytest.mark.parametrize("gateway", ["stripe", "razorpay"])
def test_a_refund_whose_key_the_gateway_forgot_is_not_made_twice(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    placed, reference = buy(ada, shop, gateway)
    sandbox.pay(reference, webhook="none")
    assert confirm(ada, placed).status_code == 204
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=placed.pk)
        send_back(locked, 100, reason="goodwill", actor=actors.SYSTEM)
        settle_locked(locked, actor=actors.SYSTEM)
    sandbox.arm(gateway, "refund", "timeout_after")
    work()
    assert Refund.objects.get().state == RefundState.UNKNOWN
    StoredAnswer.objects.all().delete()

    chase(rounds=2)

    assert sandbox.books(gateway)["totals"]["USD"]["refunded"] == 100
    assert Refund.objects.get().state == RefundState.SUCCEEDED


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payments_refund SET state = 'succeeded' WHERE state = 'failed'",
        "UPDATE payments_refund SET amount_minor = 1",
        "DELETE FROM payments_refund",
        "UPDATE payments_paymentattempt SET captured_minor = captured_minor - 1",
        "UPDATE payments_paymentattempt SET refunded_minor = captured_minor + 1",
        "UPDATE payments_paymentrequest SET amount_minor = 1",
    ],
)
def test_the_database_itself_refuses_to_unsay_what_was_said(order: Order, change: str) -> None:
    promise(order, 100)
    with transaction.atomic():
        recording.withdraw(Refund.objects.get(), because="never sent")
    settle(order.pk, actor=actors.SYSTEM)

    with pytest.raises(Exception, match=r"append-only|violates check"), connection.cursor() as cursor:
        cursor.execute(change)

    assert PaymentRequest.objects.get().amount_minor == order.total_minor
