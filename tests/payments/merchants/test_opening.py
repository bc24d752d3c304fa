"""Making an order where the gateway does not play along: never shown, never lost, and nothing can be paid for it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from kit import clock, crashpoints
from kit.crashpoints import Seam
from payments.merchants import opening
from payments.merchants.models import MerchantOrder
from payments.models import PaymentRequest, Refund, RefundState, RequestState
from tests.dialects.razorpay.test_capturing import FAULTS
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, settle_down, waiting
from tests.merchants import ORDERS, Integration, answer, call, enrol, order, owed, refusal
from tests.reconciling import fingerprints, reconcile

WISH = {"amount": 50000, "currency": "INR", "receipt": "r"}


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant with a key."""
    return enrol()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_order_that_the_gateway_may_not_have_is_given_up(
    sandbox: SandboxProcess, books: Integration, fault: str
) -> None:
    sandbox.arm("razorpay", "create", fault)

    started = time.monotonic()
    error = refusal(call("POST", ORDERS, WISH, by=books), 502)

    assert time.monotonic() - started < 5
    assert (error["code"], error["source"], error["step"]) == ("GATEWAY_ERROR", "gateway", "payment_initiation")
    made = MerchantOrder.objects.get()
    assert (made.given_up, made.reference) == (True, None)
    assert answer(call("GET", ORDERS, by=books))["count"] == 0
    assert answer(call("GET", f"{ORDERS}?receipt=r", by=books))["count"] == 0
    request = PaymentRequest.objects.get()
    assert request.cancel_wanted_at is not None
    if request.state != RequestState.REFUSED:
        assert [name for name, _ in waiting()] == ["orders.chase_request"]
    chase(rounds=3)
    theirs = [one["id"] for one in sandbox.books("razorpay")["orders"]]
    request.refresh_from_db()
    assert request.gateway_reference == (theirs[0] if theirs else None)
    assert request.state in (RequestState.CANCELLED, RequestState.REFUSED)
    assert (MerchantOrder.objects.get().reference, MerchantOrder.objects.get().given_up) == (None, True)
    for name in theirs:
        assert refusal(call("GET", f"{ORDERS}/{name}", by=books))["description"] == "The id provided does not exist"
    assert reconcile().exit_code == 0
    assert_books_agree(sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_answer_to_a_failed_order_is_kept_and_the_next_one_goes_through(
    sandbox: SandboxProcess, books: Integration, fault: str
) -> None:
    sandbox.arm("razorpay", "create", fault)

    first, again = (call("POST", ORDERS, WISH, by=books, key="k") for _ in range(2))

    assert (first.status_code, again.status_code, again.content) == (502, 502, first.content)
    assert MerchantOrder.objects.count() == 1
    assert answer(call("POST", ORDERS, WISH, by=books, key="another"))["receipt"] == "r"


def test_an_order_that_is_given_up_while_the_gateway_is_asked_is_never_shown(
    sandbox: SandboxProcess, books: Integration
) -> None:
    """The gateway took so long that the chase has given the order up when its answer comes."""

    def overtake(seam: Seam) -> None:
        if seam == Seam.CREATE_ASKED:
            opening.give_up(MerchantOrder.objects.get().pk)

    with crashpoints.trapped(overtake):
        assert refusal(call("POST", ORDERS, WISH, by=books), 502)["code"] == "GATEWAY_ERROR"

    made = MerchantOrder.objects.get()
    assert (made.given_up, made.reference) == (True, None)
    chase(rounds=2)
    [theirs] = sandbox.books("razorpay")["orders"]
    assert PaymentRequest.objects.get().gateway_reference == theirs["id"]
    sandbox.pay(theirs["id"])
    settle_down()
    assert (owed(books), Refund.objects.get().state) == (0, RefundState.SUCCEEDED)
    assert_books_agree(sandbox)


def test_giving_up_an_order_that_is_open_does_nothing(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    before = fingerprints()
    opening.give_up(MerchantOrder.objects.get().pk)
    assert fingerprints() == before
    assert answer(call("GET", f"{ORDERS}/{made['id']}", by=books)) == made


def test_an_order_stays_open_however_long_nobody_pays_it(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    with clock.turned(timedelta(days=30)):
        chase(rounds=2)
        assert answer(call("GET", f"{ORDERS}/{made['id']}", by=books)) == made
    sandbox.pay(made["id"])
    assert reconcile().exit_code == 0
    assert answer(call("GET", f"{ORDERS}/{made['id']}", by=books))["status"] == "paid"
