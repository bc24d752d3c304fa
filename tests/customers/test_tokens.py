"""A token counts only if we made it, for this purpose, and its time has come and not passed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings

from customers import authentication, tokens
from customers.authentication import Caller, caller_of
from customers.models import User
from customers.tokens import NotAuthenticated, TokenType
from kit import clock
from tests.customers.conftest import PASSWORD, PEER, Account


def _key() -> bytes:
    return hashlib.sha256(f"customers.tokens\0{django_settings.SECRET_KEYS[0]}".encode()).digest()


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _remade(token: str, **changes: Any) -> str:
    """The token with other claims (None takes one away), signed as we do."""
    claims = {**_claims(token), **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, _key(), "HS256")


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _with_header(token: str, header: dict[str, Any], key: bytes) -> str:
    """The token's claims under another header, signed with the key as HS256 does, whatever the header says."""
    body = f"{_part(header)}.{token.split('.')[1]}"
    signature = hmac.new(key, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _swapped(token: str, index: int, part: str) -> str:
    parts = token.split(".")
    parts[index] = part
    return ".".join(parts)


def test_the_callers_token_names_the_caller_with_one_statement(
    ada: Account, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        caller = caller_of(f"Bearer {ada.tokens.access}")
    assert caller == Caller(ada.user.pk, ada.customer.pk, "ada@example.com", is_staff=False, tax_number="")


def test_staff_without_a_customer_are_callers_too(clerk: User) -> None:
    access = authentication.sign_in("clerk@example.com", PASSWORD, PEER).access
    assert caller_of(f"bearer  {access}") == Caller(clerk.pk, None, "clerk@example.com", is_staff=True, tax_number="")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a.b",
        "Bearer a.b.c",
        "Bearer a.b.c.d",
        "Basic YTpi",
        "Bearer " + "a" * 5000 + ".b.c",
        "Bearer é.b.c",
        "Bearer a.b.c\n",
        "Bearer " + _part({"alg": "HS256"}) + "." + _part([]) + ".c",
    ],
)
def test_a_header_without_a_token_of_ours_is_refused_without_a_statement(
    header: str | None, db: None, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(0), pytest.raises(NotAuthenticated):
        caller_of(header)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "somebody"}, "malformed_token"),
        ({"aud": "somebody"}, "malformed_token"),
        ({"aud": ["quittance", "somebody"]}, "malformed_token"),
        ({"typ": "refresh"}, "wrong_token_type"),
        ({"typ": "ACCESS"}, "wrong_token_type"),
        ({"typ": ["access"]}, "wrong_token_type"),
        ({"exp": 1}, "expired_token"),
        ({"exp": "9999999999"}, "malformed_token"),
        ({"exp": 9e9}, "malformed_token"),
        ({"exp": True}, "malformed_token"),
        ({"nbf": 9_999_999_999}, "premature_token"),
        ({"sub": "1001"}, "malformed_token"),
        ({"sub": 7}, "malformed_token"),
        ({"sub": "x' OR 1=1 --"}, "malformed_token"),
        ({"ver": "1"}, "malformed_token"),
        ({"ver": 2}, "outdated_token"),
        ({"ver": 2**40}, "outdated_token"),
        ({"ver": 2**70}, "outdated_token"),
        ({"sub": str(uuid.UUID(int=5))}, "outdated_token"),
        *(({claim: None}, "malformed_token") for claim in ("iss", "aud", "sub", "typ", "jti", "sid", "ver")),
        *(({claim: None}, "malformed_token") for claim in ("iat", "nbf", "exp")),
    ],
)
def test_a_well_signed_token_with_another_claim_is_refused(ada: Account, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        caller_of(f"Bearer {_remade(ada.tokens.access, **changes)}")
    assert refusal.value.reason == reason


_FORGERIES: dict[str, Callable[[str], str]] = {
    "tampered body": lambda token: _swapped(token, 1, _part({**_claims(token), "sub": str(uuid.UUID(int=1))})),
    "tampered signature": lambda token: _swapped(token, 2, token.split(".")[2][::-1]),
    "no algorithm": lambda token: _swapped(_swapped(token, 0, _part({"alg": "none"})), 2, "AA"),
    "no algorithm, our signature": lambda token: _swapped(token, 0, _part({"alg": "nOnE", "typ": "JWT"})),
    "another key": lambda token: _with_header(token, {"alg": "HS256"}, b"k" * 32),
    "the bare secret": lambda token: _with_header(token, {"alg": "HS256"}, django_settings.SECRET_KEY.encode()),
    "an empty key": lambda token: _with_header(token, {"alg": "HS256"}, b""),
    "a key from the header": lambda token: _with_header(
        token, {"alg": "HS256", "jwk": {"kty": "oct", "k": "aw"}}, b"k"
    ),
    "a key from a path": lambda token: _with_header(token, {"alg": "HS256", "kid": "../../dev/null"}, b""),
    "a key from the net": lambda token: _with_header(token, {"alg": "HS256", "jku": "http://127.0.0.1/"}, b"k"),
    "a critical extension": lambda token: _with_header(token, {"alg": "HS256", "crit": ["b64"], "b64": False}, _key()),
}


@pytest.mark.parametrize("forgery", _FORGERIES)
def test_a_token_made_without_our_key_is_refused(ada: Account, forgery: str) -> None:
    with pytest.raises(NotAuthenticated):
        caller_of(f"Bearer {_FORGERIES[forgery](ada.tokens.access)}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS384", "HS512", "PS256", "EdDSA", "hs256", "", 256, None])
