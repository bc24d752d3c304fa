"""Keys of integrations: what is kept of them, when they count, and what a call with one costs."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from customers.integrations import keys
from customers.integrations.keys import CallingIntegration, UnknownKey
from customers.integrations.models import Integration
from kit import clock
from kit.secrets import scrub
from tests.commerce import connect
from tests.statements import statements

HERE = "203.0.113.7"


def test_a_key_is_random_and_only_its_digest_is_kept(db: None) -> None:
    first, second = connect(name="A"), connect(name="B")
    assert first != second
    # 256 bits in base 64, behind what says whose kind of key it is.
    assert re.fullmatch(r"qk_[\w-]{43}", first)
    row = Integration.objects.get(name="A")
    assert row.key_digest == hashlib.sha256(first.encode()).hexdigest()
    assert row.key_prefix == first[:9]
    with connection.cursor() as cursor:
        cursor.execute("SELECT i::text FROM integrations_integration i")
        assert not any(first in text or second in text for (text,) in cursor.fetchall())
    assert first not in scrub(f"apikey {first} was sent")


def test_a_call_takes_one_statement(db: None) -> None:
    key = connect("read", "discount", percent="7.5")
    with statements() as told:
        caller = keys.caller_of(key, HERE)
    assert len(told) == 1
    assert caller == CallingIntegration(Integration.objects.get().pk, frozenset({"read", "discount"}), Decimal("7.5"))


def test_when_it_was_used_is_written_once_a_minute(db: None) -> None:
    key = connect()
    seen = []
    for seconds in (0, 30, 59, 61, 90):
        with clock.turned(timedelta(seconds=seconds)):
            keys.caller_of(key, HERE)
            seen.append(Integration.objects.get().last_used_at)
    assert seen[0] is not None
    assert (seen[0], seen[1], seen[3]) == (seen[1], seen[2], seen[4])
    assert seen[2] != seen[3]


def test_it_is_revoked_once_and_for_a_reason(db: None) -> None:
    key = connect()
    row = Integration.objects.get()
    assert keys.revoke(row.pk, by=None, reason="lost")
    assert not keys.revoke(row.pk, by=None, reason="again")
    row.refresh_from_db()
    assert (row.revoked_because, row.revoked_at is None) == ("lost", False)
    with pytest.raises(UnknownKey):
        keys.caller_of(key, HERE)


@pytest.mark.parametrize(
    ("discount", "price", "may"),
    [
        ("0", "10", True),
        ("1.25", "10", True),
        ("1.26", "10", False),
        ("-0.01", "10", False),
        ("0.1", "0", False),
        ("125000000000000000.125", "1000000000000000001", True),
        ("125000000000000000.126", "1000000000000000001", False),
    ],
)
def test_a_discount_is_compared_to_the_last_digit(discount: str, price: str, may: bool) -> None:
    giver = CallingIntegration(Integration().pk, frozenset({"discount"}), Decimal("12.5"))
    assert giver.may_discount(Decimal(discount), Decimal(price)) is may


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"max_discount_percent": Decimal("100.01")},
        {"max_discount_percent": Decimal(-1)},
        {"key_digest": "0" * 64},
        {"key_prefix": "qk_000000"},
        {"revoked_at": "2026-01-01T00:00Z"},
        {"revoked_because": "no reason at all"},
    ],
)
def test_the_database_refuses_what_no_act_does(db: None, change: dict[str, Any]) -> None:
    connect()
    with pytest.raises(IntegrityError), transaction.atomic():
        Integration.objects.update(**change)


def test_an_integration_is_never_deleted(db: None) -> None:
    connect()
    with pytest.raises(IntegrityError), transaction.atomic():
        Integration.objects.all().delete()
