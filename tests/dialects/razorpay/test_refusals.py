"""What is refused, in which words, row by row; never is anything written for it. No gateway is running here: whatever
reached it would be answered with 502.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings

from tests.merchants import ORDERS, Integration, answer, call, refusal
from tests.shop import written

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NOTES = "Number of fields in notes should be less than or equal to 15"
LESS = "Order amount less than minimum amount allowed"
MORE = "Amount exceeds maximum amount allowed."
WHOLE = "The amount must be an integer."
INVALID = {
    "code": "BAD_REQUEST_ERROR",
    "source": "business",
    "step": "payment_initiation",
    "reason": "input_validation_failed",
    "metadata": {},
}


def _each(field: str, values: list[Any], text: str) -> list[tuple[str, Any, str]]:
    return [(field, value, text) for value in values]


WRONG: list[tuple[str, Any, str]] = [
    ("amount", None, "The amount field is required."),
    *_each("amount", [99, 1, 0, -1, -100, -(2**63)], LESS),
    *_each("amount", [92233720368547759, 10**18, 2**63 - 1], MORE),
    *_each(
        "amount", ["100", "", "abc", True, False, [], {}, [100], {"value": 100}, "\N{FULLWIDTH DIGIT ONE}00"], WHOLE
    ),
    *_each("currency", [None, ""], "The currency field is required."),
    *_each("currency", [1, True, [], {}, ["INR"]], "The currency must be a string."),
    *_each("currency", ["USD", "inr", "XXX", "INR ", "RUPEE", "x" * 5000], "Currency is not supported"),
    *_each("receipt", [1, 1.5, True, [], {}], "The receipt must be a string."),
    *_each("receipt", ["x" * 41, "é" * 5000], "The receipt may not be greater than 40 characters."),
    *_each("notes", ["text", "", 1, True, ["a"], [[]]], "The notes must be an object."),
    ("notes", {f"k{number}": "v" for number in range(16)}, NOTES),
    ("notes", {"k": "v" * 257}, "The notes.k may not be greater than 256 characters."),
    ("notes", {"k" * 257: "v"}, "The name of a note may not be greater than 256 characters."),
    *_each("notes", [{"k": {}}, {"k": []}, {"k": {"a": "b"}}], "The notes.k must be a string."),
    *_each(
        "payment_capture",
        [2, -1, "yes", "", [], {}, 1.0, "01"],
        "The payment capture field must be true or false.",
    ),
]


@pytest.mark.parametrize(("field", "value", "text"), WRONG, ids=[f"{row[0]}={str(row[1])[:20]}" for row in WRONG])
def test_a_field_that_is_wrong_is_named(books: Integration, field: str, value: Any, text: str) -> None:
    body = {"amount": 50000, "currency": "INR", field: value}
    if value is None:
        del body[field]
    before = written()
    assert refusal(call("POST", ORDERS, body, by=books)) == {**INVALID, "description": text, "field": field}
    assert written() == before


def test_floats_are_no_amounts_however_whole(books: Integration) -> None:
    before = written()
    for amount in (b"100.0", b"100.00", b"1e2", b"1E+2", b"99.5", b"0.1e3", b"-0.0"):
        error = refusal(call("POST", ORDERS, b'{"amount":' + amount + b',"currency":"INR"}', by=books))
        assert error == {**INVALID, "description": WHOLE, "field": "amount"}
    assert written() == before


FORMS: list[tuple[bytes, str, str | None]] = [
    (b"amount=1e2&currency=INR", WHOLE, "amount"),
    (b"amount=100.0&currency=INR", WHOLE, "amount"),
    (b"amount=+100&currency=INR", WHOLE, "amount"),  # a plus is a blank in a form
    (b"amount=%2B100&currency=INR", WHOLE, "amount"),
    (b"amount=0x64&currency=INR", WHOLE, "amount"),
    (b"amount=1_00&currency=INR", WHOLE, "amount"),
    (b"amount=&currency=INR", WHOLE, "amount"),
    (b"amount=%D9%A1%D9%A0%D9%A0&currency=INR", WHOLE, "amount"),  # Arabic digits
    (b"amount=%EF%BC%91%EF%BC%90%EF%BC%90&currency=INR", WHOLE, "amount"),  # fullwidth digits
    (b"amount=%C2%B2%C2%B2%C2%B2&currency=INR", WHOLE, "amount"),  # superscripts
    (b"amount[]=100&currency=INR", WHOLE, "amount"),
    (b"amount[x]=100&currency=INR", WHOLE, "amount"),
    (b"amount=-100&currency=INR", LESS, "amount"),
    (b"amount=99&currency=INR", LESS, "amount"),
    (b"amount=" + b"9" * 30 + b"&currency=INR", MORE, "amount"),
    (b"amount=" + b"9" * 5000 + b"&currency=INR", MORE, "amount"),
    (b"amount=100&amount=200&currency=INR", "The amount field is sent twice.", "amount"),
    (b"amount=100&currency=INR&notes[a]=1&notes[a]=2", "The notes[a] field is sent twice.", "notes[a]"),
    (b"amount=100&currency=INR&notes=x&notes[a]=2", "The notes[a] field is sent twice.", "notes[a]"),
    (b"amount=100&currency=INR&notes[a]=1&notes=2", "The notes field is sent twice.", "notes"),
    (b"amount=100&currency=INR&notes[a][b]=1", "A field is not named as forms name them.", "notes[a][b]"),
    (b"amount=100&currency=INR&notes[a=1", "A field is not named as forms name them.", "notes[a"),
    (b"amount=100&currency=INR&notes=text", "The notes must be an object.", "notes"),
    (
        b"amount=100&currency=INR&payment_capture=2",
        "The payment capture field must be true or false.",
        "payment_capture",
    ),
    (b"amount=100&currency=INR&receipt=%00", "A text contains a NUL character.", None),
    (
        b"amount=100&currency=INR&receipt=%FF",
        "The fields are not form-encoded UTF-8, or there are too many of them.",
        None,
    ),
    (
        b"amount=100&currency=INR&receipt=%ED%A0%80",
        "The fields are not form-encoded UTF-8, or there are too many of them.",
        None,
    ),
    (
        b"&".join(b"notes[%d]=x" % number for number in range(201)),
        "The fields are not form-encoded UTF-8, or there are too many of them.",
        None,
    ),
]


@pytest.mark.parametrize(("body", "text", "field"), FORMS, ids=[row[0].decode()[:40] for row in FORMS])
def test_forms_that_are_wrong(books: Integration, body: bytes, text: str, field: str | None) -> None:
    before = written()
    error = refusal(call("POST", ORDERS, body, by=books, content_type=FORM))
    assert (error["description"], error.get("field")) == (text, field)
    assert written() == before


MALFORMED: list[tuple[bytes, str]] = [
    (b"{", "The body is not JSON: Expecting property name enclosed in double quotes at position 1."),
    (b"{} {}", "The body is not JSON: Extra data at position 3."),
    (b'{"amount": NaN}', "NaN is not JSON."),
    (b'{"amount": Infinity}', "Infinity is not JSON."),
    (b'{"amount": 9223372036854775808}', "A number does not fit into 64 bits."),
    (b'{"amount": 1e400}', "A number does not fit into 64 bits."),
    (b'{"amount": ' + b"9" * 5000 + b"}", "A number does not fit into 64 bits."),
    (b'{"receipt": "a\\u0000b"}', "A text contains a NUL character."),
    (b'{"notes": {"a\\u0000": "b"}}', "A text contains a NUL character."),
    (b'{"receipt": "\\ud800"}', "A text contains a lone surrogate."),
    (b'{"receipt": "\xff"}', "The body is not UTF-8."),
    (b"[" * 100_000, "The JSON is nested deeper than 32 levels."),
    (b'{"amount": 100, "amount": 200}', "An object has the same key twice."),
    (b'{"notes": {"a": "1", "a": "2"}}', "An object has the same key twice."),
    (b'"order"', "The request body must be a JSON object."),
    (b"100", "The request body must be a JSON object."),
    (b"true", "The request body must be a JSON object."),
    (b'[{"amount":100}]', "The request body must be a JSON object."),
]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(("body", "text"), MALFORMED, ids=[str(row[0][:30]) for row in MALFORMED])
def test_json_that_is_none(books: Integration, method: str, body: bytes, text: str) -> None:
    before = written()
    path = ORDERS if method == "POST" else f"{ORDERS}/order_00000000000000"
    assert refusal(call(method, path, body, by=books)) == {**INVALID, "description": text}
    assert written() == before


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]"])
def test_a_body_that_says_nothing_lacks_what_is_required(books: Integration, body: bytes) -> None:
    assert refusal(call("POST", ORDERS, body, by=books))["description"] == "The amount field is required."
    edit = call("PATCH", f"{ORDERS}/order_00000000000000", body, by=books)
    assert refusal(edit) == {**INVALID, "description": "The notes field is required.", "field": "notes"}


EXTRA: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", ORDERS, {"amount": 100, "currency": "INR", "offer_id": "x"}, "offer_id"),
    ("POST", ORDERS, {"amount": 100, "currency": "INR", "partial_payment": True}, "partial_payment"),
    ("POST", ORDERS, {"amount": 100, "currency": "INR", "Amount": 100}, "Amount"),
    ("PATCH", f"{ORDERS}/order_00000000000000", {"notes": {}, "amount": 100}, "amount"),
    ("PATCH", f"{ORDERS}/order_00000000000000", {"receipt": "x"}, "receipt"),
    ("POST", "/v1/payments/pay_00000000000000/capture", {"amount": 100, "currency": "INR", "notes": {}}, "notes"),
    ("POST", "/v1/payments/pay_00000000000000/refund", {"reverse_all": 1}, "reverse_all"),
    ("GET", f"{ORDERS}?expand[]=payments", {}, "expand"),
    ("GET", f"{ORDERS}?Count=1", {}, "Count"),
    ("GET", f"{ORDERS}/order_00000000000000?count=1", {}, "count"),
    ("GET", f"{ORDERS}/order_00000000000000/payments?count=1", {}, "count"),
]


@pytest.mark.parametrize(("method", "path", "body", "name"), EXTRA)
def test_what_is_not_known_is_refused(
    books: Integration, method: str, path: str, body: dict[str, Any], name: str
) -> None:
    before = written()
    text = f"{name} is/are not required and should not be sent"
    expected = {**INVALID, "description": text, "reason": "extra_field_sent", "field": name}
    assert refusal(call(method, path, body or None, by=books)) == expected
    assert written() == before


QUERIES: list[tuple[str, str, str]] = [
    *_each("count", ["0", "00"], "The count must be at least 1."),
    *_each("count", ["101", "9" * 40], "The count may not be greater than 100."),
    *_each("count", ["", "-1", "ten", "1.0", "1e1", " 1", "\N{FULLWIDTH DIGIT ONE}"], "The count must be an integer."),
    *_each("skip", ["", "-1", "a", "1.5"], "The skip must be an integer."),
    *_each("from", ["", "-1", "yesterday", "2026-01-01"], "The from must be an integer."),
    *_each("to", ["", "-1", "now", "1.0"], "The to must be an integer."),
    *_each("authorized", ["", "2", "yes", "on", "-1"], "The authorized field must be true or false."),
]


@pytest.mark.parametrize(("field", "value", "text"), QUERIES)
def test_queries_that_are_wrong(books: Integration, field: str, value: str, text: str) -> None:
    error = refusal(call("GET", f"{ORDERS}?{urlencode({field: value})}", by=books))
    assert error == {**INVALID, "description": text, "field": field}


@pytest.mark.parametrize("query", ["count=1&count=2", "receipt=%00", "receipt=%ff", "count[]=1"])
def test_queries_that_cannot_be_read(books: Integration, query: str) -> None:
    assert refusal(call("GET", f"{ORDERS}?{query}", by=books))["reason"] == "input_validation_failed"


NO_IDS = [
    "order_00000000000000",
    "order_",
    "order",
    "x",
    "0",
    "order_" + "0" * 5000,
    "order_0000000000000\N{FULLWIDTH DIGIT ONE}",
    "pay_00000000000000",
    "order_' OR 1=1--",
    "order_\0",
    "\N{PILE OF POO}",
]


@pytest.mark.parametrize("name", NO_IDS, ids=range(len(NO_IDS)))
def test_an_id_that_is_nothing_is_unknown(books: Integration, name: str) -> None:
    before = written()
    expected = {**INVALID, "description": "The id provided does not exist", "field": "id"}
    path = f"{ORDERS}/{quote(name, safe='%')}"
    assert refusal(call("GET", path, by=books)) == expected
    assert refusal(call("GET", f"{path}/payments", by=books)) == expected
    assert refusal(call("PATCH", path, {"notes": {"a": "b"}}, by=books)) == expected
    if name != "pay_00000000000000":
        payment = f"/v1/payments/{quote(name, safe='%')}"
        assert refusal(call("GET", payment, by=books)) == expected
        assert refusal(call("GET", f"{payment}/refunds", by=books)) == expected
        assert refusal(call("POST", f"{payment}/capture", {"amount": 1, "currency": "INR"}, by=books))["field"] == "id"
        assert refusal(call("POST", f"{payment}/refund", {}, by=books))["field"] == "id"
    assert refusal(call("GET", f"/v1/refunds/{quote(name, safe='%')}", by=books)) == expected
    assert written() == before


NOWHERE = [
    "/v1/orders/..%2f/payments",
    "/v1",
    "/v1/",
    "/v1/customers",
    "/v1/order",
    "/v1/orders/x/y",
    "/v1/orders//payments",
    "/v1//orders",
    "/v1/x/",
]


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_leads_nowhere_says_so_in_the_envelope(books: Integration, method: str, path: str) -> None:
    error = refusal(call(method, path, by=books), 404)
    text = "The requested URL was not found on the server."
    assert (error["code"], error["description"]) == ("BAD_REQUEST_ERROR", text)


METHODS = [
    (ORDERS, "GET, HEAD, POST"),
    (f"{ORDERS}/order_00000000000000", "GET, HEAD, PATCH"),
    (f"{ORDERS}/order_00000000000000/payments", "GET, HEAD"),
    ("/v1/payments/pay_00000000000000", "GET, HEAD"),
    ("/v1/payments/pay_00000000000000/capture", "POST"),
    ("/v1/payments/pay_00000000000000/refund", "POST"),
    ("/v1/payments/pay_00000000000000/refunds", "GET, HEAD"),
    ("/v1/refunds", "POST"),
    ("/v1/refunds/rfnd_00000000000000", "GET, HEAD"),
]


@pytest.mark.parametrize(("path", "allowed"), METHODS)
def test_other_methods_are_not_allowed(books: Integration, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allowed.split(", ")):
        response = call(method, path, by=books)
        assert (refusal(response, 405)["code"], response["Allow"]) == ("BAD_REQUEST_ERROR", allowed)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/xml", "multipart/form-data; boundary=x", "application/octet-stream", "nonsense"],
)
def test_bodies_of_other_types_are_refused(books: Integration, content_type: str) -> None:
    before = written()
    body = b'{"amount":100,"currency":"INR"}'
    error = refusal(call("POST", ORDERS, body, by=books, content_type=content_type), 415)
    assert error["description"] == "The request body must be JSON or form-encoded."
    assert written() == before


@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain"])
def test_a_body_that_is_too_large_is_not_read(books: Integration, content_type: str) -> None:
    before = written()
    body = b"x" * (settings.MAX_BODY_BYTES + 1)
    error = refusal(call("POST", ORDERS, body, by=books, content_type=content_type), 413)
    assert error["code"] == "BAD_REQUEST_ERROR"
    assert written() == before


CREDENTIALS = [
    "",
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic cnpwX3Rlc3Q=",  # no colon
    "Basic Og==",  # nothing but a colon
    "Basic /////w==",  # not UTF-8
    "Basic AAAA",
    "Bearer x",
    "Token x",
    "Basic " + "QUFB" * 2000,
    "Basic cnpwX3Rlc3RfMDAwMDAwMDAwMDAwMDA6eA==",  # an unknown key
    "Basic AHg6AHg=",  # NULs
]


@pytest.mark.parametrize("sent", CREDENTIALS, ids=range(len(CREDENTIALS)))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_keys_or_wrong_ones_are_refused_before_anything_is_read(db: None, method: str, sent: str) -> None:
    before = written()
    headers = {"Authorization": sent} if sent else {}
    response = call(method, ORDERS, b"{" if method == "POST" else None, by=None, headers=headers)
    error = refusal(response, 401)
    assert (error["code"], error["description"]) == ("BAD_REQUEST_ERROR", "Authentication failed")
    assert response["WWW-Authenticate"].startswith("Basic realm=")
    assert written() == before


def test_a_keys_secret_is_compared_to_its_last_letter(books: Integration) -> None:
    key_id, secret = books.auth
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "", secret + "\0", f"{secret}:"):
        integration = type(books)(books.merchant, books.key, wrong)
        assert refusal(call("GET", ORDERS, by=integration), 401)["description"] == "Authentication failed"
    assert answer(call("GET", ORDERS, by=books))["count"] == 0
    del key_id


KEYS = ["", "x" * 256, "é", "a\tb"]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_an_idempotency_key_that_is_none_is_refused(books: Integration, key: str) -> None:
    before = written()
    error = refusal(call("POST", ORDERS, {"amount": 100, "currency": "INR"}, by=books, key=key))
    assert error["field"] == "Idempotency-Key"
    assert written() == before


def test_nothing_of_a_refusal_is_html_or_from_inside(books: Integration) -> None:
    hostile = {"amount": "<script>alert(1)</script>", "currency": "INR"}
    for response in (
        call("POST", ORDERS, hostile, by=books),
        call("POST", ORDERS, {"<b>": 1}, by=books),
        call("GET", f"{ORDERS}/%3Cscript%3E", by=books),
    ):
        assert response["Content-Type"] == "application/json"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "Traceback" not in json.dumps(refusal(response))
