"""Documents of all kinds, as views: what is printed and exported is tried with these."""

from __future__ import annotations

from typing import Any

from orders.invoices import wording
from orders.invoices.view import InvoiceView, Line, Paid, Party
from orders.taxes.arithmetic import Levy

SHOP = Party("Example Shop", "500 Market Street", "Chicago", "IL", "IL", "60601", "US", email="billing@example.com")
GERMAN = Party(
    "Beispiel GmbH", "Hauptstraße 1", "Berlin", "", "", "10115", "DE", "DE136695976", "HRB 1", "post@example.de"
)
INDIAN = Party("Kaveri Textiles", "12 MG Road", "Bengaluru", "Karnataka", "KA", "560001", "IN", "29AAGCB7383J1Z4")
ADA = Party("Ada Byron", "123 Main St", "New York", "NY", "NY", "10001", "US", email="ada@example.com")
BERLINER = Party("Łukasz Żółć", "Straße 5", "Köln", "", "", "50667", "DE")
FRENCH = Party("Société de Test", "1 rue de la Paix", "Paris", "", "", "75001", "FR", "FR40303265045")

VAT = (("VAT", 190_000),)
GST = (("CGST", 90_000), ("SGST", 90_000))


def line(
    title: str,
    quantity: int,
    unit_price: int,
    rates: tuple[tuple[str, int], ...] = (),
    *,
    discount: int = 0,
    zero_reason: str = "",
    hsn_code: str = "",
    is_goods: bool = True,
) -> Line:
    """Something sold, taxed at these rates on top."""
    amount = quantity * unit_price
    net = amount - discount
    return Line(
        title=title,
        detail="SKU-1",
        hsn_code=hsn_code,
        quantity=quantity,
        unit_price_minor=unit_price,
        amount_minor=amount,
        discount_minor=discount,
        net_minor=net,
        levies=tuple(Levy(name, ppm, (net * ppm + 500_000) // 1_000_000) for name, ppm in rates),
        zero_reason=zero_reason,
        category=wording.category_of(ppm=sum(ppm for _, ppm in rates), zero_reason=zero_reason, is_goods=is_goods),
        is_goods=is_goods,
    )


def document(
    *lines: Line,
    seller: Party = GERMAN,
    buyer: Party = BERLINER,
    currency: str = "EUR",
    kind: str = "invoice",
    **fields: Any,
) -> InvoiceView:
    """An issued document, paid by card if it is an invoice."""
    is_gst = any(levy.name in ("CGST", "IGST") for one in lines for levy in one.levies)
    total = sum(one.total_minor for one in lines)
    is_invoice = kind == "invoice"
    return InvoiceView(
        **{
            "kind": kind,
            "title": wording.title_of(kind, seller_country=seller.country, is_taxed=True),
            "number": "INV-2026-000123" if is_invoice else "CN-2026-000007",
            "issued_on": "2026-11-26",
            "order_number": 100234,
            "ordered_on": "2026-11-25",
            "supplied_on": "",
            "seller": seller,
            "buyer": buyer,
            "delivers": True,
            "place_of_supply": "29-Karnataka" if is_gst else "",
            "is_gst": is_gst,
            "currency": currency,
            "prices_include_tax": False,
            "lines": lines,
            "paid": (Paid("2026-11-26", "Card ending in 0504", total),) if is_invoice and total else (),
            "corrects": "" if is_invoice else "INV-2026-000123",
            "corrects_issued_on": "" if is_invoice else "2026-11-20",
            "notes": wording.legal_notes(lines, seller_country=seller.country, is_gst=is_gst),
            **fields,
        }
    )
