"""One Idempotency-Key, one effect: repeated, at once, changed, and cut off between the effect and its answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from kit import clock, crashpoints
from kit.crashpoints import Seam
from payments.merchants.models import MerchantOrder, MerchantRefund
from payments.models import PaymentRequest, Refund
from tests.concurrency.racing import together
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase
from tests.merchants import ORDERS, Integration, answer, call, hear, order, paid, refusal, row
from tests.shop import written

WISH = {"amount": 50000, "currency": "INR", "receipt": "r"}
# The seams that creating passes once its key is claimed.
SEAMS = [Seam.CREATE_INTENDED, Seam.CREATE_ASKED, Seam.CREATE_RECORDED, Seam.ANSWER_DUE, Seam.ANSWER_KEPT]


class KilledError(BaseException):
    """The process ends here."""


def create(by: Integration, key: str | None = "k", **wish: Any) -> HttpResponse:
    return call("POST", ORDERS, {**WISH, **wish}, by=by, key=key)


def test_a_repeated_request_has_the_first_ones_answer_byte_for_byte(
    sandbox: SandboxProcess, books: Integration
) -> None:
    first = create(books)
    sandbox.pay(answer(first)["id"], webhook="none")
    assert [(again.status_code, again.content) for again in (create(books), create(books))] == [
        (200, first.content)
    ] * 2
    assert MerchantOrder.objects.count() == len(sandbox.books("razorpay")["orders"]) == 1


def test_without_a_key_each_request_is_one_of_its_own(sandbox: SandboxProcess, books: Integration) -> None:
    assert len({answer(create(books, None))["id"] for _ in range(2)}) == 2


def test_a_key_stands_for_one_request(sandbox: SandboxProcess, books: Integration) -> None:
    create(books)
    before = written()
    error = refusal(create(books, amount=50001), 422)
    assert (error["code"], error["field"]) == ("BAD_REQUEST_ERROR", "Idempotency-Key")
    assert written() == before


def test_a_refused_request_leaves_its_key_free(sandbox: SandboxProcess, books: Integration) -> None:
    refusal(create(books, amount=1))
    assert answer(create(books))["amount"] == 50000


def test_editing_under_a_key_happens_once(sandbox: SandboxProcess, books: Integration) -> None:
    path = f"{ORDERS}/{order(books)['id']}"
    first = call("PATCH", path, {"notes": {"a": "1"}}, by=books, key="k")
    call("PATCH", path, {"notes": {"b": "2"}}, by=books)
    again = call("PATCH", path, {"notes": {"a": "1"}}, by=books, key="k")
    assert again.content == first.content
    assert answer(call("GET", path, by=books))["notes"] == {"b": "2"}


def test_parallel_requests_under_one_key_make_one_order(sandbox: SandboxProcess, books: Integration) -> None:
    answers = together([lambda: create(books)] * 6)

    done = [response for response in answers if response.status_code == 200]
    assert {response.status_code for response in answers} <= {200, 409}
    assert len({response.content for response in done}) == 1
    for response in answers:
        if response.status_code == 409:
            assert (refusal(response, 409)["field"], response["Retry-After"]) == ("Idempotency-Key", "1")
    assert MerchantOrder.objects.count() == len(sandbox.books("razorpay")["orders"]) == 1


def test_parallel_requests_without_a_key_make_as_many(sandbox: SandboxProcess, books: Integration) -> None:
    answers = together([lambda: create(books, None)] * 6)
    assert len({answer(response)["id"] for response in answers}) == 6
    assert MerchantOrder.objects.count() == len(sandbox.books("razorpay")["orders"]) == 6


@pytest.mark.parametrize("seam", SEAMS)
def test_an_order_that_was_cut_off_is_finished_by_its_retry(
    sandbox: SandboxProcess, books: Integration, seam: Seam
) -> None:
    with crashpoints.trapped(kill_at(seam)), pytest.raises(KilledError):
        create(books)

    first, second = (create(books) for _ in range(2))

    assert (first.status_code, second.content) == (200, first.content)
    [theirs] = sandbox.books("razorpay")["orders"]
    assert theirs["id"] == answer(first)["id"] == MerchantOrder.objects.get().reference
    sandbox.pay(theirs["id"])
    hear()
    assert row(answer(first)).status == "paid"
    assert_books_agree(sandbox)


@pytest.mark.parametrize("seam", SEAMS[:2])
def test_an_order_that_was_cut_off_and_is_never_asked_for_again_is_given_up(
    sandbox: SandboxProcess, books: Integration, seam: Seam
) -> None:
    with crashpoints.trapped(kill_at(seam)), pytest.raises(KilledError):
        create(books)

    chase(rounds=2)

    made = MerchantOrder.objects.get()
    assert (made.given_up, made.reference) == (True, None)
    assert answer(call("GET", ORDERS, by=books))["count"] == 0
    with clock.turned(timedelta(hours=4)):
        assert refusal(create(books), 502)["code"] == "GATEWAY_ERROR"
    assert MerchantOrder.objects.count() == 1
    assert PaymentRequest.objects.get().gateway_reference == (None if seam == Seam.CREATE_INTENDED else theirs(sandbox))
    assert_books_agree(sandbox)


def theirs(sandbox: SandboxProcess) -> str:
    [one] = sandbox.books("razorpay")["orders"]
    return str(one["id"])


@pytest.mark.parametrize("seam", [Seam.REFUND_INTENDED, Seam.REFUND_ASKED, Seam.REFUND_RECORDED, Seam.ANSWER_DUE])
def test_a_refund_that_was_cut_off_is_finished_by_its_retry(
    sandbox: SandboxProcess, books: Integration, seam: Seam
) -> None:
    payment = paid(books, sandbox)

    def ask() -> HttpResponse:
        return call("POST", f"/v1/payments/{payment}/refund", {"amount": 100, "receipt": "x"}, by=books, key="k")

    with crashpoints.trapped(kill_at(seam)), pytest.raises(KilledError):
        ask()
    first, second = ask(), ask()

    assert (answer(first)["amount"], answer(first)["receipt"], second.content) == (100, "x", first.content)
    assert Refund.objects.count() == MerchantRefund.objects.count() == 1
    assert_books_agree(sandbox)


@pytest.mark.parametrize("seam", [Seam.CAPTURE_INTENDED, Seam.CAPTURE_ASKED, Seam.ANSWER_DUE])
def test_a_capture_that_was_cut_off_is_finished_by_its_retry(
    sandbox: SandboxProcess, books: Integration, seam: Seam
) -> None:
    payment = paid(books, sandbox, outcome="authorize")

    def ask() -> HttpResponse:
        return call("POST", f"/v1/payments/{payment}/capture", {"amount": 50000}, by=books, key="k")

    with crashpoints.trapped(kill_at(seam)), pytest.raises(KilledError):
        ask()
    first, second = ask(), ask()

    assert (answer(first)["status"], second.content) == ("captured", first.content)
    assert_books_agree(sandbox)


def kill_at(seam: Seam) -> Any:
    def trap(passed: Seam) -> None:
        if passed == seam:
            raise KilledError

    return trap
