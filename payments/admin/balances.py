"""What customers have of credit, and how it came about: to look at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ReadOnlyAdmin
from customers.admin.accounts import email_filter
from customers.models import User
from kit.money import Money
from payments.admin.showing import subject_link
from payments.models import Account, CreditBalance, LedgerEntry

SHOWN = 100
"""The newest entries of a balance are on its page; all are in the ledger."""
MOST_USERS = 1_000
"""Accounts that a search by the beginning of an e-mail looks at."""


@admin.register(CreditBalance)
class CreditBalanceAdmin(ReadOnlyAdmin):
    """A balance for each customer and currency; the newest customers' first."""

    list_display = ("owner", "balance", "currency")
    list_select_related = ("customer__user",)
    search_fields = ("customer__user__email",)
    search_help_text = "The beginning of a customer's e-mail"
    ordering = ("-pk",)
    fields = (("owner", "balance"), "entries")
    readonly_fields = ("owner", "balance", "entries")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CreditBalance], search_term: str
    ) -> tuple[QuerySet[CreditBalance], bool]:
        """By the beginning of an e-mail."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = User.objects.filter(**email_filter("email", term)).values_list("pk", flat=True)[:MOST_USERS]
        return queryset.filter(customer__user__in=list(users)), False

    @display(description="Customer")
    def owner(self, balance: CreditBalance) -> str:
        return balance.customer.user.email

    @display(description="Balance")
    def balance(self, balance: CreditBalance) -> str:
        return shown(Money(balance.balance_minor, balance.currency))

    @display(description="Entries")
    def entries(self, balance: CreditBalance) -> str:
        """The newest ones; what came is above zero."""
        entries = LedgerEntry.objects.filter(
            customer=balance.customer_id, currency=balance.currency, account=Account.CUSTOMER_CREDIT
        )
        rows = [
            {
                "at": entry.transfer.at,
                "kind": entry.transfer.get_kind_display(),
                "amount": shown(Money(-entry.amount_minor, entry.currency)),
                "subject": subject_link(entry.subject_id, "Order") if entry.subject_id else "",
            }
            for entry in entries.select_related("transfer").order_by("-pk")[:SHOWN]
        ]
        return render_to_string("admin/payments/credit_entries.html", {"rows": rows})
