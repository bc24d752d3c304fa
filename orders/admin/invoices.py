"""Invoices and the notes that correct them, to look at and to download. Nobody changes one, nor issues one by hand."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.money import Money
from orders.admin.searching import search_orders
from orders.admin.wording import INVOICE_TONES
from orders.invoices.links import invoice_url
from orders.models import Invoice, InvoiceKind, InvoicePdf, Order

_LINK = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'
_MOST_ORDERS = 1_000
"""Orders that a search by the beginning of an e-mail looks at."""


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = column = "kind"
    options = InvoiceKind.choices


def document_url(invoice: Invoice, format: str = "") -> str:
    """Where a document is for whoever has the link; its order is at hand."""
    note = invoice.number if invoice.kind != InvoiceKind.INVOICE else ""
    return invoice_url(invoice.order, note=note, format=format)


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """The newest documents first."""

    list_display = ("number", "kind_label", "order_number", "buyer", "amount", "tax", "issued_at", "download")
    list_filter = (KindFilter,)
    list_select_related = ("order", "corrects")
    search_fields = ("number",)
    search_help_text = "The beginning of a document's number, an order's number, or the beginning of an e-mail"
    ordering = ("-issued_at", "-id")
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"kind"})
    fieldsets = (
        (None, {"fields": (("number", "kind_label"), ("order_link", "corrects_link"), "issued_at", "download")}),
        ("Amounts", {"fields": (("net", "tax", "amount"), "due")}),
        ("Archive", {"fields": ("sha256", "rendered_at")}),
    )
    readonly_fields = (
        "kind_label",
        "order_link",
        "corrects_link",
        "download",
        "net",
        "tax",
        "amount",
        "due",
        "sha256",
        "rendered_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """With their orders."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)
        return invoices.select_related(*self.list_select_related)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """By the document's number, or by its order; each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        by_number = queryset.filter(number__startswith=term.upper())
        if by_number.exists():
            return by_number, False
        orders = search_orders(Order.objects.all(), term).order_by().values_list("pk", flat=True)[:_MOST_ORDERS]
        return queryset.filter(order__in=list(orders)), False

    @display(description="Kind")
    def kind_label(self, invoice: Invoice) -> str:
        return coloured(invoice.get_kind_display(), INVOICE_TONES[invoice.kind])

    @display(description="Order")
    def order_number(self, invoice: Invoice) -> str:
        return str(invoice.order.number)

    @display(description="Buyer")
    def buyer(self, invoice: Invoice) -> str:
        return str(invoice.view["buyer"]["name"])

    @display(description="Net")
    def net(self, invoice: Invoice) -> str:
        return shown(Money(invoice.net_minor, invoice.currency))

    @display(description="Tax")
    def tax(self, invoice: Invoice) -> str:
        return shown(Money(invoice.tax_minor, invoice.currency))

    @display(description="Total")
    def amount(self, invoice: Invoice) -> str:
        return shown(invoice.total)

    @display(description="Due at the issue")
    def due(self, invoice: Invoice) -> str:
        return shown(Money(invoice.due_minor, invoice.currency))

    @display(description="Order")
    def order_link(self, invoice: Invoice) -> str:
        return format_html(_LINK, reverse("admin:orders_order_change", args=[invoice.order_id]), invoice.order.number)

    @display(description="Corrects")
    def corrects_link(self, invoice: Invoice) -> str:
        if invoice.corrects is None:
            return "-"
        return format_html(
            _LINK, reverse("admin:orders_invoice_change", args=[invoice.corrects_id]), invoice.corrects.number
        )

    @display(description="Download")
    def download(self, invoice: Invoice) -> str:
        formats = (("Page", ""), ("PDF", "pdf"), ("XML", "xml"))
        return format_html_join(" ", _LINK, ((document_url(invoice, one), name) for name, one in formats))

    @display(description="SHA-256 of the PDF")
    def sha256(self, invoice: Invoice) -> str:
        kept = InvoicePdf.objects.filter(pk=invoice.pk).defer("content").first()
        return kept.sha256 if kept else "not rendered yet"

    @display(description="Rendered")
    def rendered_at(self, invoice: Invoice) -> str:
        kept = InvoicePdf.objects.filter(pk=invoice.pk).defer("content").first()
        return f"{kept.rendered_at:%d %b %Y, %H:%M:%S} UTC, {kept.rendering}" if kept else "-"
