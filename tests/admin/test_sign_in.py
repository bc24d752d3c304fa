"""Guessing passwords of the back office is bounded as everywhere, and counted together with everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from customers import authentication
from customers.authentication import FAILURES_PER_ACCOUNT_AND_ADDRESS
from customers.models import User
from customers.throttling import TooManyFailures

PASSWORD = "correct horse 9 battery"
LOGIN = "/admin/login/"


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_user("clerk@example.com", PASSWORD, is_staff=True)


def _try(password: str, email: str = "clerk@example.com", **extra: Any) -> Any:
    return Client(**extra).post(LOGIN, {"username": email, "password": password})


def _errors(response: Any) -> str:
    return str(response.context["form"].non_field_errors())


def test_staff_sign_in_by_email_however_it_is_spelled(clerk: User) -> None:
    for email in ("clerk@example.com", " Clerk@Example.COM "):
        response = _try(PASSWORD, email)
        assert response.status_code == 302
        assert response["Location"] == "/admin/"


def test_customers_are_not_let_in(db: None) -> None:
    User.objects.create_user("ada@example.com", PASSWORD)
    response = _try(PASSWORD, "ada@example.com")
    assert response.status_code == 200
    assert "correct" in _errors(response)


def test_after_too_many_failures_the_right_password_is_refused_too(clerk: User) -> None:
    for _ in range(FAILURES_PER_ACCOUNT_AND_ADDRESS):
        assert "correct" in _errors(_try("wrong"))
    refused = _try(PASSWORD)
    assert refused.status_code == 200
    assert "Too many failed sign-ins" in _errors(refused)
    assert _try(PASSWORD, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_behind_a_proxy_each_browser_has_limits_of_its_own(clerk: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for guess in range(FAILURES_PER_ACCOUNT_AND_ADDRESS):
        _try("wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{guess}, 198.51.100.1")
    assert "Too many failed sign-ins" in _errors(_try(PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.1"))
    assert _try(PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.1, 198.51.100.2").status_code == 302


def test_failures_count_together_with_those_of_the_api(clerk: User) -> None:
    for _ in range(FAILURES_PER_ACCOUNT_AND_ADDRESS):
        _try("wrong")
    with pytest.raises(TooManyFailures):
        authentication.sign_in("clerk@example.com", PASSWORD, "127.0.0.1")


def test_an_unknown_account_is_answered_like_a_wrong_password(clerk: User) -> None:
    assert _errors(_try("wrong", "nobody@example.com")) == _errors(_try("wrong"))


@pytest.mark.parametrize(
    "typed", [{}, {"username": "a\0b", "password": "x"}, {"username": "x" * 5000, "password": "y"}]
)
def test_nonsense_is_refused_without_counting(typed: dict[str, str], clerk: User) -> None:
    assert Client().post(LOGIN, typed).status_code == 200
    assert _try(PASSWORD).status_code == 302
