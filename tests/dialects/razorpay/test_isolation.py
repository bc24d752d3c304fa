"""One merchant's keys never see, nor touch, anything of another's, and cannot even tell that it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse

from payments.merchants import keys
from payments.models import PaymentAttempt, PaymentRequest
from tests.faults.buying import buy
from tests.gateway_process import SandboxProcess
from tests.merchants import ORDERS, Integration, answer, call, hear, order, owed, paid, refusal
from tests.shop import Shop, Shopper, written


@dataclass(frozen=True, slots=True)
class Names:
    """Ids of things."""

    order: str
    payment: str
    waiting: str
    refund: str


NOTHING = Names("order_00000000000000", "pay_00000000000000", "pay_11111111111111", "rfnd_00000000000000")
CALLS: dict[str, Callable[[Names, Integration], HttpResponse]] = {
    "fetch": lambda it, by: call("GET", f"{ORDERS}/{it.order}", by=by),
    "payments": lambda it, by: call("GET", f"{ORDERS}/{it.order}/payments", by=by),
    "edit": lambda it, by: call("PATCH", f"{ORDERS}/{it.order}", {"notes": {"mine": "now"}}, by=by),
    "payment": lambda it, by: call("GET", f"/v1/payments/{it.payment}", by=by),
    "capture": lambda it, by: call("POST", f"/v1/payments/{it.waiting}/capture", {"amount": 50000}, by=by),
    "refund": lambda it, by: call("POST", f"/v1/payments/{it.payment}/refund", {"amount": 100}, by=by),
    "refund by body": lambda it, by: call("POST", "/v1/refunds", {"payment_id": it.payment, "amount": 100}, by=by),
    "refunds": lambda it, by: call("GET", f"/v1/payments/{it.payment}/refunds", by=by),
    "refund of a payment": lambda it, by: call("GET", f"/v1/payments/{it.payment}/refunds/{it.refund}", by=by),
    "one refund": lambda it, by: call("GET", f"/v1/refunds/{it.refund}", by=by),
}


@pytest.fixture
def traded(sandbox: SandboxProcess, books: Integration) -> Names:
    """What a merchant has."""
    payment, waiting = paid(books, sandbox), paid(books, sandbox, outcome="authorize")
    made = answer(call("POST", f"/v1/payments/{payment}/refund", {"amount": 500}, by=books))
    reference = PaymentAttempt.objects.get(gateway_payment_id=payment).request.gateway_reference
    assert reference
    return Names(reference, payment, waiting, made["id"])


def strip(response: HttpResponse) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but its request's own name."""
    headers = {name: value for name, value in response.items() if name != "X-Request-Id"}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("act", CALLS)
def test_anothers_is_answered_like_nobodys_to_the_last_byte(traded: Names, tea: Integration, act: str) -> None:
    before = written()
    assert strip(CALLS[act](traded, tea)) == strip(CALLS[act](NOTHING, tea))
    assert refusal(CALLS[act](traded, tea))["description"] == "The id provided does not exist"
    assert written() == before


@pytest.mark.parametrize("act", CALLS)
def test_its_own_merchant_may(traded: Names, books: Integration, act: str) -> None:
    assert CALLS[act](traded, books).status_code == 200


def test_lists_have_ones_own_alone(traded: Names, books: Integration, tea: Integration) -> None:
    assert answer(call("GET", ORDERS, by=books))["count"] == 2
    mine = order(tea, receipt="r")
    for query in ("", "?receipt=r", "?authorized=0", "?from=0", "?skip=0&count=100"):
        page = answer(call("GET", ORDERS + query, by=tea))
        assert [item["id"] for item in page["items"]] == [mine["id"]]
    assert answer(call("GET", f"{ORDERS}?authorized=1", by=tea))["count"] == 0


def test_one_merchants_idempotency_key_is_anothers_too(
    sandbox: SandboxProcess, books: Integration, tea: Integration
) -> None:
    bodies = {"amount": 100, "currency": "INR"}
    ids = {answer(call("POST", ORDERS, bodies, by=merchant, key="k"))["id"] for merchant in (books, tea)}
    assert len(ids) == 2


def test_all_keys_of_one_merchant_see_the_same(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    issued = keys.issue(books.merchant)
    assert (
        answer(call("GET", f"{ORDERS}/{made['id']}", by=Integration(books.merchant, issued.key, issued.secret))) == made
    )


def test_payments_of_the_shop_are_no_merchants(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, books: Integration
) -> None:
    _, reference = buy(ada, shop, "razorpay")
    payment = sandbox.pay(reference)["payment"]

    def nobodys() -> list[HttpResponse]:
        paths = (f"{ORDERS}/{reference}", f"{ORDERS}/{reference}/payments", f"/v1/payments/{payment}")
        return [call("GET", path, by=books) for path in paths]

    for response in nobodys():
        assert refusal(response)["description"] == "The id provided does not exist"
    assert PaymentAttempt.objects.count() == 0  # Looking has taught us nothing.
    hear()
    for response in nobodys():
        assert refusal(response)["description"] == "The id provided does not exist"
    error = refusal(call("POST", f"/v1/payments/{payment}/refund", {}, by=books))
    assert error["description"] == "The id provided does not exist"
    assert PaymentRequest.objects.get().owed_to == "receivable"
    assert PaymentAttempt.objects.get().details == {}
    assert owed(books) == 0


def test_a_switched_off_merchant_is_nobody(sandbox: SandboxProcess, books: Integration) -> None:
    made: dict[str, Any] = order(books)
    books.merchant.active = False
    books.merchant.save()
    assert refusal(call("GET", f"{ORDERS}/{made['id']}", by=books), 401)["description"] == "Authentication failed"
