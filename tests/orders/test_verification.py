"""POST /api/v1/payments/razorpay/verify/: the signature is the capability, the gateway the judge, the answer honest."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from kit import clock
from orders import actors, cancellation
from payments.merchants import keys
from payments.models import PaymentAttempt
from tests import merchants
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, settle_down
from tests.merchants import Integration, enrol, hear, owed
from tests.shop import Shop, Shopper, written

VERIFY = "/api/v1/payments/razorpay/verify/"


def sign(reference: str, payment: str, secret: str) -> dict[str, str]:
    """What a checkout hands out."""
    signature = hmac.new(secret.encode(), f"{reference}|{payment}".encode(), hashlib.sha256).hexdigest()
    return {"razorpay_order_id": reference, "razorpay_payment_id": payment, "razorpay_signature": signature}


def verify(body: object) -> HttpResponse:
    """As a payer's browser does, which is signed in nowhere."""
    response: HttpResponse = Client().post(VERIFY, json.dumps(body), content_type="application/json")  # type: ignore[assignment]
    return response


def status(response: HttpResponse, code: int = 200) -> str:
    """What is told, and that nothing else is."""
    body = json.loads(response.content)
    assert (response.status_code, [*body]) == (code, ["status"]), response.content
    assert response["Cache-Control"] == "no-store"
    return str(body["status"])


def standing(reference: str) -> str:
    """What may be asked meanwhile."""
    return status(Client().get(f"/api/v1/payments/razorpay/{reference}/"))  # type: ignore[arg-type]


