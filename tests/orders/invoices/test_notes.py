"""What credit notes take back: exactly the invoice in the end, and never more of anything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.invoices.notes import Piece, share_out, taken_back
from orders.invoices.view import InvoiceView, Line
from orders.taxes.arithmetic import Levy
from tests.orders.invoices.samples import document

_amounts = st.integers(0, 5_000)
_levies = st.lists(
    st.tuples(st.sampled_from(["VAT", "CGST", "SGST"]), st.integers(0, 900)), max_size=2, unique_by=lambda x: x[0]
)
_lines = st.lists(st.tuples(_amounts, _levies, st.sampled_from(["S", "Z", "E"])), min_size=1, max_size=4)


def _view(lines: list[tuple[int, list[tuple[str, int]], str]]) -> InvoiceView:
    return document(
        *(
            Line(
                title=f"Line {number}",
                detail="",
                hsn_code="",
                quantity=1,
                unit_price_minor=net,
                amount_minor=net,
                discount_minor=0,
                net_minor=net,
                levies=tuple(Levy(name, 1, amount) for name, amount in levies),
                zero_reason="",
                category=category,
                is_goods=True,
            )
            for number, (net, levies, category) in enumerate(lines)
        )
    )


@settings(max_examples=150, deadline=None)
@given(lines=_lines, cuts=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.booleans()), max_size=5))
def test_notes_in_any_order_add_up_to_their_invoice_tax_by_tax(
    lines: list[tuple[int, list[tuple[str, int]], str]], cuts: list[tuple[int, int, bool]]
) -> None:
    invoice = _view(lines)
    notes: list[tuple[int, InvoiceView]] = []
    net, tax = invoice.net_minor, invoice.tax_minor
    for net_share, tax_share, by_lines in [*cuts, (100, 100, False)]:
        part = (net * net_share // 100, tax * tax_share // 100)
        pieces = [Piece(line, 1, line.net_minor) for line in invoice.lines[:2]] if by_lines else []
        taken = taken_back(invoice, notes, net=part[0], tax=part[1], pieces=pieces, title="Less")
        assert all(line.net_minor >= 0 and all(levy.amount_minor >= 0 for levy in line.levies) for line in taken)
        note = document(*taken, kind="credit_note")
        assert (note.net_minor, note.tax_minor) == part
        notes.append((1, note))
        net, tax = net - part[0], tax - part[1]
    assert (net, tax) == (0, 0)
    given_back: dict[tuple[str, int], int] = {}
    for _, note in notes:
        for row in note.taxes:
            given_back[row.name, row.ppm] = given_back.get((row.name, row.ppm), 0) + row.amount_minor
    assert {key: amount for key, amount in given_back.items() if amount} == {
        (row.name, row.ppm): row.amount_minor for row in invoice.taxes if row.amount_minor
    }


def test_more_than_is_left_is_refused() -> None:
    invoice = _view([(1000, [("VAT", 190)], "S")])
    first = document(*taken_back(invoice, [], net=600, tax=100, title="Less"), kind="credit_note")
    for net, tax in ((401, 0), (0, 91), (-1, 0)):
        with pytest.raises(ValueError):
            taken_back(invoice, [(1, first)], net=net, tax=tax, title="Less")
    # What a debit note gave back to the invoice can be taken again.
    again = taken_back(invoice, [(1, first), (-1, first)], net=1000, tax=190, title="Less")
    assert again == invoice.lines


def test_the_pieces_of_a_refund_are_the_lines_of_its_note() -> None:
    invoice = _view([(1000, [("VAT", 190)], "S"), (500, [("VAT", 95)], "S")])
    piece = Piece(invoice.lines[1], 1, 500)
    (line,) = taken_back(invoice, [], net=500, tax=95, pieces=[piece], title="Less")
    assert (line.title, line.quantity, line.net_minor, line.tax_minor) == ("Line 1", 1, 500, 95)


@given(st.integers(0, 400), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 100)), min_size=1, max_size=6))
def test_shares_stay_within_their_caps(amount: int, parts: list[tuple[int, int]]) -> None:
    weights, caps = [part[0] for part in parts], [part[1] for part in parts]
    amount = min(amount, sum(caps))
    shares = share_out(amount, weights, caps)
    assert sum(shares) == amount
    assert all(0 <= share <= cap for share, cap in zip(shares, caps, strict=True))
