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
    assert (totals.products, totals.delivery, totals.total, totals.discounts) == (39998, 6000, 45998, (0,))


def test_a_discount_is_spread_over_the_lines_to_the_last_cent() -> None:
    totals = price([PricedItem(usd(100), 1)] * 3, delivery=usd(0), discount_minor=100)
    assert (totals.discounts, totals.total) == ((34, 33, 33), 200)


def test_a_discount_is_never_more_than_the_products_and_pays_no_delivery() -> None:
    totals = price([PricedItem(usd(100), 1)], delivery=usd(50), discount_minor=1000)
    assert (totals.discount, totals.total) == (100, 50)


def test_credits_pay_everything_down_to_zero_and_no_further() -> None:
    totals = price([PricedItem(usd(100), 1, tax_minor=19)], delivery=usd(50), credits_minor=1000)
    assert (totals.credits, totals.total) == (169, 0)


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 1000), AMOUNTS), min_size=1, max_size=20), AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_parts_always_make_the_whole(
    lines: list[tuple[int, int, int]], delivery: int, discount: int, credits: int
) -> None:
    totals = price(
        [PricedItem(usd(minor), quantity, tax) for minor, quantity, tax in lines],
        delivery=usd(delivery),
        discount_minor=discount,
        credits_minor=credits,
    )
    assert totals.total == totals.products - totals.discount + totals.tax + totals.delivery - totals.credits
    assert min(totals.products, totals.discount, totals.tax, totals.delivery, totals.credits, totals.total) >= 0
    assert sum(totals.discounts) == totals.discount
    for (minor, quantity, _), share in zip(lines, totals.discounts, strict=True):
        assert 0 <= share <= minor * quantity


@pytest.mark.parametrize(
    ("items", "delivery", "discount", "credits"),
    [
        ([], usd(0), 0, 0),
        ([PricedItem(usd(1), 0)], usd(0), 0, 0),
        ([PricedItem(usd(1), 1)], Money(0, "EUR"), 0, 0),
        ([PricedItem(usd(1), 1), PricedItem(Money(1, "EUR"), 1)], usd(0), 0, 0),
        ([PricedItem(usd(1), 1)], usd(0), -1, 0),
        ([PricedItem(usd(1), 1)], usd(0), 0, -1),
        ([PricedItem(usd(2**62), 2)], usd(0), 0, 0),
        ([PricedItem(usd(2**62), 1), PricedItem(usd(2**62), 1)], usd(0), 0, 0),
        ([PricedItem(usd(2**63 - 1), 1)], usd(1), 0, 0),
    ],
)
def test_what_makes_no_order_is_refused(items: list[PricedItem], delivery: Money, discount: int, credits: int) -> None:
    with pytest.raises(MoneyError):
        price(items, delivery=delivery, discount_minor=discount, credits_minor=credits)
