"""E-invoices against the schema of UBL 2.1 and CEN's own rules of EN 16931, as their packages have them."""

from __future__ import annotations

import dataclasses

import pytest

from orders.invoices.ubl import NotExpressible, export
from orders.invoices.view import InvoiceView, Paid
from tests.orders.invoices.rules import faults
from tests.orders.invoices.samples import ADA, FRENCH, GERMAN, GST, INDIAN, SHOP, VAT, document, line

REDUCED = (("VAT", 70_000),)
TAXED = (line("Kopfhörer & <Kabel>", 2, 19_999, VAT, discount=2_001), line("Buch", 3, 1_299, REDUCED))
TOTAL = sum(one.total_minor for one in TAXED)
DOCUMENTS: dict[str, InvoiceView] = {
    "taxed": document(*TAXED),
    "paid with credits": document(*TAXED, credits_minor=500, paid=(Paid("2026-11-26", "Card", TOTAL - 500),)),
    "on delivery": document(*TAXED, paid=(), due_minor=TOTAL, on_delivery=True),
    "zero rated, exempt, not taxed and taxed at once": document(
        line("A", 3, 1_000, zero_reason="zero_rated"),
        line("B", 1, 1_000, zero_reason="exempt"),
        line("C", 1, 500, zero_reason="not_taxed"),
        line("D", 7, 333, VAT),
    ),
    "reverse charge": document(
        line("Server", 1, 199_900, zero_reason="reverse_charge"),
        line("Advice", 1, 50_000, zero_reason="reverse_charge", is_goods=False),
        buyer=FRENCH,
    ),
    "export": document(line("Server", 1, 199_900, zero_reason="export"), buyer=ADA),
    "outside": document(line("Cable", 3, 950, zero_reason="not_taxed"), seller=SHOP, buyer=ADA, currency="USD"),
    "gst": document(line("Sari", 3, 150_000, GST, hsn_code="50072010"), seller=INDIAN, currency="INR"),
    "prices with tax": document(
        dataclasses.replace(TAXED[0], unit_price_minor=23_799, amount_minor=47_598, discount_minor=2_381),
        prices_include_tax=True,
    ),
    "yen": document(line("模型", 3, 1_000, VAT), currency="JPY"),
    "credit note": document(*TAXED, kind="credit_note", reason="Broken"),
    "debit note": document(*TAXED, kind="debit_note", reason="The refund could not be carried out"),
    "nothing to pay": document(line("Gift", 1, 1_000, discount=1_000, zero_reason="not_taxed"), seller=SHOP),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_what_the_schema_and_the_rules_want(name: str) -> None:
    assert faults(export(DOCUMENTS[name])) == []


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (b">380<", b">999<", "BR-CL-01"),
        (b'<cbc:PayableAmount currencyID="EUR">0.00<', b'<cbc:PayableAmount currencyID="EUR">1.00<', "BR-CO-16"),
        (b">DE136695976<", b">136695976<", "BR-CO-09"),
        (b"<cbc:IssueDate>2026-11-26</cbc:IssueDate>", b"", "IssueDate"),
    ],
)
def test_the_rules_notice_what_is_wrong(before: bytes, after: bytes, rule: str) -> None:
    """The negative control of the test above."""
    document_ = export(DOCUMENTS["taxed"])
    assert before in document_
    assert any(rule in fault for fault in faults(document_.replace(before, after, 1)))


@pytest.mark.parametrize(
    ("reason", "is_goods", "code"),
    [
        ("reverse_charge", True, "K"),
        ("reverse_charge", False, "AE"),
        ("export", True, "G"),
        ("zero_rated", True, "Z"),
        ("zero-rated", True, "Z"),
        ("exempt", True, "E"),
        ("not_taxed", True, "O"),
    ],
)
def test_every_reason_for_no_tax_has_its_category(reason: str, is_goods: bool, code: str) -> None:
    buyer = FRENCH if reason == "reverse_charge" else ADA
    xml = export(document(line("A", 1, 100, zero_reason=reason, is_goods=is_goods), buyer=buyer)).decode()
    assert f"<cbc:ID>{code}</cbc:ID>" in xml


def test_what_the_standard_asks_for_and_nobody_knows_is_named() -> None:
    without = dataclasses.replace(GERMAN, tax_number="")
    with pytest.raises(NotExpressible, match="tax number"):
        export(document(*TAXED, seller=without))
    with pytest.raises(NotExpressible, match="2 decimals"):
        export(document(line("A", 1, 1_000), currency="KWD"))
