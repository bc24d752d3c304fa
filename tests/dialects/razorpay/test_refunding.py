"""Money of a payment goes back: a part, the rest, everything; once per key; and what stands in its way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse

from payments import gateways
from payments.merchants.models import MerchantOrder, MerchantRefund
from payments.models import PaymentRequest, Refund, RefundState
from tests.dialects.razorpay.test_capturing import FAULTS
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase
from tests.merchants import Integration, answer, call, hear, owed, paid, refusal
from tests.shop import written

KEY = "refund-key-1"


def refund(by: Integration, payment: str, key: str | None = None, once: str | None = None, **body: Any) -> HttpResponse:
    """The merchant's call. `key` is Razorpay's header, `once` ours."""
    headers = {} if key is None else {"X-Refund-Idempotency": key}
    return call("POST", f"/v1/payments/{payment}/refund", body, by=by, key=once, headers=headers)


def payment_of(by: Integration, payment: str) -> tuple[str, int, str | None]:
    """What is told of the payment's refunds."""
    entity = answer(call("GET", f"/v1/payments/{payment}", by=by))
    return entity["status"], entity["amount_refunded"], entity["refund_status"]


def test_a_part_then_the_rest(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)

    part = answer(refund(books, payment, amount=20000, notes={"why": "torn"}, receipt="R 1"))

    assert part == {
        "id": part["id"],
        "entity": "refund",
        "amount": 20000,
        "currency": "INR",
        "payment_id": payment,
        "notes": {"why": "torn"},
        "receipt": "R 1",
        "acquirer_data": {"arn": None},
        "created_at": part["created_at"],
        "batch_id": None,
        "status": "processed",
        "speed_processed": "normal",
        "speed_requested": "normal",
    }
    assert re.fullmatch(r"rfnd_[0-9A-Za-z]{14}", part["id"])
    assert (payment_of(books, payment), owed(books)) == (("captured", 20000, "partial"), 30000)
    rest = answer(refund(books, payment))
    assert (rest["amount"], rest["notes"], rest["receipt"]) == (30000, [], None)
    assert (payment_of(books, payment), owed(books)) == (("refunded", 50000, "full"), 0)
    assert MerchantOrder.objects.get().status == "paid"
    assert_books_agree(sandbox)


def test_refunds_are_listed_and_fetched(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    made = [answer(refund(books, payment, amount=amount)) for amount in (100, 200, 300)]
    path = f"/v1/payments/{payment}/refunds"

    def listed(query: str = "") -> list[dict[str, Any]]:
        page = answer(call("GET", path + query, by=books))
        assert (page["entity"], page["count"]) == ("collection", len(page["items"]))
        return list(page["items"])

    assert listed() == made[::-1]
    assert listed("?count=1") == [made[2]]
    assert listed("?count=1&skip=1") == [made[1]]
    assert listed("?skip=3") == []
    assert listed(f"?from={made[0]['created_at']}&to={made[2]['created_at']}") == made[::-1]
    assert listed(f"?to={made[0]['created_at'] - 1}") == listed(f"?from={made[2]['created_at'] + 1}") == []
    for one in made:
        assert answer(call("GET", f"{path}/{one['id']}", by=books)) == one
        assert answer(call("GET", f"/v1/refunds/{one['id']}", by=books)) == one
    other = paid(books, sandbox)
    assert refusal(call("GET", f"/v1/payments/{other}/refunds/{made[0]['id']}", by=books))["field"] == "id"


def test_the_call_that_names_the_payment_in_its_body(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    made = answer(call("POST", "/v1/refunds", {"payment_id": payment, "amount": 100}, by=books))
    assert (made["payment_id"], made["amount"]) == (payment, 100)
    for nothing in ({}, {"payment_id": None}, {"payment_id": 1}, {"payment_id": [payment]}):
        assert refusal(call("POST", "/v1/refunds", nothing, by=books))["field"] == "payment_id"


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"amount": 50001}, "amount", "The refund amount provided is greater than amount captured"),
        ({"amount": 0}, "amount", "The amount must be atleast INR 1.00"),
        ({"amount": -1}, "amount", "The amount must be atleast INR 1.00"),
        ({"amount": "100"}, "amount", "The amount must be an integer."),
        ({"amount": 100.0}, "amount", "The amount must be an integer."),
        ({"amount": False}, "amount", "The amount must be an integer."),
        ({"amount": 2**62}, "amount", "Amount exceeds maximum amount allowed."),
        ({"speed": "instant"}, "speed", "The speed must be normal or optimum."),
        ({"speed": 1}, "speed", "The speed must be normal or optimum."),
        ({"notes": "torn"}, "notes", "The notes must be an object."),
        ({"receipt": "x" * 41}, "receipt", "The receipt may not be greater than 40 characters."),
        ({"reverse_all": True}, "reverse_all", "reverse_all is/are not required and should not be sent"),
    ],
)
def test_what_is_no_refund_is_refused(
    sandbox: SandboxProcess, books: Integration, body: dict[str, Any], field: str, text: str
) -> None:
    payment = paid(books, sandbox)
    before = written()

    error = refusal(refund(books, payment, **body))

    assert (error["description"], error["field"]) == (text, field)
    assert written() == before


