"""Orders made, listed, fetched and edited as the documents say; what is refused is in `test_refusals`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from kit import clock
from payments.merchants.models import CaptureBy, MerchantOrder
from payments.models import OwedTo, PaymentRequest
from tests import merchants
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work
from tests.merchants import ORDERS, Integration, answer, call, order, row

FORM = "application/x-www-form-urlencoded"


def create(by: Integration, body: bytes, content_type: str = "application/json") -> dict[str, Any]:
    """An order, made by a body as it travels."""
    return answer(call("POST", ORDERS, body, by=by, content_type=content_type))


def ids(by: Integration, **query: object) -> list[str]:
    """The orders that a list names."""
    page = answer(call("GET", f"{ORDERS}?{urlencode(query)}", by=by))
    assert (page["entity"], page["count"]) == ("collection", len(page["items"]))
    return [item["id"] for item in page["items"]]


def test_an_order_is_the_gateways_and_is_to_be_paid_there(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books, 50000, receipt="r-1", notes={"b": "2", "a": "1"})

    [theirs] = sandbox.books("razorpay")["orders"]
    assert (theirs["id"], theirs["amount"], theirs["currency"]) == (made["id"], 50000, "INR")
    request = PaymentRequest.objects.get()
    assert (request.gateway_reference, request.state, request.owed_to) == (made["id"], "open", OwedTo.MERCHANT_FUNDS)
    assert (request.subject_id, request.hold) == (row(made).pk, False)
    assert row(made).key_id == books.key.pk
    assert [*made["notes"]] == ["b", "a"]
    assert made["created_at"] == int(row(made).created_at.timestamp())


PHP = b"receipt=123&amount=100&currency=INR&notes%5Bkey1%5D=value3&notes%5Bkey2%5D=value2"
CREATED: list[tuple[str, bytes, str, dict[str, Any]]] = [
    ("the least", b'{"amount":100,"currency":"INR"}', "application/json", {"amount": 100, "receipt": None}),
    ("the most", b'{"amount":92233720368547758,"currency":"INR"}', "application/json", {"amount": 92233720368547758}),
    ("with blanks", b' {"amount" : 100, "currency":"INR"} \n', "application/json", {"amount": 100}),
    ("a charset", b'{"amount":100,"currency":"INR"}', "application/json; charset=utf-8", {"amount": 100}),
    ("JSON that is called a form", b'{"amount":100,"currency":"INR"}', FORM, {"amount": 100}),
    ("a vendor's JSON", b'{"amount":100,"currency":"INR"}', "application/vnd.x+json", {"amount": 100}),
    ("no notes", b'{"amount":100,"currency":"INR","notes":[]}', "application/json", {"notes": []}),
    ("empty notes", b'{"amount":100,"currency":"INR","notes":{}}', "application/json", {"notes": []}),
    ("null notes", b'{"amount":100,"currency":"INR","notes":null}', "application/json", {"notes": []}),
    ("null receipt", b'{"amount":100,"currency":"INR","receipt":null}', "application/json", {"receipt": None}),
    ("no receipt", b'{"amount":100,"currency":"INR","receipt":""}', "application/json", {"receipt": ""}),
    (
        "notes of every type",
        b'{"amount":100,"currency":"INR","notes":{"n":1,"d":1.50,"b":true,"z":null,"s":"\xe2\x80\xa6"}}',
        "application/json",
        {"notes": {"n": 1, "d": 1.5, "b": True, "z": None, "s": "…"}},
    ),
    (
        "the longest texts",
        json.dumps(
            {
                "amount": 100,
                "currency": "INR",
                "receipt": "é" * 40,
                "notes": {f"{n:x}" * 256: "é" * 256 for n in range(15)},
            }
        ).encode(),
        "application/json",
        {"receipt": "é" * 40, "notes": {f"{n:x}" * 256: "é" * 256 for n in range(15)}},
    ),
    ("PHP's form", PHP, FORM, {"amount": 100, "receipt": "123", "notes": {"key1": "value3", "key2": "value2"}}),
    ("a form with a list", b"amount=100&currency=INR&notes[]=a&notes[]=b", FORM, {"notes": {"0": "a", "1": "b"}}),
    ("a form with empty notes", b"amount=100&currency=INR&notes=", FORM, {"notes": []}),
    ("a form with a flag", b"amount=100&currency=INR&payment_capture=1", FORM, {"amount": 100}),
    ("a form with leading zeros", b"amount=000100&currency=INR", FORM, {"amount": 100}),
    ("a form in UTF-8", b"amount=100&currency=INR&receipt=%C3%A9+1", FORM, {"receipt": "é 1"}),
]


@pytest.mark.parametrize(
    ("body", "content_type", "said"), [case[1:] for case in CREATED], ids=[case[0] for case in CREATED]
)
def test_bodies_that_create(
    sandbox: SandboxProcess, books: Integration, body: bytes, content_type: str, said: dict[str, Any]
) -> None:
    made = create(books, body, content_type)

    assert {name: made[name] for name in said} == said
    assert answer(call("GET", f"{ORDERS}/{made['id']}", by=books)) == made
    assert [one["amount"] for one in sandbox.books("razorpay")["orders"]] == [made["amount"]]


@pytest.mark.parametrize(
    ("said", "capture"),
    [
        ({}, CaptureBy.CHECKOUT),
        ({"payment_capture": None}, CaptureBy.CHECKOUT),
        ({"payment_capture": 1}, CaptureBy.US),
        ({"payment_capture": True}, CaptureBy.US),
        ({"payment_capture": "1"}, CaptureBy.US),
        ({"payment_capture": 0}, CaptureBy.MERCHANT),
        ({"payment_capture": False}, CaptureBy.MERCHANT),
        ({"payment_capture": "0"}, CaptureBy.MERCHANT),
    ],
)
def test_payment_capture_says_who_captures(
    sandbox: SandboxProcess, books: Integration, said: dict[str, Any], capture: CaptureBy
) -> None:
    assert row(order(books, **said)).capture == capture
    assert PaymentRequest.objects.get().hold == (capture == CaptureBy.MERCHANT)


def test_two_orders_may_have_one_receipt(sandbox: SandboxProcess, books: Integration) -> None:
    first, second = (order(books, receipt="same") for _ in range(2))
    assert ids(books, receipt="same") == [second["id"], first["id"]]


def test_a_list_has_ten_orders_unless_told_otherwise_and_the_newest_first(
    sandbox: SandboxProcess, books: Integration
) -> None:
    newest = [order(books)["id"] for _ in range(12)][::-1]
    assert ids(books) == newest[:10]
    assert ids(books, count=100) == newest
    assert ids(books, count=1) == newest[:1]
    assert ids(books, skip=10) == newest[10:]
    assert ids(books, count=3, skip=2) == newest[2:5]
    assert ids(books, skip=12) == ids(books, skip=10**30) == []


def test_from_and_to_include_the_seconds_that_they_name(sandbox: SandboxProcess, books: Integration) -> None:
    early = order(books)
    with clock.turned(timedelta(hours=1)):
        late = order(books)
    a, b = early["created_at"], late["created_at"]

    assert ids(books, **{"from": a, "to": b}) == [late["id"], early["id"]]
    assert ids(books, **{"from": a, "to": a}) == [early["id"]]
    assert ids(books, **{"from": b}) == [late["id"]]
    assert ids(books, to=b - 1) == [early["id"]]
    assert ids(books, **{"from": a + 1, "to": b - 1}) == ids(books, **{"from": b, "to": a}) == []
    assert ids(books, **{"from": 0, "to": 10**17}) == [late["id"], early["id"]]
    assert ids(books, **{"from": 10**17}) == []


@pytest.mark.parametrize("yes", ["1", "true", "True", "TRUE"])
@pytest.mark.parametrize("no", ["0", "false", "False", "FALSE"])
def test_authorized_orders_have_money_that_waits(
    sandbox: SandboxProcess, books: Integration, yes: str, no: str
) -> None:
    waits, captured, untouched = (order(books) for _ in range(3))
    sandbox.pay(waits["id"], "authorize")
    sandbox.pay(captured["id"])
    deliver()
    work()

    assert ids(books, authorized=yes) == [waits["id"]]
    assert ids(books, authorized=no) == [untouched["id"], captured["id"]]


def test_filters_narrow_each_other(sandbox: SandboxProcess, books: Integration) -> None:
    wanted, other, plain = (order(books, receipt=receipt) for receipt in ("r", "s", "r"))
    for made in (wanted, other):
        sandbox.pay(made["id"], "authorize")
    deliver()
    work()

    assert ids(books, receipt="r", authorized=1) == [wanted["id"]]
    assert ids(books, receipt="r", authorized=0) == [plain["id"]]
    assert ids(books, receipt="r", count=1, skip=1) == [wanted["id"]]
    assert ids(books, receipt="R") == ids(books, receipt="") == ids(books, receipt="r ") == []
    assert ids(books, receipt="r", authorized=1, to=wanted["created_at"] - 1) == []


def test_editing_replaces_the_notes_and_nothing_else(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books, receipt="r", notes={"a": "1", "b": "2"})
    path = f"{ORDERS}/{made['id']}"

    assert answer(call("PATCH", path, {"notes": {"c": "3"}}, by=books)) == {**made, "notes": {"c": "3"}}
    assert answer(call("GET", path, by=books)) == {**made, "notes": {"c": "3"}}
    form = b"notes[key]=Tea%2C+Earl+Grey&notes[more]=decaf"
    edited = answer(call("PATCH", path, form, by=books, content_type=FORM))
    assert edited["notes"] == {"key": "Tea, Earl Grey", "more": "decaf"}
    for nothing in (b'{"notes": {}}', b'{"notes": []}'):
        assert answer(call("PATCH", path, nothing, by=books)) == {**made, "notes": []}


def test_a_trailing_slash_changes_nothing_and_head_is_answered(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    for path in (f"{ORDERS}/{made['id']}", f"{ORDERS}/{made['id']}/payments", ORDERS):
        plain = call("GET", path, by=books)
        assert call("GET", f"{path}/", by=books).content == plain.content
        head = call("HEAD", path, by=books)
        assert (head.status_code, head.content) == (200, b"")
    assert MerchantOrder.objects.count() == 1


def test_every_try_is_listed_the_failed_ones_too(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    failed = sandbox.pay(made["id"], "fail")
    paid = sandbox.pay(made["id"], method="upi")
    deliver()
    work()

    page = answer(call("GET", f"{ORDERS}/{made['id']}/payments", by=books))

    assert (page["entity"], page["count"]) == ("collection", 2)
    assert [(item["id"], item["status"], item["captured"]) for item in page["items"]] == [
        (paid["payment"], "captured", True),
        (failed["payment"], "failed", False),
    ]
    assert [item["method"] for item in page["items"]] == ["upi", "card"]
    assert page["items"][1]["error_code"] == "BAD_REQUEST_ERROR"
    assert page["items"][1]["fee"] is None
    after = answer(call("GET", f"{ORDERS}/{made['id']}", by=books))
    assert (after["status"], after["attempts"], after["amount_paid"], after["amount_due"]) == ("paid", 2, 50000, 0)


def test_an_order_goes_from_created_by_attempted_to_paid(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)

    def stands() -> tuple[str, int, int, int]:
        deliver()
        work()
        now = answer(call("GET", f"{ORDERS}/{made['id']}", by=books))
        return now["status"], now["attempts"], now["amount_paid"], now["amount_due"]

    assert stands() == ("created", 0, 0, 50000)
    sandbox.pay(made["id"], "fail")
    assert stands() == ("attempted", 1, 0, 50000)
    payment = sandbox.pay(made["id"], "authorize")["payment"]
    assert stands() == ("attempted", 2, 0, 50000)
    call("POST", f"/v1/payments/{payment}/capture", {"amount": 50000, "currency": "INR"}, by=books)
    assert stands() == ("paid", 2, 50000, 0)
    call("POST", f"/v1/payments/{payment}/refund", {}, by=books)
    assert stands() == ("paid", 2, 50000, 0)


def test_currencies_are_a_setting(sandbox: SandboxProcess, books: Integration, settings: Any) -> None:
    settings.MERCHANT_CURRENCIES = ["INR", "USD", "KWD"]
    assert order(books, 1, currency="USD")["amount"] == 1
    assert order(books, 1230, currency="KWD")["amount_due"] == 1230
    refused = merchants.refusal(call("POST", ORDERS, {"amount": 1234, "currency": "KWD"}, by=books))
    assert (refused["field"], refused["description"]) == ("amount", "The last digit of an amount in KWD must be 0.")
