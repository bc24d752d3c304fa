"""Which taxes are due between whom."""

from __future__ import annotations

import pytest

from catalog.taxes import Rate
from orders.taxes.rules import Party, Treatment, treat

VAT = (Rate("VAT", 200_000),)
GST = (Rate("GST", 180_000),)
NOTHING = (Rate("VAT", 0, "exempt"),)
KARNATAKA = Party("IN", "KA")
GERMANY = Party("DE", tax_number="DE136695976")


@pytest.mark.parametrize(
    ("rates", "seller", "buyer", "due"),
    [
        # what is due at home is due
        (VAT, Party("FR"), Party("FR"), Treatment(VAT)),
        # a consumer in another member state pays that state's rate
        (VAT, GERMANY, Party("FR"), Treatment(VAT)),
        # a business there owes it itself; Greece calls itself EL in its numbers
        (VAT, GERMANY, Party("FR", tax_number="FR40303265045"), Treatment((), "reverse_charge")),
        (VAT, GERMANY, Party("GR", tax_number="EL094259216"), Treatment((), "reverse_charge")),
        # not at home, nor with a number from home, nor outside the union
        (VAT, GERMANY, Party("DE", tax_number="DE136695976"), Treatment(VAT)),
        (VAT, GERMANY, Party("FR", tax_number="DE136695976"), Treatment(VAT)),
        (VAT, GERMANY, Party("GB", tax_number="FR40303265045"), Treatment(VAT)),
        # where no rate is in force
        ((), GERMANY, Party("US", "NY"), Treatment((), "export")),
        ((), GERMANY, Party("FR"), Treatment((), "not_taxed")),
        ((), Party("US", "NY"), Party("US", "NY"), Treatment((), "not_taxed")),
        # a rate of zero says why, or that it is zero
        (NOTHING, Party("FR"), Party("FR"), Treatment(NOTHING, "exempt")),
        ((Rate("VAT", 0),), Party("FR"), Party("FR"), Treatment((Rate("VAT", 0),), "zero_rated")),
        # India: one state, another state, one that nobody knows, a union territory
        (GST, KARNATAKA, Party("IN", "KA"), Treatment((Rate("CGST", 90_000), Rate("SGST", 90_000)))),
        (GST, KARNATAKA, Party("IN", "MH"), Treatment((Rate("IGST", 180_000),))),
        (GST, KARNATAKA, Party("IN", ""), Treatment((Rate("IGST", 180_000),))),
        (GST, Party("IN", "CH"), Party("IN", "CH"), Treatment((Rate("CGST", 90_000), Rate("UTGST", 90_000)))),
        ((), KARNATAKA, Party("US", "NY"), Treatment((), "export")),
        # a cess beside it stays what it is
        (
            (Rate("Cess", 10_000), *GST),
            KARNATAKA,
            Party("IN", "MH"),
            Treatment((Rate("Cess", 10_000), Rate("IGST", 180_000))),
        ),
    ],
)
def test_what_is_due_between_whom(rates: tuple[Rate, ...], seller: Party, buyer: Party, due: Treatment) -> None:
    assert treat(rates, seller=seller, buyer=buyer) == due