def test_no_more_goes_back_than_came_in(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    answer(refund(books, payment, amount=40000))
    before = written()

    error = refusal(refund(books, payment, amount=10001))
    assert error["description"] == "The total refund amount is greater than the refund payment amount"
    assert written() == before
    answer(refund(books, payment, amount=10000))
    before = written()
    for body in (dict[str, Any](), {"amount": 100}):
        error = refusal(refund(books, payment, **body))
        assert error["description"] == "The payment has been fully refunded already"
    assert written() == before


@pytest.mark.parametrize("outcome", ["authorize", "fail"])
def test_what_never_came_in_cannot_go_back(sandbox: SandboxProcess, books: Integration, outcome: str) -> None:
    payment = paid(books, sandbox, outcome=outcome)
    before = written()
    error = refusal(refund(books, payment))
    assert error["description"] == "The payment status should be captured for action to be taken"
    assert (error["step"], written()) == ("payment_refund", before)


def test_what_a_bank_looks_into_stays(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    sandbox.dispute(payment)
    hear()
    before = written()
    assert refusal(refund(books, payment))["description"] == "The payment is under dispute and cannot be refunded"
    assert written() == before


def test_a_refund_is_made_once_per_key_of_razorpays(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)

    first, second = (answer(refund(books, payment, key=KEY, amount=100)) for _ in range(2))

    assert first == second
    assert Refund.objects.count() == 1
    for body in ({"amount": 200}, {}, {"amount": 100, "notes": {"a": "b"}}):
        error = refusal(refund(books, payment, key=KEY, **body), 409)
        assert error["description"] == "Different request with the same idempotency key has already been processed"
    other = paid(books, sandbox)
    assert refund(books, other, key=KEY, amount=100).status_code == 409
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("key", ["", "short", "x" * 256, "with a blank in it", "ключ-ключ-ключ", "colon:colon:colon"])
def test_a_key_of_another_shape_is_refused(sandbox: SandboxProcess, books: Integration, key: str) -> None:
    payment = paid(books, sandbox)
    before = written()
    assert refusal(refund(books, payment, key=key))["field"] == "X-Refund-Idempotency"
    assert written() == before


def test_two_merchants_may_have_one_key(sandbox: SandboxProcess, books: Integration, tea: Integration) -> None:
    for merchant in (books, tea):
        answer(refund(merchant, paid(merchant, sandbox), key=KEY, amount=100))
    assert MerchantRefund.objects.filter(idempotency_key=KEY).count() == 2


def test_a_refund_is_made_once_per_idempotency_key(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    first, second = (refund(books, payment, once="k", amount=100) for _ in range(2))
    assert (answer(first)["amount"], second.content) == (100, first.content)
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("body", [{"amount": 20000}, {}])
def test_a_refund_that_nobody_knows_of_is_sent_or_found_once(
    sandbox: SandboxProcess, books: Integration, fault: str, body: dict[str, Any]
) -> None:
    payment = paid(books, sandbox)
    sandbox.arm("razorpay", "refund", fault)

    error = refusal(refund(books, payment, key=KEY, **body), 502)

    assert (error["code"], error["step"]) == ("GATEWAY_ERROR", "payment_refund")
    amount = body.get("amount", 50000)
    if fault == "rate_limit":
        # Nothing happened, and nothing will: the key is free.
        assert (Refund.objects.get().state, owed(books)) == (RefundState.FAILED, 50000)
        assert answer(refund(books, payment, key=KEY, **body))["amount"] == amount
    else:
        assert owed(books) == 50000 - amount
        assert refund(books, payment, key=KEY, **body).status_code in (200, 409)
        chase(rounds=2)
        assert answer(refund(books, payment, key=KEY, **body))["amount"] == amount
    refunds = answer(call("GET", f"/v1/payments/{payment}/refunds", by=books))
    assert [one["amount"] for one in refunds["items"]] == [amount]
    assert owed(books) == 50000 - amount
    assert_books_agree(sandbox)


def test_a_refund_that_the_gateway_refuses_never_was(sandbox: SandboxProcess, books: Integration) -> None:
    """The gateway knows of an earlier refund, and we do not yet."""
    payment = paid(books, sandbox)
    request = PaymentRequest.objects.get()
    assert request.gateway_reference
    gateways.razorpay().refund(request.gateway_reference, payment, request.amount, key="a-click-in-the-dashboard")

    error = refusal(refund(books, payment, key=KEY, amount=100))

    assert error["description"] == "The payment gateway has refused the request"
    mine = Refund.objects.get(of_merchant__isnull=False)
    assert (mine.state, mine.gateway_refund_id) == (RefundState.FAILED, None)
    hear()
    assert (payment_of(books, payment), owed(books)) == (("refunded", 50000, "full"), 0)
    assert_books_agree(sandbox)


def test_a_refund_that_comes_back_is_owed_to_the_merchant_again(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    made = answer(refund(books, payment, amount=20000))

    sandbox.fail_refund(made["id"])
    hear()

    assert answer(call("GET", f"/v1/refunds/{made['id']}", by=books)) == {**made, "status": "failed"}
    assert (payment_of(books, payment), owed(books)) == (("captured", 0, None), 50000)
    assert_books_agree(sandbox)


def test_a_refund_made_in_the_gateways_dashboard_shows(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    request = PaymentRequest.objects.get()
    assert request.gateway_reference
    gateways.razorpay().refund(request.gateway_reference, payment, request.amount, key="a-click-in-the-dashboard")
    hear()

    [shown] = answer(call("GET", f"/v1/payments/{payment}/refunds", by=books))["items"]

    assert (shown["amount"], shown["notes"], shown["receipt"], shown["status"]) == (50000, [], None, "processed")
    assert answer(call("GET", f"/v1/refunds/{shown['id']}", by=books)) == shown
    assert (payment_of(books, payment), owed(books)) == (("refunded", 50000, "full"), 0)
