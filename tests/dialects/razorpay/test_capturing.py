"""Who captures what a payer's bank has authorized, and when; and what a merchant's own capture call is told."""

from __future__ import annotations

from typing import Any

import pytest

from orders import subjects
from orders.actors import GATEWAY
from payments.merchants.models import MerchantOrder
from payments.models import PaymentAttempt, PaymentRequest
from tests import merchants
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, settle_down
from tests.merchants import Integration, answer, call, hear, order, owed, paid, refusal, row
from tests.payments import reports
from tests.shop import written

FAULTS = ["timeout_before", "timeout_after", "error_500", "html_502", "rate_limit", "reset"]


def capture(by: Integration, payment: str, key: str | None = None, **body: Any) -> Any:
    """The merchant's call, for all of 500 rupees unless told otherwise."""
    body = {"amount": 50000, "currency": "INR", **body}
    return call("POST", f"/v1/payments/{payment}/capture", body, by=by, key=key)


def stands(by: Integration, payment: str) -> tuple[str, bool]:
    """What is told of a payment."""
    entity = answer(call("GET", f"/v1/payments/{payment}", by=by))
    return entity["status"], entity["captured"]


@pytest.mark.parametrize(
    ("wish", "outcome", "status"),
    [
        ({}, "succeed", "captured"),
        ({}, "authorize", "authorized"),
        ({"payment_capture": 1}, "succeed", "captured"),
        ({"payment_capture": 1}, "authorize", "captured"),
        ({"payment_capture": 0}, "succeed", "authorized"),
        ({"payment_capture": 0}, "authorize", "authorized"),
    ],
)
def test_who_captures(
    sandbox: SandboxProcess, books: Integration, wish: dict[str, int], outcome: str, status: str
) -> None:
    payment = paid(books, sandbox, outcome=outcome, **wish)
    settle_down()

    assert stands(books, payment) == (status, status == "captured")
    made = MerchantOrder.objects.get()
    assert (made.status, made.authorized) == (("paid", False) if status == "captured" else ("attempted", True))
    assert owed(books) == (50000 if status == "captured" else 0)
    if status == "authorized":
        assert answer(capture(books, payment))["status"] == "captured"
    assert (MerchantOrder.objects.get().status, owed(books)) == ("paid", 50000)
    assert_books_agree(sandbox)


def test_a_capture_answers_with_the_payment_as_it_is_then(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox, outcome="authorize")
    before = answer(call("GET", f"/v1/payments/{payment}", by=books))

    captured = answer(capture(books, payment))

    assert (captured["fee"], captured["tax"]) == (1180, 180)
    assert captured == {**before, "status": "captured", "captured": True, "fee": 1180, "tax": 180}
    assert answer(call("GET", f"/v1/payments/{payment}", by=books)) == captured


def test_without_a_currency_it_is_in_rupees(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox, outcome="authorize")
    response = call("POST", f"/v1/payments/{payment}/capture", {"amount": 50000}, by=books)
    assert answer(response)["captured"] is True


def test_a_capture_may_be_faster_than_the_webhook(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    payment = sandbox.pay(made["id"], "authorize")["payment"]

    assert answer(capture(books, payment))["status"] == "captured"

    hear()
    assert (row(made).status, row(made).attempts, owed(books)) == ("paid", 1, 50000)


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"amount": 49999}, "amount", "Capture amount must be equal to the amount authorized"),
        ({"amount": 50001}, "amount", "Capture amount must be equal to the amount authorized"),
        ({"amount": 0}, "amount", "Capture amount must be equal to the amount authorized"),
        ({"amount": -50000}, "amount", "Capture amount must be equal to the amount authorized"),
        ({"currency": "USD"}, "amount", "Capture amount must be equal to the amount authorized"),
        ({"currency": "rupees"}, "currency", "Currency is not supported"),
        ({"currency": 1}, "currency", "The currency must be a string."),
        ({"amount": None}, "amount", "The amount field is required."),
        ({"amount": "50000"}, "amount", "The amount must be an integer."),
        ({"amount": 50000.0}, "amount", "The amount must be an integer."),
        ({"amount": True}, "amount", "The amount must be an integer."),
        ({"amount": 2**62}, "amount", "Amount exceeds maximum amount allowed."),
        ({"notes": {}}, "notes", "notes is/are not required and should not be sent"),
    ],
)
def test_what_is_no_capture_of_all_of_it_is_refused(
    sandbox: SandboxProcess, books: Integration, body: dict[str, Any], field: str, text: str
) -> None:
    payment = paid(books, sandbox, outcome="authorize")
    before = written()

    error = refusal(capture(books, payment, **body))

    assert (error["description"], error["field"]) == (text, field)
    assert (written(), stands(books, payment)) == (before, ("authorized", False))


def test_only_what_is_authorized_is_captured(sandbox: SandboxProcess, books: Integration) -> None:
    captured, failed = paid(books, sandbox), paid(books, sandbox, outcome="fail")

    for payment, text in (
        (captured, "This payment has already been captured"),
        (failed, "Only payments which have been authorized and not yet captured can be captured"),
    ):
        error = refusal(capture(books, payment))
        assert (error["description"], error["step"]) == (text, "payment_capture")
    assert owed(books) == 50000


def test_what_is_authorized_beside_a_captured_payment_is_not_captured_too(
    sandbox: SandboxProcess, books: Integration
) -> None:
    waiting = paid(books, sandbox, outcome="authorize")
    request = PaymentRequest.objects.get()
    tries = reports.payment(request, "authorized", payment_id=waiting), reports.payment(request, "captured", "01")
    subjects.settle(request, actor=GATEWAY, report=reports.report(request, *tries))

    error = refusal(capture(books, waiting))

    assert error["description"].startswith("Your payment has been declined as the order is already paid")
    assert (MerchantOrder.objects.get().status, owed(books)) == ("paid", 50000)


def test_a_capture_under_one_key_happens_once(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox, outcome="authorize")

    first, second = (capture(books, payment, key="k") for _ in range(2))

    assert answer(first)["status"] == "captured"
    assert (second.status_code, second.content) == (200, first.content)
    assert capture(books, payment, key="k", amount=1).status_code == 422


@pytest.mark.parametrize("fault", FAULTS)
def test_a_capture_that_nobody_knows_of_is_carried_out_or_found_out(
    sandbox: SandboxProcess, books: Integration, fault: str
) -> None:
    payment = paid(books, sandbox, outcome="authorize", payment_capture=0)
    sandbox.arm("razorpay", "capture", fault)

    error = refusal(capture(books, payment), 502)

    assert (error["code"], error["source"], error["step"]) == ("GATEWAY_ERROR", "gateway", "payment_capture")
    chase(rounds=2)
    assert stands(books, payment) == ("captured", True)
    assert (MerchantOrder.objects.get().status, owed(books)) == ("paid", 50000)
    assert_books_agree(sandbox)


def test_a_gateway_that_is_away_refuses_a_payment_that_is_news(sandbox: SandboxProcess, books: Integration) -> None:
    payment = sandbox.pay(order(books)["id"], webhook="none")["payment"]
    sandbox.arm("razorpay", "retrieve", "error_500")

    error = refusal(call("GET", f"/v1/payments/{payment}", by=books), 502)

    assert (error["code"], PaymentAttempt.objects.count()) == ("GATEWAY_ERROR", 0)
    assert stands(books, payment) == ("captured", True)


def test_a_payment_is_shown_before_its_webhook_comes(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    payment = sandbox.pay(made["id"], webhook="none")["payment"]

    assert stands(books, payment) == ("captured", True)
    assert merchants.row(made).status == "paid"
