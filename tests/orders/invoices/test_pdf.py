"""The PDF: the same bytes every time, every letter there, and as many pages as it takes."""

from __future__ import annotations

import base64
import re
import zlib
from hashlib import sha256

import pytest
from django.core.management import call_command

from orders import jobs
from orders.invoices import archive
from orders.invoices.pdf import render
from orders.invoices.pdf.direction import runs, without_controls
from orders.invoices.pdf.lettering import cleaned, width_of, wrapped
from orders.models import Invoice, InvoicePdf, Order
from tests.orders.invoices.samples import INDIAN, SHOP, VAT, document, line
from tests.orders.invoices.test_issuing import pay
from tests.shop import Shop, Shopper, place

LETTERS = "₹ € ¥ £ ₪ ₩ ₫ ₱ ₴ Łódź Ελλάδα Москва 山田太郎 カタカナ 한국어 العربية עברית हिन्दी தமிழ் తెలుగు ไทย"


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_the_same_view_has_the_same_bytes_whatever_was_rendered_before() -> None:
    view = document(line("Kopfhörer", 2, 19_999, VAT), line("قهوة عربية", 1, 100, VAT))
    first = render(view)
    render(document(line("हिन्दी नाम 山田", 1, 100, VAT), seller=INDIAN, currency="INR"))
    assert render(view) == first
    assert first.startswith(b"%PDF-")


@pytest.mark.parametrize("letters", LETTERS.split())
def test_every_script_that_names_are_written_in_has_its_letters(letters: str) -> None:
    assert cleaned(letters) == letters
    assert width_of(letters, 10) > 0
    assert pages(render(document(line(letters, 1, 100), seller=SHOP))) == 1


def test_what_no_font_has_and_what_is_not_to_be_seen_does_no_harm() -> None:
    assert cleaned("a\u202eb\x00c\ue000") == "abc"
    assert cleaned("🜁") == "?"
    assert pages(render(document(line("\x00\u202e🜁" * 50, 1, 100)))) == 1


def test_a_long_invoice_repeats_the_head_of_its_table_on_every_page() -> None:
    pdf = render(document(*(line(f"Article {number}", 1, 100) for number in range(80))))
    count = pages(pdf)
    assert count > 2
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    # A page's own stream sets text; the head is set once on each.
    texts = [one for one in map(_unpacked, streams) if b"BT" in one]
    assert len(texts) == count


def _unpacked(stream: bytes) -> bytes:
    data = stream.strip()
    if data.endswith(b"~>"):
        data = base64.a85decode(b"<~" + data.removeprefix(b"<~"), adobe=True)
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


def test_text_is_broken_where_it_must_be() -> None:
    assert wrapped("one two three", 10, 40) == ["one two", "three"]
    for text in ("W" * 200, "山" * 200, "a " * 200):
        lines = wrapped(text, 10, 100)
        assert len(lines) > 5
        assert all(width_of(one, 10) <= 100 for one in lines)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Ada", [("Ada", False)]),
        ("שרה כהן", [("שרה כהן", True)]),
        # A number is read from the left, and stands after the words that it follows.
        ("רחוב 7", [("7", False), ("רחוב ", True)]),
        ("abc שלום def", [("abc ", False), ("שלום", True), (" def", False)]),
        ("", []),
    ],
)
def test_scripts_that_are_written_from_the_right_are(text: str, seen: list[tuple[str, bool]]) -> None:
    assert runs(text) == seen


def test_marks_that_turn_the_direction_of_text_are_left_out() -> None:
    assert without_controls("a\u202e1.00\u202c\u2066b\u2069") == "a1.00b"


def invoiced(shop: Shop, ada: Shopper) -> tuple[Order, Invoice]:
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    return order, order.invoices.get()


def test_a_job_of_the_issue_makes_the_pdf_once_and_its_hash_is_kept(shop: Shop, ada: Shopper) -> None:
    _, invoice = invoiced(shop, ada)
    assert not InvoicePdf.objects.exists()
    for _ in range(2):
        jobs.render_invoice(invoice_id=str(invoice.pk))
    kept = InvoicePdf.objects.get()
    assert archive.pdf_of(invoice) == bytes(kept.content)
    assert archive.verify(invoice)
    call_command("issue_invoices", verify=True)


def test_a_pdf_of_another_rendering_is_shown_as_it_was_kept(shop: Shop, ada: Shopper) -> None:
    """A new layout changes no document that was sent."""
    _, invoice = invoiced(shop, ada)
    content = b"%PDF-1.3 as it was"
    InvoicePdf.objects.create(
        invoice=invoice, content=content, sha256=sha256(content).hexdigest(), rendering="layout 0"
    )
    assert archive.pdf_of(invoice) == content
    assert archive.verify(invoice)


def test_what_the_same_rendering_would_not_make_is_noticed(shop: Shop, ada: Shopper) -> None:
    _, invoice = invoiced(shop, ada)
    content = b"%PDF-1.3 forged"
    _, rendering = archive.render(document(line("x", 1, 1)))
    InvoicePdf.objects.create(invoice=invoice, content=content, sha256=sha256(content).hexdigest(), rendering=rendering)
    with pytest.raises(archive.PdfDiffers):
        archive.verify(invoice)
    with pytest.raises(SystemExit):
        call_command("issue_invoices", verify=True)
