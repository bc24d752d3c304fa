"""The ledger, to look at: its transfers with their entries, and the balance sheets."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import action, display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin
from kit.ids import parse_id
from kit.money import Money
from payments.admin.showing import subject_link
from payments.models import LedgerEntry, LedgerTransfer, OwedTo, PaymentRequest, TransferKind
from payments.reports import AccountType, BalanceSheet, balance_sheets


def _debit(entry: LedgerEntry) -> str:
    return shown(Money(entry.amount_minor, entry.currency)) if entry.amount_minor > 0 else ""


def _credit(entry: LedgerEntry) -> str:
    return shown(Money(-entry.amount_minor, entry.currency)) if entry.amount_minor < 0 else ""


class EntryInline(TabularInline):
    """The entries of a transfer."""

    model = LedgerEntry
    extra = 0
    can_delete = False
    show_change_link = False
    fields = ("account", "debit", "credit", "subject")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        """With whether it is about a merchant's order."""
        for_merchants = PaymentRequest.objects.filter(subject_id=OuterRef("subject_id"), owed_to=OwedTo.MERCHANT_FUNDS)
        entries: QuerySet[LedgerEntry] = super().get_queryset(request).annotate(is_merchants=Exists(for_merchants))
        return entries

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the ledger is written by what happens."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description="Debit")
    def debit(self, entry: LedgerEntry) -> str:
        return _debit(entry)

    @display(description="Credit")
    def credit(self, entry: LedgerEntry) -> str:
        return _credit(entry)

    @display(description="For")
    def subject(self, entry: LedgerEntry) -> str:
        if entry.subject_id is None:
            return ""
        owed_to = OwedTo.MERCHANT_FUNDS if getattr(entry, "is_merchants", False) else OwedTo.RECEIVABLE
        return subject_link(entry.subject_id, "Order", owed_to=owed_to)


class TransferKindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = column = "kind"
    options = TransferKind.choices


@admin.register(LedgerTransfer)
class LedgerTransferAdmin(ReadOnlyAdmin):
    """Every transfer with its entries."""

    list_display = ("source", "kind", "sides", "memo", "at")
    list_filter = (TransferKindFilter,)
    search_fields = ("source",)
    search_help_text = "A transfer's source, or the id of an order"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"kind"})
    fields = ("source", "kind", "memo", "at")
    readonly_fields = fields
    inlines = (EntryInline,)
    actions_list = ("balance_sheet",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransfer]:
        """With their entries."""
        transfers: QuerySet[LedgerTransfer] = super().get_queryset(request).prefetch_related("entries")
        return transfers

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerTransfer], search_term: str
    ) -> tuple[QuerySet[LedgerTransfer], bool]:
        """By the whole source, or everything about an order."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is not None:
            return queryset.filter(pk__in=LedgerEntry.objects.filter(subject_id=identifier).values("transfer")), False
        return queryset.filter(source=term), False

    @display(description="Entries")
    def sides(self, transfer: LedgerTransfer) -> str:
        entries = list(transfer.entries.all())
        to = ", ".join(f"{entry.get_account_display()} {_debit(entry)}" for entry in entries if _debit(entry))
        by = ", ".join(f"{entry.get_account_display()} {_credit(entry)}" for entry in entries if _credit(entry))
        return format_html("{} &larr; {}", to, by)

    @action(description="Balance sheet", url_path="balance-sheet")
    def balance_sheet(self, request: HttpRequest) -> HttpResponse:
        """Assets, liabilities and equity of every currency, with the trial balance that they come from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Balance sheet",
            "opts": self.opts,
            "sheets": [_sheet(sheet) for sheet in balance_sheets()],
        }
        return TemplateResponse(request, "admin/payments/balance_sheet.html", context)


_SIDES = {
    AccountType.ASSET: ("Assets", 1),
    AccountType.LIABILITY: ("Liabilities", -1),
    AccountType.INCOME: ("Income", -1),
    AccountType.EXPENSE: ("Expenses", 1),
}


def _sheet(sheet: BalanceSheet) -> dict[str, Any]:
    """A balance sheet in words and major units."""

    def text(minor: int) -> str:
        return f"{Money(minor, sheet.currency).major:,f}"

    sides = []
    for type_, (name, sign) in _SIDES.items():
        rows = sheet.of_type(type_)
        if rows:
            sides.append(
                {
                    "name": name,
                    "sum": text(sign * sum(row.balance_minor for row in rows)),
                    "rows": [
                        {
                            "account": row.account.label,
                            "debit": text(row.debit_minor),
                            "credit": text(row.credit_minor),
                            "balance": text(sign * row.balance_minor),
                        }
                        for row in rows
                    ],
                }
            )
    return {
        "currency": sheet.currency,
        "sides": sides,
        "assets": text(sheet.assets_minor),
        "liabilities": text(sheet.liabilities_minor),
        "equity": text(sheet.equity_minor),
        "balances": sheet.balances,
    }
