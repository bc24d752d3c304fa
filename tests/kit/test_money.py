"""Money is exact: what goes in comes out, what cannot be exact is refused, and shares always sum to the whole."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import money
from kit.money import CURRENCIES, MAX_MINOR, Money, MoneyError

currencies = st.sampled_from(sorted(CURRENCIES))
minors = st.integers(-MAX_MINOR, MAX_MINOR)


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("INR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_a_currency_has_the_digits_that_iso_4217_gives_it(currency: str, digits: int) -> None:
    assert money.digits(currency) == digits


@pytest.mark.parametrize("currency", ["usd", "XXX", "", "US", None, 840, ["USD"]])
def test_an_unknown_currency_is_refused(currency: Any) -> None:
    with pytest.raises(MoneyError):
        money.digits(currency)


@given(minors, currencies)
def test_an_amount_survives_the_way_to_major_units_and_back(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.from_major(amount.major, currency) == amount
    assert Money.from_major(str(amount.major), currency) == amount
    exponent = amount.major.as_tuple().exponent
    assert exponent == -money.digits(currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("459.98", "USD", 45998),
        ("69", "USD", 6900),
        ("69.000", "USD", 6900),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("-0.01", "USD", -1),
        ("92233720368547758.07", "USD", MAX_MINOR),
    ],
)
def test_major_units_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.from_major(text, currency).minor == minor
    assert Money.from_major(Decimal(text), currency).minor == minor


@pytest.mark.parametrize(
    "amount",
    [
        0.1,
        1.0,
        True,
        None,
        b"1",
        "",
        " 1",
        "1 ",
        "1_000",
        "1,5",
        "\uff11",
        "\u0661",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "0.001",
        "1." + "0" * 31 + "1",
        "92233720368547758.08",
        "9" * 5000,
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("0.001"),
        2**63,
    ],
)
def test_what_is_not_an_exact_amount_is_refused(amount: Any) -> None:
    with pytest.raises(MoneyError):
        Money.from_major(amount, "USD")


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1), MAX_MINOR + 1, -MAX_MINOR - 1])
def test_minor_units_are_a_whole_number_that_the_database_holds(minor: Any) -> None:
    with pytest.raises(MoneyError):
        Money(minor, "USD")


@pytest.mark.parametrize("act", [operator.add, operator.sub, operator.lt, operator.le])
def test_two_currencies_do_not_mix(act: Callable[[Money, Money], object]) -> None:
    with pytest.raises(MoneyError):
        act(Money(1, "USD"), Money(1, "EUR"))


def test_money_is_multiplied_by_whole_numbers_only_and_never_past_the_range() -> None:
    assert Money(250, "USD") * 3 == Money(750, "USD")
    half: Any = 0.5
    with pytest.raises(MoneyError):
        Money(1, "USD") * half
    with pytest.raises(MoneyError):
        Money(MAX_MINOR, "USD") * 2


def test_a_total_has_its_currency_even_of_nothing() -> None:
    assert money.total([], "EUR") == Money(0, "EUR")
    assert money.total([Money(1, "EUR"), Money(2, "EUR")], "EUR") == Money(3, "EUR")
    with pytest.raises(MoneyError):
        money.total([Money(1, "USD")], "EUR")


@given(minors, st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_shares_sum_to_the_amount_and_none_is_off_by_a_unit(amount: int, weights: list[int]) -> None:
    shares = money.allocate(amount, weights)
    assert sum(shares) == amount
    effective = weights if sum(weights) else [1] * len(weights)
    for share, weight in zip(shares, effective, strict=True):
        # |share - amount * weight / sum| < 1, in whole numbers
        assert abs(share * sum(effective) - amount * weight) < sum(effective)


def test_of_equal_remainders_the_earlier_share_gets_the_unit() -> None:
    assert money.allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert money.allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert money.allocate(5, [0, 0]) == [3, 2]


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_shares_without_weights_or_with_negative_ones_are_refused(weights: list[int]) -> None:
    with pytest.raises(MoneyError):
        money.allocate(1, weights)
