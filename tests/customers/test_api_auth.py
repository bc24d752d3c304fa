"""The wire of /api/v1/auth/: answers, refusals, and that a refusal writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client

from customers import throttling
from customers.accounts import TAKEN_ADDRESSES_PER_ADDRESS
from customers.models import Customer, FailureCount, Session, User
from customers.throttling import Limit
from tests.customers.conftest import PASSWORD, PEER, Account

REGISTRATION = {"email": "Grace@Example.com", "password": "a nanosecond of wire"}


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    """POST as JSON."""
    return api.post(f"/api/v1/auth/{path}", json.dumps(body), content_type="application/json", headers=headers)


def errors(response: Any) -> list[tuple[str, str | None]]:
    """Each error's code and field."""
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


@pytest.mark.parametrize("slash", ["", "/"])
def test_registration_opens_an_account_that_is_signed_in(db: None, api: Client, slash: str) -> None:
    response = post(api, f"register{slash}", {**REGISTRATION, "first_name": "Grace", "phone": "+1 (555) 0100"})
    assert response.status_code == 201
    body = response.json()
    customer = Customer.objects.select_related("user").get()
    assert body["customer"] == {
        "id": str(customer.pk),
        "email": "grace@example.com",
        "first_name": "Grace",
        "last_name": "",
        "phone": "+1 (555) 0100",
        "tax_number": "",
    }
    assert set(body) == {"customer", "access", "refresh"}
    assert response["Cache-Control"] == "no-store"
    assert check_password(REGISTRATION["password"], customer.user.password)
    me = api.get("/api/v1/customers/me/", headers={"Authorization": f"Bearer {body['access']}"})
    assert (me.status_code, me.json()) == (200, body["customer"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"email": None}, ("null", "email")),
        ({"email": 7}, ("invalid", "email")),
        ({"email": ""}, ("blank", "email")),
        ({"email": "grace"}, ("invalid", "email")),
        ({"email": "a@b.com\nBcc: c@d.com"}, ("invalid", "email")),
        ({"email": "a" * 250 + "@b.com"}, ("max_length", "email")),
        ({"password": 1234567890}, ("invalid", "password")),
        ({"password": "short"}, ("password_too_short", "password")),
        ({"password": "password123"}, ("password_too_common", "password")),
        ({"password": "Grace@Example.com"}, ("password_too_similar", "password")),
        ({"password": "x" * 257}, ("max_length", "password")),
        ({"first_name": "a\r\nb"}, ("invalid", "first_name")),
        ({"first_name": ["a"]}, ("invalid", "first_name")),
        ({"last_name": "x" * 101}, ("max_length", "last_name")),
        ({"phone": "\uff11"}, ("invalid", "phone")),
        ({"phone": "call me"}, ("invalid", "phone")),
    ],
)
def test_a_registration_with_a_bad_field_names_it_and_opens_nothing(
    db: None, api: Client, change: dict[str, Any], error: tuple[str, str]
) -> None:
    response = post(api, "register/", {**REGISTRATION, **change})
    assert response.status_code == 400
    assert error in errors(response)
    assert User.objects.count() == Customer.objects.count() == Session.objects.count() == 0


def test_fields_that_are_not_the_customers_to_set_are_ignored(db: None, api: Client) -> None:
    extra = {"is_staff": True, "is_superuser": True, "token_version": 9, "id": "0192d3e4-c000-7000-8000-00000000000a"}
    assert post(api, "register/", {**REGISTRATION, **extra}).status_code == 201
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.token_version) == (False, False, 1)
    assert str(user.pk) != extra["id"]


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "\uff41da@example.com"])
def test_an_email_that_has_an_account_is_refused_in_every_spelling(ada: Account, api: Client, email: str) -> None:
    before = User.objects.values().get()
    response = post(api, "register/", {**REGISTRATION, "email": email})
    assert response.status_code == 400
    assert errors(response) == [("email_taken", "email")]
    assert User.objects.values().get() == before
    assert Session.objects.count() == 1


def test_asking_for_taken_emails_is_throttled_by_address(ada: Account, api: Client) -> None:
    for _ in range(TAKEN_ADDRESSES_PER_ADDRESS - 1):
        throttling.count_failure([Limit("register.address", PEER, TAKEN_ADDRESSES_PER_ADDRESS)])
    assert post(api, "register/", {**REGISTRATION, "email": "ada@example.com"}).status_code == 400
    response = post(api, "register/", REGISTRATION)
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= throttling.WINDOW_S
    assert User.objects.count() == 1


