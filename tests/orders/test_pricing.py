"""What an order costs, to the last unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import Money, MoneyError
from orders.pricing import PricedItem, price

AMOUNTS = st.integers(min_value=0, max_value=10**12)


def usd(minor: int) -> Money:
    """Dollars and cents."""
    return Money(minor, "USD")


def test_the_documented_sample() -> None:
    totals = price([PricedItem(usd(19999), 2)], delivery=usd(6000))
    assert (totals.products, totals.delivery, totals.total, totals.discount) == (39998, 6000, 45998, 0)


def test_tax_is_added_to_prices_or_is_in_them() -> None:
    items = [PricedItem(usd(1190), 1, discount_minor=190, tax_minor=160)]
    beside = price(items, delivery=usd(500), delivery_tax_minor=80)
    within = price(items, delivery=usd(500), delivery_tax_minor=80, tax_is_included=True)
    assert (beside.tax, beside.total) == (240, 1740)
    assert (within.tax, within.total) == (240, 1500)


def test_credits_pay_everything_down_to_zero_and_no_further() -> None:
    totals = price([PricedItem(usd(100), 1, tax_minor=19)], delivery=usd(50), credits_minor=1000)
    assert (totals.credits, totals.total) == (169, 0)


@given(
    st.lists(st.tuples(AMOUNTS, st.integers(1, 1000), AMOUNTS), min_size=1, max_size=20),
    AMOUNTS,
    AMOUNTS,
    st.booleans(),
)
def test_the_parts_always_make_the_whole(
    lines: list[tuple[int, int, int]], delivery: int, credits: int, included: bool
) -> None:
    totals = price(
        [PricedItem(usd(minor), quantity, minor // 3, tax) for minor, quantity, tax in lines],
        delivery=usd(delivery),
        credits_minor=credits,
        tax_is_included=included,
    )
    added = 0 if included else totals.tax
    assert totals.total == totals.products - totals.discount + added + totals.delivery - totals.credits
    assert min(totals.products, totals.discount, totals.tax, totals.delivery, totals.credits, totals.total) >= 0
    assert totals.discount == sum(minor // 3 for minor, _, _ in lines)


@pytest.mark.parametrize(
    ("items", "delivery", "credits"),
    [
        ([], usd(0), 0),
        ([PricedItem(usd(1), 0)], usd(0), 0),
        ([PricedItem(usd(1), 1)], Money(0, "EUR"), 0),
        ([PricedItem(usd(1), 1), PricedItem(Money(1, "EUR"), 1)], usd(0), 0),
        ([PricedItem(usd(1), 1, discount_minor=-1)], usd(0), 0),
        ([PricedItem(usd(1), 1, discount_minor=2)], usd(0), 0),
        ([PricedItem(usd(1), 1)], usd(0), -1),
        ([PricedItem(usd(2**62), 2)], usd(0), 0),
        ([PricedItem(usd(2**62), 1), PricedItem(usd(2**62), 1)], usd(0), 0),
        ([PricedItem(usd(2**63 - 1), 1)], usd(1), 0),
    ],
)
def test_what_makes_no_order_is_refused(items: list[PricedItem], delivery: Money, credits: int) -> None:
    with pytest.raises(MoneyError):
        price(items, delivery=delivery, credits_minor=credits)
