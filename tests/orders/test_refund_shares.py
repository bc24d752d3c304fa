"""Shares of lines and orders: whatever is given back, in whatever order, the parts are the whole to the cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.returns.shares import LineRest, Parts, cut_down, line_share
from payments.ledger import SaleBalances


@st.composite
def lines(draw: st.DrawFn) -> LineRest:
    """A line as it can be bought: no discount beyond its price."""
    quantity, price = draw(st.integers(1, 40)), draw(st.integers(0, 10_000))
    return LineRest(quantity, price, draw(st.integers(0, quantity * price)), draw(st.integers(0, 20_000)))


@given(lines(), st.data())
def test_a_line_given_back_in_parts_some_of_which_fail_is_given_back_whole(line: LineRest, data: st.DataObject) -> None:
    whole = line.unit_price_minor * line.quantity - line.discount_minor + line.tax_minor
    rest, given_back = line, list[tuple[int, int, int, int]]()
    for _ in range(3 * line.quantity):
        if rest.quantity == 0:
            break
        pieces = data.draw(st.integers(1, rest.quantity))
        share = line_share(rest, pieces)
        assert share.amount_minor == rest.unit_price_minor * pieces - share.discount_minor + share.tax_minor
        assert min(share.amount_minor, share.discount_minor, share.tax_minor) >= 0
        given_back.append((pieces, share.amount_minor, share.discount_minor, share.tax_minor))
        if data.draw(st.integers(0, 3)) == 0:
            # One of those so far has failed, and is there to be given back again.
            given_back.pop(data.draw(st.integers(0, len(given_back) - 1)))
        back = [sum(part) for part in zip(*given_back, strict=True)] or [0, 0, 0, 0]
        rest = LineRest(
            line.quantity - back[0], line.unit_price_minor, line.discount_minor - back[2], line.tax_minor - back[3]
        )
        assert back[1] <= whole
        assert 0 <= rest.discount_minor <= rest.unit_price_minor * rest.quantity
    if rest.quantity:
        last = line_share(rest, rest.quantity)
        given_back.append((rest.quantity, last.amount_minor, last.discount_minor, last.tax_minor))
    assert [sum(part) for part in zip(*given_back, strict=True)] == [
        line.quantity,
        whole,
        line.discount_minor,
        line.tax_minor,
    ]


@pytest.mark.parametrize("pieces", [-1, 0, 4])
def test_pieces_that_are_not_left_have_no_share(pieces: int) -> None:
    with pytest.raises(ValueError, match="no such pieces"):
        line_share(LineRest(3, 100, 0, 0), pieces)


def test_the_last_piece_bears_the_rest() -> None:
    rest = LineRest(quantity=3, unit_price_minor=1000, discount_minor=100, tax_minor=50)
    first = line_share(rest, 1)
    assert (first.amount_minor, first.discount_minor, first.tax_minor) == (983, 33, 16)
    last = line_share(LineRest(2, 1000, 67, 34), 2)
    assert (last.amount_minor, last.discount_minor, last.tax_minor) == (1967, 67, 34)


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 10_000), st.data())
def test_less_money_for_the_same_parts_is_shared_out_to_the_cent(
    amounts: list[int], delivery: int, data: st.DataObject
) -> None:
    whole = sum(amounts) + delivery
    parts = Parts(tuple(amounts), delivery, data.draw(st.integers(0, whole)))
    amount = data.draw(st.integers(0, whole))
    less = cut_down(parts, amount)
    assert less.amount == amount
    assert all(0 <= part <= before for part, before in zip(less.lines, parts.lines, strict=True))
    assert 0 <= less.delivery <= delivery
    assert 0 <= less.tax <= min(parts.tax, amount)


@pytest.mark.parametrize("amount", [-1, 151])
def test_parts_are_not_worth_more(amount: int) -> None:
    with pytest.raises(ValueError, match="worth less"):
        cut_down(Parts((100,), 50, 0), amount)


@given(st.integers(1, 10_000), st.data())
def test_whatever_tax_is_settled_for_parts_of_a_sale_all_of_it_goes_back_with_the_last(
    sale: int, data: st.DataObject
) -> None:
    left, taken = SaleBalances(surplus=0, sale=sale, tax=data.draw(st.integers(0, sale))), list[int]()
    whole = left.tax
    while left.sale:
        amount = data.draw(st.integers(1, left.sale))
        settled = data.draw(st.none() | st.integers(0, 12_000))
        tax = left.tax_share(amount, settled_minor=settled)
        assert 0 <= tax <= min(amount, left.tax)
        # What is left can still hold the tax that is left.
        assert left.tax - tax <= left.sale - amount
        taken.append(tax)
        left = SaleBalances(surplus=0, sale=left.sale - amount, tax=left.tax - tax)
        if len(taken) > 30:
            taken.append(left.tax_share(left.sale))
            break
    assert sum(taken) == whole
