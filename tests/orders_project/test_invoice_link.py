"""The link to an invoice: for whoever has it, in three formats, and for nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse

from kit.money import Money
from orders.invoices.links import invoice_url
from orders.models import InvoicePdf, Order, PaymentTerms
from tests.orders.invoices.rules import faults
from tests.orders.invoices.test_issuing import pay
from tests.shop import Shop, Shopper, give_back, place, send, written


def path(order: Order, **more: str) -> str:
    address = invoice_url(order, **more)
    return address[address.index("/order/") :]


def get(address: str, **headers: str) -> HttpResponse:
    return send("GET", address, headers=headers)


@pytest.fixture
def paid(shop: Shop, ada: Shopper) -> Order:
    """A paid order with 1.00 USD back."""
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    return give_back(order.pk, Money(100, "USD"))


def test_the_page_shows_the_invoice_to_whoever_has_the_link(paid: Order) -> None:
    for address in (path(paid), path(paid).replace("/invoice?", "/invoice/?")):
        response = get(address)
        assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
        text = response.content.decode()
        for part in ("<h1>Invoice</h1>", paid.invoices.get(kind="invoice").number, "Cable", "$14.50", "Ada Byron"):
            assert part in text
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("private, no-store", "no-referrer")
    assert "<script" not in text
    policy = response["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert "default-src 'none'" in policy


def test_before_its_issue_it_is_a_pro_forma(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    text = get(path(order)).content.decode()
    assert "<h1>Pro-forma invoice</h1>" in text
    assert "This is not an invoice." in text
    assert "INV-" not in text
    pdf = get(path(order, format="pdf"))
    assert (pdf.status_code, pdf["Content-Type"]) == (200, "application/pdf")
    assert pdf["Content-Disposition"] == f'inline; filename="pro-forma-{order.number}.pdf"'
    assert get(path(order, format="xml")).status_code == 404
    assert not InvoicePdf.objects.exists()


@pytest.mark.parametrize("how", ["format", "accept"])
def test_the_pdf_is_the_one_that_is_kept(paid: Order, how: str) -> None:
    first, second = (
        get(path(paid, format="pdf")) if how == "format" else get(path(paid), Accept="application/pdf")
        for _ in range(2)
    )
    assert (first.status_code, first["Content-Type"]) == (200, "application/pdf")
    assert first.content == second.content == bytes(InvoicePdf.objects.get().content)
    number = paid.invoices.get(kind="invoice").number
    assert first["Content-Disposition"] == f'inline; filename="{number}.pdf"'


def test_a_browser_gets_the_page_though_it_takes_anything(paid: Order) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert get(path(paid), Accept=accept)["Content-Type"].startswith("text/html")


def test_credit_notes_are_linked_and_shown_alike(paid: Order) -> None:
    note = paid.invoices.get(kind="credit_note")
    assert f"note={note.number}" in get(path(paid)).content.decode()
    page = get(path(paid, note=note.number)).content.decode()
    assert "<h1>Credit note</h1>" in page
    assert note.number in page
    assert get(path(paid, note=note.number, format="pdf")).content.startswith(b"%PDF-")
    for address in (path(paid, format="xml"), path(paid, note=note.number, format="xml")):
        assert faults(get(address).content) == []


def test_every_other_link_is_refused_alike_and_writes_nothing(shop: Shop, ada: Shopper, paid: Order) -> None:
    other = place(ada, shop.cash, (shop.cable, 1))
    signature = path(paid).rpartition("=")[2]
    before = written()
    addresses = [
        f"/order/{paid.number}/invoice",
        f"/order/{paid.number}/invoice?signature=",
        f"/order/{paid.number}/invoice?signature={signature[:-1]}",
        f"/order/{paid.number}/invoice?signature={signature.upper()}",
        f"/order/{paid.number}/invoice?signature={'0' * 64}&format=pdf",
        f"/order/{paid.number}/invoice?signature=%00%ff",
        f"/order/{other.number}/invoice?signature={signature}",
        f"/order/999999999/invoice?signature={signature}",
        f"/order/{'9' * 30}/invoice?signature={signature}",
        f"{path(paid)}&note=CN-0",
    ]
    answers = [get(address) for address in addresses]
    assert {answer.status_code for answer in answers} == {403}
    # But for the nonce of their style.
    assert len({re.sub(rb'nonce="[^"]+"', b"", answer.content) for answer in answers}) == 1
    assert written() == before


def test_an_unknown_format_is_none(paid: Order) -> None:
    assert get(f"{path(paid)}&format=exe").status_code == 404
    assert send("POST", path(paid)).status_code == 405


def test_what_a_customer_types_is_text_on_the_page(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    Order.objects.filter(pk=order.pk).update(street="<script>alert(1)</script>", first_name="<b>Ada</b>")
    text = get(path(order)).content.decode()
    assert "<script>" not in text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in text


def test_links_outlive_a_rotation_of_keys(paid: Order, settings: Any) -> None:
    settings.SECRET_KEYS = ["old" * 20]
    address = path(paid)
    settings.SECRET_KEYS = ["new" * 20, "old" * 20]
    assert get(address).status_code == 200
    settings.SECRET_KEYS = ["new" * 20]
    assert get(address).status_code == 403
