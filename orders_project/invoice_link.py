"""GET /order/{number}/invoice?signature=...: an order's invoice and the notes that correct it, for whoever was given
the link. As a page; as a PDF with `format=pdf` or `Accept: application/pdf`; as an e-invoice with `format=xml`.

Nobody signs in here. Whatever is wrong with the link, the answer is the same 403, so that nothing can be found out by
trying. Before the invoice is issued it is a pro-forma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from orders.invoices import archive
from orders.invoices.content import pro_forma_of
from orders.invoices.links import invoice_url, is_signed
from orders.invoices.presentation import present
from orders.invoices.ubl import NotExpressible, export
from orders.invoices.view import InvoiceView, from_json
from orders.models import Invoice, InvoiceKind, Order

_LONGEST_NUMBER = 18
_FORMATS = ("html", "pdf", "xml")
_TYPES = {"text/html": "html", "application/pdf": "pdf"}
_NO_SCRIPTS: dict[str, list[str]] = {
    **settings.SECURE_CSP,
    "script-src": [CSP.NONE],
    "connect-src": [CSP.NONE],
    "form-action": [CSP.NONE],
}


@dataclass(frozen=True, slots=True)
class _Link:
    """A document of the order, for the page of another."""

    label: str
    url: str
    is_shown: bool


@require_safe
@csp_override(_NO_SCRIPTS)
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """The document that a link names. 403 for a link that is none, 404 for a format that it cannot have (yet)."""
    is_number = len(number) <= _LONGEST_NUMBER and not number.startswith("0")
    order = Order.objects.filter(number=int(number)).first() if is_number else None
    signature = request.GET.get("signature", "")
    if order is None or not is_signed(order, signature):
        return _refused(request, 403, "This link is not valid", "Ask the shop for a new one.")
    issued = list(order.invoices.order_by("issued_at", "pk"))
    wanted = request.GET.get("note", "")
    found = next((one for one in issued if _is_meant(one, wanted)), None)
    if found is None and wanted:
        return _refused(request, 403, "This link is not valid", "Ask the shop for a new one.")
    match _format_of(request):
        case "html":
            return _page(request, order, issued, found)
        case "pdf":
            return _pdf(order, found)
        case "xml":
            return _xml(request, found)
    return _refused(request, 404, "There is no such format", "Documents come as a page, as pdf and as xml.")


def _is_meant(one: Invoice, wanted: str) -> bool:
    return one.number == wanted if wanted else one.kind == InvoiceKind.INVOICE


def _format_of(request: HttpRequest) -> str:
    asked = request.GET.get("format")
    if asked is not None:
        return asked if asked in _FORMATS else ""
    preferred = request.get_preferred_type(list(_TYPES))
    return _TYPES.get(preferred or "", "html")


def _view_of(order: Order, found: Invoice | None) -> InvoiceView:
    return from_json(found.view) if found else pro_forma_of(order)


def _page(request: HttpRequest, order: Order, issued: Sequence[Invoice], found: Invoice | None) -> HttpResponse:
    note = found.number if found and found.kind != InvoiceKind.INVOICE else ""
    links = [
        _Link(
            f"{one.get_kind_display()} {one.number}",
            invoice_url(order, note=one.number if one.kind != InvoiceKind.INVOICE else ""),
            one == found,
        )
        for one in issued
    ]
    context = {
        "shown": present(_view_of(order, found)),
        "documents": links,
        "pdf_url": invoice_url(order, note=note, format="pdf"),
        "xml_url": invoice_url(order, note=note, format="xml") if found and _has_xml(found) else "",
    }
    return _kept_private(render(request, "invoices/invoice.html", context))


def _has_xml(found: Invoice) -> bool:
    try:
        export(from_json(found.view))
    except NotExpressible:
        return False
    return True


def _pdf(order: Order, found: Invoice | None) -> HttpResponse:
    content = archive.pdf_of(found) if found else archive.render(pro_forma_of(order))[0]
    return _file(content, "application/pdf", f"{found.number if found else f'pro-forma-{order.number}'}.pdf")


def _xml(request: HttpRequest, found: Invoice | None) -> HttpResponse:
    if found is None:
        return _refused(request, 404, "There is no e-invoice yet", "It comes with the invoice.")
    try:
        content = export(from_json(found.view))
    except NotExpressible as missing:
        return _refused(request, 404, "There is no e-invoice", f"EN 16931 asks for more than is known: {missing}.")
    return _file(content, "application/xml", f"{found.number}.xml")


def _file(content: bytes, content_type: str, name: str) -> HttpResponse:
    # A number may have slashes, which a file's name may not.
    headers = {"Content-Disposition": f'inline; filename="{name.replace("/", "-")}"'}
    return _kept_private(HttpResponse(content, content_type=content_type, headers=headers))


def _refused(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    return _kept_private(render(request, "invoices/refused.html", {"title": title, "text": text}, status=status))


def _kept_private(response: HttpResponse) -> HttpResponse:
    """Neither shared caches nor search engines keep it, and no other site learns of the link."""
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