def refused(body: object) -> None:
    """In the very words in which an unknown order is refused; nothing was written."""
    before = written()
    response = verify(body)
    error = json.loads(response.content)["errors"][0]
    assert (response.status_code, error["code"], error["attr"]) == (400, "signature_invalid", "razorpay_signature")
    assert error["detail"] == "The checkout has not signed this for this order."
    assert written() == before


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant with a key."""
    return enrol()


def handed_out(told: dict[str, Any]) -> dict[str, str]:
    """What the sandbox's checkout handed to the browser."""
    return {name: told[name] for name in ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")}


def test_an_order_of_the_shop_is_paid_by_it(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, reference = buy(ada, shop, "razorpay")
    assert standing(reference) == "unpaid"
    told = handed_out(sandbox.pay(reference, webhook="none"))
    assert standing(reference) == "unpaid"

    assert status(verify(told)) == "paid"

    assert (now(order).status, standing(reference)) == ("paid", "paid")
    before = written()
    assert status(verify(told)) == "paid"
    assert written() == before
    assert_books_agree(sandbox)


def test_a_merchants_order_is_paid_by_it(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    assert told == sign(made["id"], told["razorpay_payment_id"], books.secret)

    assert status(verify(told)) == "paid"

    assert (merchants.row(made).status, owed(books)) == ("paid", 50000)
    assert_books_agree(sandbox)


def test_whose_secrets_sign(sandbox: SandboxProcess, books: Integration, shop: Shop, ada: Shopper) -> None:
    ours = settings.RAZORPAY_KEY_SECRET
    made, (_, shops) = merchants.order(books), buy(ada, shop, "razorpay")
    other = enrol("Tea House")
    replaced = keys.replace(books.key.pk)
    assert replaced is not None
    payments = {reference: sandbox.pay(reference, webhook="none")["payment"] for reference in (made["id"], shops)}

    for secret in (ours, books.secret, replaced.secret):
        assert status(verify(sign(made["id"], payments[made["id"]], secret))) == "paid"
    refused(sign(made["id"], payments[made["id"]], other.secret))
    assert status(verify(sign(shops, payments[shops], ours))) == "paid"
    for secret in (books.secret, other.secret, "", "guessed"):
        refused(sign(shops, payments[shops], secret))
    with clock.turned(keys.OVERLAP + timedelta(seconds=1)):
        refused(sign(made["id"], payments[made["id"]], books.secret))
    keys.revoke(replaced.key.pk)
    refused(sign(made["id"], payments[made["id"]], replaced.secret))


def test_the_signature_of_a_cheap_order_buys_no_dear_one(sandbox: SandboxProcess, books: Integration) -> None:
    cheap, dear = merchants.order(books, 100), merchants.order(books, 10_000_000)
    told = handed_out(sandbox.pay(cheap["id"], webhook="none"))

    refused({**told, "razorpay_order_id": dear["id"]})

    assert merchants.row(dear).status == "created"
    assert status(verify(told)) == "paid"
    # Signed for the dear one, by whoever has a secret, the cheap one's payment still pays for nothing of it.
    forged = sign(dear["id"], told["razorpay_payment_id"], books.secret)
    assert status(verify(forged), 202) == "checking"
    assert (merchants.row(dear).status, owed(books)) == ("created", 100)


def test_forgeries_and_strangers_are_refused_alike(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    signature = told["razorpay_signature"]
    for change in (
        {"razorpay_signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")},
        {"razorpay_signature": signature.upper()},
        {"razorpay_signature": signature + "0"},
        {"razorpay_signature": "é"},
        {"razorpay_signature": "x"},
        {"razorpay_payment_id": "pay_00000000000000"},
        {"razorpay_payment_id": "x"},
        {"razorpay_order_id": "order_00000000000000"},
        {"razorpay_order_id": "x"},
        sign("order_00000000000000", told["razorpay_payment_id"], books.secret),
        {"razorpay_order_id": f"{made['id']}|{told['razorpay_payment_id']}", "razorpay_payment_id": "y"},
    ):
        refused({**told, **change})
    assert PaymentAttempt.objects.count() == 0


@pytest.mark.parametrize("name", ["razorpay_order_id", "razorpay_payment_id", "razorpay_signature"])
@pytest.mark.parametrize("value", [None, "", 1, True, [], {}, "x" * 5000, "a\0b"])
def test_what_is_no_answer_of_a_checkout_is_refused(db: None, name: str, value: object) -> None:
    before = written()
    told = sign("order_00000000000000", "pay_00000000000000", "x")
    response = verify({**told, name: value})
    assert response.status_code == 400
    del told[name]
    assert verify(told).status_code == 400
    assert verify({**sign("order_0", "pay_0", "x"), "more": 1}).status_code == 400
    assert written() == before


@pytest.mark.parametrize("hostile", [b"", b"[]", b"{", b"null", b'{"razorpay_order_id":"a","razorpay_order_id":"b"}'])
def test_bodies_that_are_none(db: None, hostile: bytes) -> None:
    assert Client().post(VERIFY, hostile, content_type="application/json").status_code == 400


@pytest.mark.parametrize(("outcome", "verdict"), [("fail", "failed"), ("authorize", "authorized"), ("succeed", "paid")])
def test_how_it_stands(sandbox: SandboxProcess, books: Integration, outcome: str, verdict: str) -> None:
    made = merchants.order(books)
    payment = sandbox.pay(made["id"], outcome, webhook="none")["payment"]

    assert status(verify(sign(made["id"], payment, books.secret))) == verdict

    assert standing(made["id"]) == verdict


def test_an_authorized_payment_of_the_shop_is_captured_by_it(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, reference = buy(ada, shop, "razorpay")
    told = sandbox.pay(reference, "authorize", webhook="none")
    assert status(verify(handed_out(told))) == "paid"
    assert now(order).status == "paid"


@pytest.mark.parametrize("fault", ["error_500", "timeout_before", "reset", "rate_limit", "html_502"])
def test_while_the_gateway_does_not_answer_it_is_being_checked(
    sandbox: SandboxProcess, books: Integration, fault: str
) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    before = written()
    sandbox.arm("razorpay", "retrieve", fault)

    response = verify(told)

    assert (status(response, 202), response["Retry-After"]) == ("checking", "2")
    assert written() == before
    assert status(verify(told)) == "paid"


def test_what_is_certain_stays_so_while_the_gateway_is_away(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"]))
    hear()
    sandbox.arm("razorpay", "retrieve", "error_500")
    assert status(verify(told)) == "paid"


def test_a_payment_of_the_order_that_the_gateway_does_not_list_yet_is_being_checked(
    sandbox: SandboxProcess, books: Integration
) -> None:
    made = merchants.order(books)
    assert status(verify(sign(made["id"], "pay_00000000000000", books.secret)), 202) == "checking"
    assert standing(made["id"]) == "unpaid"


def test_an_answer_that_is_not_final_is_not_kept_under_a_key(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    sandbox.arm("razorpay", "retrieve", "error_500")

    def ask() -> HttpResponse:
        headers = {"Idempotency-Key": "k"}
        response: HttpResponse = Client().post(VERIFY, json.dumps(told), "application/json", headers=headers)  # type: ignore[assignment]
        return response

    assert status(ask(), 202) == "checking"
    assert status(ask()) == "paid"
    assert status(ask()) == "paid"


def test_money_that_goes_back_is_not_called_paid(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, reference = buy(ada, shop, "razorpay")
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    told = sandbox.pay(reference, webhook="none")

    assert status(verify(handed_out(told))) == "refunded"

    settle_down()
    assert (now(order).status, standing(reference)) == ("cancelled", "refunded")
    assert_books_agree(sandbox)


def test_what_is_unknown_or_was_never_shown_stands_nowhere(sandbox: SandboxProcess, books: Integration) -> None:
    sandbox.arm("razorpay", "create", "timeout_after")
    merchants.call("POST", "/v1/orders", {"amount": 50000, "currency": "INR"}, by=books)
    [theirs] = sandbox.books("razorpay")["orders"]
    settle_down()
    for name in (theirs["id"], "order_00000000000000", "x", "order_%00"):
        response = Client().get(f"/api/v1/payments/razorpay/{name}/")
        assert (response.status_code, json.loads(response.content)["errors"][0]["code"]) == (404, "not_found")
    refused(sign(theirs["id"], "pay_00000000000000", books.secret))
