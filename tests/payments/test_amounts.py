"""Minor units as each gateway counts them, for every currency there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import CURRENCIES, Money, digits
from payments.gateways.base import Rejected
from payments.gateways.razorpay import to_razorpay
from payments.gateways.stripe_amounts import from_stripe, to_stripe

EXACT = st.sampled_from(sorted(CURRENCIES)), st.integers(min_value=1, max_value=10**12)


@pytest.mark.parametrize(
    ("major", "currency", "theirs"),
    [
        ("459.98", "USD", 45998),
        ("1200", "JPY", 1200),
        ("1.230", "KWD", 1230),
        ("69.00", "INR", 6900),
        # Two digits at Stripe, none in ISO 4217: the digits must be zero.
        ("1200", "ISK", 120000),
        ("1200", "UGX", 120000),
        # None at Stripe, two in ISO 4217.
        ("1200.00", "MGA", 1200),
    ],
)
def test_stripe_counts_a_currency_its_own_way(major: str, currency: str, theirs: int) -> None:
    amount = Money.from_major(major, currency)

    assert to_stripe(amount) == theirs
    assert from_stripe(theirs, currency) == amount.minor


@pytest.mark.parametrize(("major", "currency"), [("1.234", "KWD"), ("0.001", "BHD"), ("12.50", "MGA")])
def test_what_stripe_cannot_express_is_not_rounded_but_rejected(major: str, currency: str) -> None:
    with pytest.raises(Rejected):
        to_stripe(Money.from_major(major, currency))


@pytest.mark.parametrize(
    ("major", "currency", "theirs"),
    [("459.98", "USD", 45998), ("1200", "JPY", 1200), ("99.990", "KWD", 99990), ("1.00", "INR", 100)],
)
def test_razorpay_counts_as_iso_4217_does(major: str, currency: str, theirs: int) -> None:
    assert to_razorpay(Money.from_major(major, currency)) == theirs


def test_razorpay_takes_no_last_digit_in_currencies_of_three() -> None:
    with pytest.raises(Rejected):
        to_razorpay(Money.from_major("99.991", "KWD"))


@given(*EXACT)
def test_an_amount_comes_back_from_stripe_as_it_went(currency: str, minor: int) -> None:
    amount = Money(minor, currency)
    try:
        theirs = to_stripe(amount)
    except Rejected:
        assert currency == "MGA" or digits(currency) >= 3
        return

    assert from_stripe(theirs, currency) == minor