def test_a_token_of_another_algorithm_is_refused_even_under_our_own_key(ada: Account, algorithm: Any) -> None:
    token = _with_header(ada.tokens.access, {"alg": algorithm, "typ": "JWT"}, _key())
    with pytest.raises(NotAuthenticated):
        caller_of(f"Bearer {token}")


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(ada: Account) -> None:
    with pytest.raises(NotAuthenticated, match="not_authenticated") as refusal:
        caller_of(f"Bearer {ada.tokens.refresh}")
    assert refusal.value.reason == "wrong_token_type"
    with pytest.raises(NotAuthenticated) as refusal:
        authentication.refresh_session(ada.tokens.access)
    assert refusal.value.reason == "wrong_token_type"


def test_a_token_expires_on_the_second(ada: Account, settings: Any) -> None:
    with clock.turned(settings.ACCESS_TOKEN_LIFETIME - timedelta(seconds=3)):
        assert caller_of(f"Bearer {ada.tokens.access}").user_id == ada.user.pk
    with clock.turned(settings.ACCESS_TOKEN_LIFETIME), pytest.raises(NotAuthenticated) as refusal:
        caller_of(f"Bearer {ada.tokens.access}")
    assert refusal.value.reason == "expired_token"


def test_a_server_whose_clock_is_a_little_behind_takes_a_fresh_token_at_once(ada: Account) -> None:
    with clock.turned(timedelta(seconds=-8)):
        assert caller_of(f"Bearer {ada.tokens.access}").user_id == ada.user.pk
    with clock.turned(timedelta(seconds=-15)), pytest.raises(NotAuthenticated):
        caller_of(f"Bearer {ada.tokens.access}")


def test_after_a_rotation_of_keys_old_tokens_count_until_the_old_key_goes(ada: Account, settings: Any) -> None:
    old = settings.SECRET_KEYS[0]
    settings.SECRET_KEYS = ["a new secret", old]
    assert caller_of(f"Bearer {ada.tokens.access}").user_id == ada.user.pk
    renewed = authentication.refresh_session(ada.tokens.refresh)
    settings.SECRET_KEYS = ["a new secret"]
    assert caller_of(f"Bearer {renewed.access}").user_id == ada.user.pk
    with pytest.raises(NotAuthenticated) as refusal:
        caller_of(f"Bearer {ada.tokens.access}")
    assert refusal.value.reason == "bad_signature"


def test_an_empty_secret_signs_nothing(settings: Any) -> None:
    settings.SECRET_KEYS = ["x", ""]
    with pytest.raises(ValueError, match="secret"):
        tokens.read("a.b.c", TokenType.ACCESS)
