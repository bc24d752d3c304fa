"""The limit above which a second person has to agree: read strictly, asked by currency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from orders.approval_limits import limit_minor, read_limits


def test_limits_are_major_units_by_currency() -> None:
    assert read_limits("USD:500, INR:40000,*:12.5") == {
        "USD": Decimal(500),
        "INR": Decimal(40000),
        "*": Decimal("12.5"),
    }
    assert read_limits("") == read_limits(" , ") == {}


@pytest.mark.parametrize(
    "text", ["500", "USD", "USD:", "USD:-1", "USD:x", "USD:NaN", "USD:Infinity", "usd:5", "XXX:5", "USD:5,USD:6", ":5"]
)
def test_what_is_no_limit_stops_the_start(text: str) -> None:
    for setting in ("REFUND_APPROVAL_ABOVE", "CREDIT_APPROVAL_ABOVE"):
        with pytest.raises(ImproperlyConfigured, match=setting):
            read_limits(text, setting=setting)


@pytest.mark.parametrize(
    ("text", "currency", "limit"),
    [
        ("USD:500,*:7", "USD", 50_000),
        ("USD:500,*:7", "JPY", 7),
        ("USD:500,*:7.5", "JPY", 7),
        ("USD:500,*:7", "KWD", 7_000),
        ("USD:0", "USD", 0),
        ("USD:500", "EUR", None),
        ("", "USD", None),
        ("*:99999999999999999999999", "USD", 2**63 - 1),
    ],
)
def test_a_currency_without_its_own_has_that_of_all_others(text: str, currency: str, limit: int | None) -> None:
    assert limit_minor(read_limits(text), currency) == limit
