"""The PDFs of issued documents: made once, kept for ever, and proved to be what they were whenever they are shown."""

from __future__ import annotations

import hashlib
import uuid

from django.db import connection

from orders.invoices.view import InvoiceView, from_json
from orders.models import Invoice, InvoicePdf
from payments.deferring import defer_job

RENDER_INVOICE = "orders.render_invoice"


class PdfDiffers(Exception):
    """What is kept is not what its hash is of, or the same rendering makes something else of it now."""


def render_later(invoice_id: uuid.UUID) -> None:
    """Have the PDF of an invoice made by a job, which nobody who issues it has to wait for."""
    defer_job(RENDER_INVOICE, queue="upkeep", invoice_id=str(invoice_id))


def render(view: InvoiceView) -> tuple[bytes, str]:
    """A view as PDF, and which rendering made it."""
    # Takes a moment and some memory to load, which most processes never need.
    from orders.invoices import pdf

    return pdf.render(view), pdf.RENDERING


_KEEP = """
INSERT INTO orders_invoicepdf (invoice_id, content, sha256, rendering) VALUES (%s, %s, %s, %s)
ON CONFLICT (invoice_id) DO NOTHING
"""


def pdf_of(invoice: Invoice) -> bytes:
    """The PDF of a document; it is made and kept if nobody has asked for it before.

    Of two who ask at once one keeps it, and both get the same. Raises PdfDiffers.
    """
    kept = InvoicePdf.objects.filter(pk=invoice.pk).first()
    if kept is None:
        content, rendering = render(from_json(invoice.view))
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [invoice.pk, content, _hash(content), rendering])
        kept = InvoicePdf.objects.get(pk=invoice.pk)
    content = bytes(kept.content)
    if _hash(content) != kept.sha256:
        raise PdfDiffers(invoice.number)
    return content


def verify(invoice: Invoice) -> bool:
    """Whether its PDF, rendered anew, has the hash that is kept; True, too, if another rendering made it, since the
    bytes that are kept are then the only witness. Raises PdfDiffers if it has not.
    """
    kept = InvoicePdf.objects.get(pk=invoice.pk)
    if _hash(bytes(kept.content)) != kept.sha256:
        raise PdfDiffers(invoice.number)
    content, rendering = render(from_json(invoice.view))
    if kept.rendering == rendering and _hash(content) != kept.sha256:
        raise PdfDiffers(invoice.number)
    return True


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
