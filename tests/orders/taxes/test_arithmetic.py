"""What taxes come to, rounded once and to the last unit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.taxes import Rate
from orders.taxes.arithmetic import Levy, TaxRounding, levy

VAT = (Rate("VAT", 190_000),)
BOTH = (Rate("CGST", 90_000), Rate("SGST", 90_000))
NEW_YORK = (Rate("NY", 40_000), Rate("NYC", 48_750))


def amounts_of(levies: list[tuple[Levy, ...]]) -> list[list[int]]:
    """What each tax on each line comes to."""
    return [[one.amount_minor for one in due] for due in levies]


def test_a_tax_beside_the_price_is_a_part_of_it() -> None:
    assert levy([1000], [VAT], included=False, rounding=TaxRounding.LINE_HALF_UP) == [(Levy("VAT", 190_000, 190),)]


def test_a_tax_within_the_price_is_what_was_added_to_what_is_left() -> None:
    assert amounts_of(levy([1190], [VAT], included=True, rounding=TaxRounding.LINE_HALF_UP)) == [[190]]


def test_taxes_with_different_names_add_up() -> None:
    assert amounts_of(levy([10000], [NEW_YORK], included=False, rounding=TaxRounding.LINE_HALF_UP)) == [[400, 488]]


@pytest.mark.parametrize(
    ("rounding", "tax"),
    [(TaxRounding.LINE_HALF_UP, 1), (TaxRounding.LINE_HALF_EVEN, 0)],
)
def test_a_half_goes_where_the_order_says(rounding: TaxRounding, tax: int) -> None:
    assert amounts_of(levy([5], [(Rate("VAT", 100_000),)], included=False, rounding=rounding)) == [[tax]]


def test_rounded_once_for_the_whole_order_the_lines_share_what_it_comes_to() -> None:
    by_line = levy([5, 5, 5], [(Rate("VAT", 100_000),)] * 3, included=False, rounding=TaxRounding.LINE_HALF_UP)
    by_total = levy([5, 5, 5], [(Rate("VAT", 100_000),)] * 3, included=False, rounding=TaxRounding.TOTAL_HALF_UP)
    assert (amounts_of(by_line), amounts_of(by_total)) == ([[1], [1], [1]], [[1], [1], [0]])


AMOUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12)


@given(AMOUNTS, st.booleans(), st.sampled_from(TaxRounding))
def test_two_halves_of_one_tax_are_equal_on_every_line(
    amounts: list[int], included: bool, rounding: TaxRounding
) -> None:
    for central, state in amounts_of(levy(amounts, [BOTH] * len(amounts), included=included, rounding=rounding)):
        assert central == state


@given(
    AMOUNTS, st.lists(st.integers(0, 1_000_000), min_size=1, max_size=3), st.booleans(), st.sampled_from(TaxRounding)
)
def test_no_tax_is_off_by_more_than_its_rounding(
    amounts: list[int], ppms: list[int], included: bool, rounding: TaxRounding
) -> None:
    due = tuple(Rate(f"T{index}", ppm) for index, ppm in enumerate(ppms))
    base = 1_000_000 + (sum(ppms) if included else 0)
    lines = levy(amounts, [due] * len(amounts), included=included, rounding=rounding)
    for index, ppm in enumerate(ppms):
        exact = Fraction(sum(amounts) * ppm, base)
        got = sum(line[index].amount_minor for line in lines)
        assert abs(got - exact) <= Fraction(1, 2) * (1 if rounding == TaxRounding.TOTAL_HALF_UP else len(amounts))
        for amount, line in zip(amounts, lines, strict=True):
            assert abs(line[index].amount_minor - Fraction(amount * ppm, base)) < 2
            assert line[index].amount_minor >= 0
