"""Keys: whose a call is, by one statement; how they are replaced, revoked, counted and kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from kit import clock
from payments.merchants import keys
from payments.merchants.keys import NotAuthenticated, TooManyCalls
from payments.merchants.models import MerchantKey, MerchantKeyUse, MerchantOrder
from payments.sealing import Sealer, Unsealable
from tests.concurrency.racing import together
from tests.merchants import Integration, enrol

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> Integration:
    """A merchant with a key."""
    return enrol()


def counts(key: keys.Issued | Integration) -> bool:
    """Whether somebody who calls with it is let in."""
    try:
        keys.caller_of(key.key.key_id, key.secret)
    except NotAuthenticated:
        return False
    return True


def test_a_key_has_an_id_that_tells_what_money_it_moves_and_a_secret_that_is_nowhere(
    books: Integration, settings: Any
) -> None:
    assert re.fullmatch(r"rzp_test_[0-9A-Za-z]{14}", books.key.key_id)
    assert re.fullmatch(r"[0-9A-Za-z]{24}", books.secret)
    settings.PRODUCTION = True
    assert re.fullmatch(r"rzp_live_[0-9A-Za-z]{14}", keys.issue(books.merchant).key.key_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(k::text, '') FROM merchants_merchantkey k")
        assert books.secret not in str(cursor.fetchone()[0])


def test_the_caller_is_whose_key_and_secret_it_is(books: Integration) -> None:
    other = enrol("Tea House")
    assert keys.caller_of(*books.auth) == keys.Caller(books.merchant.pk, books.key.pk)
    for key_id, secret in (
        (books.key.key_id, other.secret),
        (other.key.key_id, books.secret),
        (books.key.key_id, ""),
        ("", books.secret),
        (books.key.key_id.lower(), books.secret),
        (books.key.key_id + "\0", books.secret),
        ("x" * 5000, books.secret),
        ("é", "é"),
        (books.key.key_id, "\ud800"),
        (books.key.key_id, books.key.secret_digest),
    ):
        with pytest.raises(NotAuthenticated):
            keys.caller_of(key_id, secret)


def test_a_replaced_key_counts_for_a_day_beside_the_new_one(books: Integration) -> None:
    new = keys.replace(books.key.pk)
    assert new is not None
    assert new.key.key_id != books.key.key_id
    assert (counts(books), counts(new)) == (True, True)
    with clock.turned(keys.OVERLAP - timedelta(seconds=1)):
        assert counts(books)
    with clock.turned(keys.OVERLAP + timedelta(seconds=1)):
        assert (counts(books), counts(new)) == (False, True)
    assert keys.replace(books.key.pk) is None
    assert MerchantKey.objects.count() == 2


def test_a_revoked_key_counts_no_more_and_stays_revoked(books: Integration) -> None:
    assert keys.revoke(books.key.pk)
    assert not counts(books)
    assert not keys.revoke(books.key.pk)
    assert keys.replace(books.key.pk) is None
    with pytest.raises(IntegrityError, match="is append-only"):
        MerchantKey.objects.filter(pk=books.key.pk).update(revoked_at=None)


def test_the_old_key_may_be_revoked_within_the_overlap(books: Integration) -> None:
    new = keys.replace(books.key.pk)
    assert new is not None
    keys.revoke(books.key.pk)
    assert (counts(books), counts(new)) == (False, True)


def test_last_used_is_written_at_most_once_a_minute(books: Integration) -> None:
    def last_used() -> Any:
        keys.caller_of(*books.auth)
        return MerchantKey.objects.get(pk=books.key.pk).last_used_at

    first = last_used()
    assert first is not None
    with clock.turned(timedelta(seconds=59)):
        assert last_used() == first
    with clock.turned(timedelta(seconds=61)):
        assert last_used() > first


def test_a_wrong_secret_neither_counts_nor_is_it_a_use(books: Integration, settings: Any) -> None:
    settings.MERCHANT_CALLS_PER_SECOND = 2
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            keys.caller_of(books.key.key_id, "wrong")
    assert not MerchantKeyUse.objects.exists()
    assert MerchantKey.objects.get(pk=books.key.pk).last_used_at is None
    assert counts(books)


def test_more_calls_than_allowed_in_one_second_are_refused_until_the_next(
    books: Integration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MERCHANT_CALLS_PER_SECOND = 3
    other = enrol("Tea House")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    for _ in range(3):
        keys.caller_of(*books.auth)
    for _ in range(2):
        with pytest.raises(TooManyCalls):
            keys.caller_of(*books.auth)
    assert counts(other)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=1))
    assert counts(books)


def test_calls_of_all_processes_are_counted_together(
    books: Integration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads with connections of their own stand for processes: nothing is shared but the database."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    settings.MERCHANT_CALLS_PER_SECOND = 10

    def call_often() -> int:
        let_in = 0
        for _ in range(10):
            try:
                keys.caller_of(*books.auth)
            except TooManyCalls:
                continue
            let_in += 1
        return let_in

    assert sum(together([call_often] * 4)) == 10
    assert MerchantKeyUse.objects.get().calls == 40


def test_the_outcome_of_an_order_is_signed_by_the_key_that_made_it_while_that_counts(books: Integration) -> None:
    made = MerchantOrder(merchant=books.merchant, key=books.key)
    new = keys.replace(books.key.pk)
    assert new is not None
    assert keys.signing_secret(made) == books.secret
    assert keys.secrets_of(books.merchant.pk) == [new.secret, books.secret]
    with clock.turned(keys.OVERLAP + timedelta(seconds=1)):
        assert keys.signing_secret(made) == new.secret
    keys.revoke(books.key.pk)
    assert keys.signing_secret(made) == new.secret
    keys.revoke(new.key.pk)
    assert keys.signing_secret(made) is None
    assert keys.secrets_of(books.merchant.pk) == []


def test_secrets_are_sealed_anew_when_the_sealing_key_changes(books: Integration, settings: Any) -> None:
    before = MerchantKey.objects.get(pk=books.key.pk).sealed_secret
    settings.SECRET_KEYS = ["x" * 60, *settings.SECRET_KEYS]
    assert keys.secrets_of(books.merchant.pk) == [books.secret]
    keys.reseal()
    settings.SECRET_KEYS = ["x" * 60]
    after = MerchantKey.objects.get(pk=books.key.pk).sealed_secret
    assert (keys.secrets_of(books.merchant.pk), after == before) == ([books.secret], False)
    settings.SECRET_KEYS = ["y" * 60]
    assert keys.secrets_of(books.merchant.pk) == []
    assert counts(books)  # Calling needs the digest alone.


def test_what_is_sealed_for_one_purpose_opens_for_no_other(books: Integration) -> None:
    del books
    sealed = Sealer("payments.merchants.keys").seal("secret")
    assert Sealer("payments.merchants.keys").unseal(sealed) == "secret"
    with pytest.raises(Unsealable):
        Sealer("payments.outgoing.sealing").unseal(sealed)