def test_signing_in_gives_a_pair_and_nothing_else(ada: Account, api: Client) -> None:
    response = post(api, "token", {"email": "ada@example.com", "password": PASSWORD})
    assert response.status_code == 200
    assert set(response.json()) == {"access", "refresh"}
    assert response["Cache-Control"] == "no-store"


def test_an_unknown_account_and_a_wrong_password_get_the_same_bytes(ada: Account, api: Client) -> None:
    wrong = post(api, "token/", {"email": "ada@example.com", "password": "wrong"})
    unknown = post(api, "token/", {"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert wrong["WWW-Authenticate"] == unknown["WWW-Authenticate"] == "Bearer"
    assert Session.objects.count() == 1


def test_a_lockout_is_a_429_whatever_forwarding_headers_claim(ada: Account, api: Client) -> None:
    for number in range(10):
        post(api, "token/", {"email": "ada@example.com", "password": "x"}, **{"X-Forwarded-For": f"10.0.0.{number}"})
    response = post(
        api, "token/", {"email": "ada@example.com", "password": PASSWORD}, **{"X-Forwarded-For": "192.0.2.99"}
    )
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= throttling.WINDOW_S
    assert sorted(FailureCount.objects.values_list("failures", flat=True)) == [10, 10, 10]


@pytest.mark.parametrize("path", ["token/", "refresh/", "register/"])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b'"x"', b"{}", b"{", b'{"email": NaN}', rb'{"email": "\u0000"}', b"\xff"]
)
def test_a_body_without_sense_is_a_400(db: None, api: Client, path: str, body: bytes) -> None:
    response = api.post(f"/api/v1/auth/{path}", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["type"] in {"validation_error", "client_error"}
    assert User.objects.count() == 0


def test_a_refresh_token_is_exchanged_once(ada: Account, api: Client) -> None:
    first = post(api, "refresh/", {"refresh": ada.tokens.refresh})
    assert first.status_code == 200
    assert set(first.json()) == {"access", "refresh"}
    again = post(api, "refresh/", {"refresh": ada.tokens.refresh})
    assert (again.status_code, errors(again)) == (401, [("authentication_failed", None)])
    assert post(api, "refresh/", {"refresh": first.json()["refresh"]}).status_code == 401


@pytest.mark.parametrize("token", ["a.b.c", "x", "é", "a" * 4096])
def test_what_is_no_refresh_token_is_a_401(db: None, api: Client, token: str) -> None:
    assert post(api, "refresh/", {"refresh": token}).status_code == 401


@pytest.mark.parametrize("body", [{}, {"refresh": "anything"}, {"refresh": None}, None])
def test_logout_ends_every_token(ada: Account, api: Client, body: Any) -> None:
    if body is None:
        response = api.generic("POST", "/api/v1/auth/logout", headers=ada.header)
    else:
        response = post(api, "logout/", body, **ada.header)
    assert (response.status_code, response.content) == (204, b"")
    assert api.get("/api/v1/customers/me/", headers=ada.header).status_code == 401
    assert post(api, "refresh/", {"refresh": ada.tokens.refresh}).status_code == 401
    assert post(api, "logout/", {}, **ada.header).status_code == 401


def test_a_changed_password_gives_fresh_tokens_and_ends_the_old_ones(ada: Account, api: Client) -> None:
    response = post(
        api, "password/", {"current_password": PASSWORD, "new_password": "a wholly new secret"}, **ada.header
    )
    assert response.status_code == 200
    fresh = {"Authorization": f"Bearer {response.json()['access']}"}
    assert api.get("/api/v1/customers/me/", headers=fresh).status_code == 200
    assert api.get("/api/v1/customers/me/", headers=ada.header).status_code == 401


def test_guessing_the_present_password_is_counted_like_a_sign_in(ada: Account, api: Client) -> None:
    guess = {"current_password": "wrong", "new_password": "a wholly new secret"}
    first = post(api, "password/", guess, **ada.header)
    assert (first.status_code, errors(first)) == (400, [("wrong_password", "current_password")])
    for _ in range(9):
        post(api, "password/", guess, **ada.header)
    right = {"current_password": PASSWORD, "new_password": "a wholly new secret"}
    assert post(api, "password/", right, **ada.header).status_code == 429
    assert check_password(PASSWORD, User.objects.get().password)


@pytest.mark.parametrize("header", ["Bearer x", "Basic YTpi", "bearer", "Token a.b.c"])
def test_a_bad_header_is_a_401_that_says_how_to_come_in(db: None, api: Client, header: str) -> None:
    response = api.get("/api/v1/customers/me/", headers={"Authorization": header})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_signed_in_request_costs_one_statement_for_its_caller(
    ada: Account, api: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        assert api.get("/api/v1/customers/me/", headers=ada.header).status_code == 200
