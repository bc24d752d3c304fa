"""Who may call: both headers, the scope, the throttles; and that every refusal has the one envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import override_settings

from customers.integrations import keys
from customers.integrations.models import Integration
from orders.models import Order
from tests import shop as shops
from tests.commerce import (
    ALL,
    CREATE,
    DETAILS,
    PACKAGE,
    answer_of,
    call,
    connect,
    flat,
    get,
    line,
    multipart,
    nothing_was_written,
    order_body,
    refused,
)
from tests.shop import Shop, Shopper

ROUTES = [("POST", CREATE), ("POST", PACKAGE), ("GET", ALL), ("GET", DETAILS), ("POST", DETAILS)]
NO_KEY, NO_TOKEN = ["Invalid apikey"], ["Invalid access token"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_both_headers_are_demanded_and_both_are_missed(ada: Shopper, method: str, path: str) -> None:
    key = connect()
    bare = call(path, key=None, by=None, method=method)
    assert answer_of(bare, 401) == {"apikey": NO_KEY, "Authorization": NO_TOKEN}
    assert bare["WWW-Authenticate"] == "Bearer"
    assert json.loads(bare.content)["error_type"] == "Authentication Error"
    assert answer_of(call(path, key=None, by=ada, method=method), 401) == {"apikey": NO_KEY}
    assert answer_of(call(path, key=f"{key}x", by=ada, method=method), 401) == {"apikey": NO_KEY}
    assert answer_of(call(path, key="", by=ada, method=method), 401) == {"apikey": NO_KEY}
    assert answer_of(call(path, key="k" * 5000, by=ada, method=method), 401) == {"apikey": NO_KEY}
    assert answer_of(call(path, key=key, by=None, method=method), 401) == {"Authorization": NO_TOKEN}
    assert answer_of(call(path, key=key, by="x.y.z", method=method), 401) == {"Authorization": NO_TOKEN}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", CREATE, "orders"),
        ("POST", PACKAGE, "packages"),
        ("GET", ALL, "read"),
        ("GET", DETAILS, "read"),
        ("POST", DETAILS, "read"),
    ],
)
def test_each_route_has_its_scope(ada: Shopper, method: str, path: str, scope: str) -> None:
    others = [one for one in ("orders", "packages", "read", "discount") if one != scope]
    without = connect(*others, percent="10", name="Without")
    response = call(path, key=without, by=ada, method=method)
    assert answer_of(response, 403) == {"apikey": [f"This apikey does not have the scope '{scope}'."]}
    assert call(path, key=connect(scope, name="With"), by=ada, method=method).status_code in (200, 400)


def test_a_revoked_key_counts_no_more(ada: Shopper) -> None:
    key = connect()
    answer_of(get(ALL, key=key, by=ada))
    assert keys.revoke(Integration.objects.get().pk, by=None, reason="lost")
    assert answer_of(get(ALL, key=key, by=ada), 401) == {"apikey": NO_KEY}


@override_settings(INTEGRATION_CALLS_PER_SECOND=2)
def test_a_key_that_calls_too_often_is_told_to_wait(ada: Shopper) -> None:
    key, answers = connect(), []
    for _ in range(20):
        answers.append(get(ALL, key=key, by=ada))
    late = [answer for answer in answers if answer.status_code == 429]
    assert late, "twenty calls took ten seconds"
    assert late[0]["Retry-After"] == "1"
    assert answer_of(late[0], 429) == {"request": ["Too many requests with this apikey."]}


def test_an_address_from_which_wrong_keys_keep_coming_is_told_to_wait_but_a_good_key_is_seen(
    ada: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "FAILURES_PER_ADDRESS", 3)
    statuses = [get(ALL, key="wrong", by=ada).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    answer_of(get(ALL, key=connect(), by=ada))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", CREATE, "POST"), ("PUT", PACKAGE, "POST"), ("POST", ALL, "GET"), ("DELETE", DETAILS, "GET, POST")],
)
def test_another_method_is_refused(ada: Shopper, method: str, path: str, allowed: str) -> None:
    response = call(path, key=connect(), by=ada, method=method)
    assert list(answer_of(response, 405)) == ["request"]
    assert response["Allow"] == allowed


def test_below_the_dialects_paths_its_envelope_is_spoken(ada: Shopper) -> None:
    assert answer_of(call("/api/v1/commerce/orders/", key=None, by=None), 404) == {
        "request": ["There is nothing here."]
    }


def test_a_slash_at_the_end_makes_no_difference(ada: Shopper) -> None:
    answer_of(get(ALL.rstrip("/"), key=connect(), by=ada))


# --- hostile bodies ---------------------------------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"uid": NaN}', "application/json", 400),
        (b'{"uid": Infinity}', "application/json", 400),
        (b'{"total_amount": 99999999999999999999}', "application/json", 400),
        (b'{"uid": "\\u0000"}', "application/json", 400),
        (b'{"uid": "\\ud800"}', "application/json", 400),
        (b'{"uid": 1, "uid": 2}', "application/json", 400),
        (b"{", "text/plain", 400),
        (b'{"uid": "\xff"}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "application/json", 400),
        (b"uid=a", "text/plain", 415),
        (b"<order/>", "application/xml", 415),
        (b"uid=%00", FORM, 400),
        (b"uid=%ff", FORM, 400),
        (b"uid=\xc3\xa4", FORM, 400),
        (b"uid=a&uid=b", FORM, 400),
        (b"address=x&address[address_locality]=y", FORM, 400),
        (b"a[b][c][d][e]=1", FORM, 400),
        (b"&".join(b"f%d=1" % index for index in range(3500)), FORM, 400),
        (b"nonsense", "multipart/form-data", 400),
        (b"{" + b" " * (256 * 1024) + b"}", "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_envelope(
    shop: Shop, ada: Shopper, body: bytes, content_type: str, status: int
) -> None:
    for path in (CREATE, PACKAGE, DETAILS):
        response = call(path, body, key=connect(name=path), by=ada, content_type=content_type)
        assert list(answer_of(response, status)) == ["request"], path
    assert nothing_was_written()


@pytest.mark.parametrize(
    "value", [True, [], {}, "NaN", "1e3", "٣", "-", "9" * 25, "0x10", " ", 1e-300, 123456789012345678901234567890.5]
)
def test_a_value_of_a_wrong_kind_is_a_fault_of_its_field(shop: Shop, ada: Shopper, value: Any) -> None:
    """Wherever a number belongs."""
    good = line(shop.cable)
    key = connect()
    for name in good:
        response = call(CREATE, order_body(ada, {**good, name: value}, total_amount="9.50"), key=key, by=ada)
        assert response.status_code == 400, response.content
    for name in ("total_amount", "uid", "products", "address"):
        response = call(CREATE, {**order_body(ada, good), name: value}, key=key, by=ada)
        assert response.status_code == 400, response.content
    assert nothing_was_written()


def test_a_file_is_no_field(shop: Shop, ada: Shopper) -> None:
    body, content_type = multipart(flat(order_body(ada, line(shop.cable))))
    with_file = body.replace(b'name="uid"', b'name="uid"; filename="uid.txt"')
    assert refused(call(CREATE, with_file, key=connect(), by=ada, content_type=content_type)) == {
        "uid": ["This field is required."]
    }


def test_a_bad_idempotency_key_is_refused_in_the_envelope(shop: Shop, ada: Shopper) -> None:
    response = call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=ada, idempotency="x" * 256)
    assert list(answer_of(response, 400)) == ["request"]
    assert not Order.objects.exists()


def test_one_integrations_answers_are_not_anothers(shop: Shop, ada: Shopper) -> None:
    """Their idempotency keys have nothing to do with each other."""
    body = order_body(ada, line(shop.cable, 1, "1.00"))
    told = refused(call(CREATE, body, key=connect("orders", name="A"), by=ada, idempotency="one"))
    assert told == {"discount": ["Invalid discount"]}
    other = call(
        CREATE, order_body(ada, line(shop.cable, 1)), key=connect("orders", name="B"), by=ada, idempotency="one"
    )
    assert other.status_code != 422
    assert shops.left(shop.cable) in (999, 1000)
