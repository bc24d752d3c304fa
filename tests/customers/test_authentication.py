"""Signing in and out, refreshing, and what ends when: each refusal leaves everything as it was."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

import pytest

from customers import accounts, authentication
from customers.authentication import caller_of, refresh_session, sign_in, sign_out
from customers.models import Session, User
from customers.tokens import NotAuthenticated, Tokens
from kit import clock
from tests.customers.conftest import PASSWORD, PEER, Account


def _counts(tokens: Tokens) -> tuple[bool, bool]:
    """Whether the access token counts, and the refresh token; asking uses the latter up."""
    outcomes = []
    for ask in (lambda: caller_of(f"Bearer {tokens.access}"), lambda: refresh_session(tokens.refresh)):
        try:
            ask()
        except NotAuthenticated:
            outcomes.append(False)
        else:
            outcomes.append(True)
    return outcomes[0], outcomes[1]


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@Example.com ", "\uff21da@example.com"])
def test_any_spelling_of_the_email_signs_in(ada: Account, email: str) -> None:
    assert caller_of(f"Bearer {sign_in(email, PASSWORD, PEER).access}").user_id == ada.user.pk


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", ""), ("ada@example.com", "")],
)
def test_wrong_credentials_get_one_answer_and_no_session(ada: Account, email: str, password: str) -> None:
    sessions = Session.objects.count()
    with pytest.raises(NotAuthenticated) as refusal:
        sign_in(email, password, PEER)
    assert refusal.value.reason == "wrong_credentials"
    assert Session.objects.count() == sessions


def test_an_account_that_is_switched_off_is_as_good_as_unknown(ada: Account) -> None:
    User.objects.filter(pk=ada.user.pk).update(is_active=False)
    with pytest.raises(NotAuthenticated) as refusal:
        sign_in("ada@example.com", PASSWORD, PEER)
    assert refusal.value.reason == "wrong_credentials"
    assert _counts(ada.tokens) == (False, False)


def test_an_unknown_account_takes_as_long_as_a_wrong_password(ada: Account, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    ada.user.set_password(PASSWORD)
    ada.user.save()

    def seconds(email: str, address: str) -> float:
        started = time.perf_counter()
        with pytest.raises(NotAuthenticated):
            sign_in(email, "wrong", address)
        return time.perf_counter() - started

    times = [(seconds("ada@example.com", PEER), seconds("nobody@example.com", PEER)) for _ in range(7)]
    known, unknown = (statistics.median(column) for column in zip(*times, strict=True))
    assert 0.5 < unknown / known < 2


def test_a_rehash_at_sign_in_ends_no_session(ada: Account, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    renewed = sign_in("ada@example.com", PASSWORD, PEER)
    assert User.objects.get(pk=ada.user.pk).password.startswith("pbkdf2_sha1$")
    assert _counts(ada.tokens) == (True, True)
    assert _counts(renewed) == (True, True)


def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_session(ada: Account) -> None:
    renewed = refresh_session(ada.tokens.refresh)
    assert renewed.refresh != ada.tokens.refresh
    with pytest.raises(NotAuthenticated) as refusal:
        refresh_session(ada.tokens.refresh)
    assert refusal.value.reason == "refresh_token_used"
    with pytest.raises(NotAuthenticated) as refusal:
        refresh_session(renewed.refresh)
    assert refusal.value.reason == "session_ended"


def test_the_end_of_one_session_leaves_the_others(ada: Account) -> None:
    other = sign_in("ada@example.com", PASSWORD, PEER)
    refresh_session(ada.tokens.refresh)
    with pytest.raises(NotAuthenticated):
        refresh_session(ada.tokens.refresh)
    assert _counts(other) == (True, True)


def test_a_refresh_token_expires_and_each_refresh_prolongs_the_session(ada: Account, settings: Any) -> None:
    with clock.turned(settings.REFRESH_TOKEN_LIFETIME - timedelta(minutes=1)):
        renewed = refresh_session(ada.tokens.refresh)
    with clock.turned(settings.REFRESH_TOKEN_LIFETIME + timedelta(minutes=1)):
        with pytest.raises(NotAuthenticated) as refusal:
            refresh_session(ada.tokens.refresh)
        assert refusal.value.reason == "expired_token"
        assert refresh_session(renewed.refresh)


def test_the_refresh_token_of_an_account_that_is_gone_is_refused(ada: Account) -> None:
    ada.customer.delete()
    ada.user.delete()
    assert _counts(ada.tokens) == (False, False)


def test_signing_out_ends_every_token_of_the_user_and_nobody_elses(ada: Account, bob: Account) -> None:
    other = sign_in("ada@example.com", PASSWORD, PEER)
    sign_out(ada.user.pk)
    assert _counts(ada.tokens) == (False, False)
    assert _counts(other) == (False, False)
    assert _counts(bob.tokens) == (True, True)
    assert Session.objects.filter(user=ada.user, revoked_at=None).count() == 0
    assert _counts(sign_in("ada@example.com", PASSWORD, PEER)) == (True, True)


def test_a_new_password_ends_every_session_but_the_fresh_one(ada: Account) -> None:
    fresh = accounts.change_password(ada.user, PASSWORD, "a wholly new secret", PEER)
    assert _counts(ada.tokens) == (False, False)
    assert _counts(fresh) == (True, True)
    with pytest.raises(NotAuthenticated):
        sign_in("ada@example.com", PASSWORD, PEER)
    assert sign_in("ada@example.com", "a wholly new secret", PEER)


@pytest.mark.parametrize(
    ("current", "new", "code"),
    [
        ("wrong", "a wholly new secret", "wrong_password"),
        (PASSWORD, "short", "password_too_short"),
        (PASSWORD, "12345678901", "password_entirely_numeric"),
        (PASSWORD, "ada@example.com", "password_too_similar"),
    ],
)
def test_a_refused_change_of_password_changes_nothing(ada: Account, current: str, new: str, code: str) -> None:
    before = User.objects.values().get(pk=ada.user.pk)
    with pytest.raises((accounts.WrongPassword, accounts.WeakPassword)) as refusal:
        accounts.change_password(ada.user, current, new, PEER)
    assert code in {fault.code for fault in refusal.value.faults}
    assert User.objects.values().get(pk=ada.user.pk) == before
    assert _counts(ada.tokens) == (True, True)


def test_of_two_changes_of_one_password_the_second_is_refused(ada: Account) -> None:
    stale = User.objects.get(pk=ada.user.pk)
    accounts.change_password(ada.user, PASSWORD, "a wholly new secret", PEER)
    with pytest.raises(NotAuthenticated):
        accounts.change_password(stale, PASSWORD, "yet another secret", PEER)
    assert sign_in("ada@example.com", "a wholly new secret", PEER)


def test_sessions_are_forgotten_only_when_all_their_tokens_have_expired(ada: Account, settings: Any) -> None:
    assert authentication.forget_ended_sessions() == 0
    with clock.turned(settings.REFRESH_TOKEN_LIFETIME + timedelta(seconds=1)):
        assert authentication.forget_ended_sessions() == 1
    assert Session.objects.count() == 0
