"""Only failures count, for all processes alike, and a lockout ends by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client, RequestFactory

from customers import throttling
from customers.authentication import FAILURES_PER_ACCOUNT_AND_ADDRESS, sign_in
from customers.models import FailureCount
from customers.throttling import (
    Limit,
    TooManyFailures,
    client_address,
    count_failure,
    network_of,
    refuse_when_exhausted,
)
from customers.tokens import NotAuthenticated
from kit import clock
from tests.customers.conftest import PASSWORD, PEER, Account

LIMIT = Limit("coupon", "ada", 3)


class CountingHasher(hashers.MD5PasswordHasher):
    """Counts how often a password is hashed."""

    algorithm = "counting"
    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        """The hash, counted."""
        type(self).hashed += 1
        return super().encode(password, salt)


def _fail(times: int, email: str, address: str) -> None:
    for _ in range(times):
        with pytest.raises(NotAuthenticated):
            sign_in(email, "wrong", address)


def test_the_limit_is_reached_by_failures_and_not_before(db: None) -> None:
    for _ in range(3):
        refuse_when_exhausted([LIMIT])
        count_failure([LIMIT])
    with pytest.raises(TooManyFailures) as refusal:
        refuse_when_exhausted([LIMIT])
    assert 1 <= refusal.value.retry_after_s <= throttling.WINDOW_S
    refuse_when_exhausted([Limit("coupon", "bob", 3), Limit("gift_card", "ada", 3)])


def test_one_failure_is_one_statement_whatever_the_number_of_limits(
    db: None, django_assert_num_queries: Callable[..., Any]
) -> None:
    limits = [LIMIT, Limit("coupon.address", PEER, 9)]
    with django_assert_num_queries(1):
        count_failure(limits)
    with django_assert_num_queries(1):
        refuse_when_exhausted(limits)
    assert list(FailureCount.objects.values_list("failures", flat=True)) == [1, 1]


def test_a_window_ends_by_itself_and_is_then_forgotten(db: None) -> None:
    for _ in range(3):
        count_failure([LIMIT])
    assert throttling.forget_past_windows() == 0
    with clock.turned(timedelta(seconds=throttling.WINDOW_S)):
        refuse_when_exhausted([LIMIT])
        assert throttling.forget_past_windows() == 1


def test_neither_emails_nor_addresses_are_kept(ada: Account) -> None:
    _fail(1, "ada@example.com", PEER)
    for party in FailureCount.objects.values_list("party", flat=True):
        assert len(party) == 64
        assert "ada" not in party


def test_after_ten_failures_from_one_address_no_password_is_hashed_any_more(ada: Account, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    _fail(10, "ada@example.com", PEER)
    CountingHasher.hashed = 0
    with pytest.raises(TooManyFailures):
        sign_in(" ADA@example.com", PASSWORD, PEER)
    assert CountingHasher.hashed == 0
    with pytest.raises(NotAuthenticated):
        sign_in("nobody@example.com", PASSWORD, PEER)
    assert CountingHasher.hashed == 1


def test_ten_failures_at_an_unknown_account_look_the_same(db: None) -> None:
    _fail(10, "nobody@example.com", PEER)
    with pytest.raises(TooManyFailures):
        sign_in("nobody@example.com", PASSWORD, PEER)


def test_the_owner_gets_in_from_elsewhere_until_the_account_as_a_whole_is_guessed_at(ada: Account) -> None:
    for address in ("198.51.100.1", "198.51.100.2"):
        _fail(10, "ada@example.com", address)
    assert sign_in("ada@example.com", PASSWORD, PEER)
    _fail(10, "ada@example.com", "198.51.100.3")
    with pytest.raises(TooManyFailures):
        sign_in("ada@example.com", PASSWORD, PEER)


def test_one_password_tried_on_a_hundred_accounts_ends_at_the_address(ada: Account) -> None:
    for number in range(100):
        _fail(1, f"user{number}@example.com", PEER)
    with pytest.raises(TooManyFailures):
        sign_in("ada@example.com", PASSWORD, PEER)
    assert sign_in("ada@example.com", PASSWORD, "198.51.100.1")


def test_successes_do_not_count(ada: Account) -> None:
    for _ in range(15):
        sign_in("ada@example.com", PASSWORD, PEER)
    assert FailureCount.objects.count() == 0


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", "unknown"),
        ("garbage", "unknown"),
    ],
)
def test_an_address_stands_for_its_network(address: str, party: str) -> None:
    assert network_of(address) == party


def test_no_failure_is_lost_when_many_are_counted_at_once(ada: Account) -> None:
    barrier = threading.Barrier(6)
    limits = [Limit("race", party, 1000) for party in ("a", "b", "c")]

    def guess(number: int) -> None:
        try:
            barrier.wait(timeout=10)
            for _ in range(10):
                count_failure(limits if number % 2 else limits[::-1])
        finally:
            connection.close()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert list(FailureCount.objects.filter(scope="race").values_list("failures", flat=True)) == [60, 60, 60]


# --- behind proxies -------------------------------------------------------------------------------------------------

PROXY = "10.0.0.9"


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, None, PROXY),
        (0, "198.51.100.1", PROXY),  # nobody of ours wrote it
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # the client made up the first
        (1, "192.0.2.66,,  198.51.100.1 ", "198.51.100.1"),
        (2, "192.0.2.66, 198.51.100.1, 10.0.0.8", "198.51.100.1"),
        (2, "198.51.100.1", PROXY),  # came past one of the two
        (1, None, PROXY),
        (1, "", PROXY),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_client_is_who_our_own_proxies_say_it_is(
    settings: Any, proxies: int, header: str | None, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if header is None else {"X-Forwarded-For": header}
    assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=PROXY)) == address


def _sign_in(forwarded: str, password: str, email: str = "ada@example.com") -> Any:
    client = Client(raise_request_exception=False, REMOTE_ADDR=PROXY)
    return client.post(
        "/api/v1/auth/token/",
        {"email": email, "password": password},
        content_type="application/json",
        headers={"X-Forwarded-For": forwarded},
    )


def test_behind_a_proxy_each_client_has_limits_of_its_own(settings: Any, ada: Account) -> None:
    settings.TRUSTED_PROXIES = 1
    for _ in range(FAILURES_PER_ACCOUNT_AND_ADDRESS):
        assert _sign_in("198.51.100.1", "wrong").status_code == 401
    refused = _sign_in("198.51.100.1", PASSWORD)
    assert refused.status_code == 429
    assert refused["X-RateLimit-Limit"] == str(FAILURES_PER_ACCOUNT_AND_ADDRESS)
    assert refused["X-RateLimit-Remaining"] == "0"
    assert 1 <= int(refused["Retry-After"]) <= throttling.WINDOW_S
    # What the client writes itself stands further left, and helps nobody.
    assert _sign_in("192.0.2.66, 198.51.100.1", PASSWORD).status_code == 429
    assert _sign_in("198.51.100.2", PASSWORD).status_code == 200


def test_without_a_proxy_of_ours_nobody_escapes_by_a_header(ada: Account) -> None:
    for guess in range(FAILURES_PER_ACCOUNT_AND_ADDRESS):
        assert _sign_in(f"198.51.100.{guess}", "wrong").status_code == 401
    assert _sign_in("198.51.100.200", PASSWORD).status_code == 429
