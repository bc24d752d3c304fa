"""What customers have of credit, and how it came about: to look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display

from catalog.admin.money import shown
from catalog.admin.pages import ReadOnlyAdmin
from customers.admin.accounts import email_filter
from customers.models import User
from kit import clock
from kit.money import Money
from payments.admin.showing import subject_link
from payments.credits.statement import move_of
from payments.models import Account, CreditBalance, CreditTerm, LedgerEntry

SHOWN = 100
"""The newest entries of a balance are on its page; all are in its statement, so many on a page."""
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
    fields = (("owner", "balance"), "terms", "entries")
    readonly_fields = ("owner", "balance", "terms", "entries")
    actions_detail = ("statement",)

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

    @display(description="Good until")
    def terms(self, balance: CreditBalance) -> str:
        """What of it ends when, what ends first at the top; that is spent first."""
        left = CreditTerm.objects.filter(customer=balance.customer_id, currency=balance.currency, left_minor__gt=0)
        rows = [
            {
                "amount": shown(Money(term.left_minor, term.currency)),
                "ends": term.expires_at,
                "is_over": term.expires_at is not None and term.expires_at <= clock.now(),
            }
            for term in left.order_by(F("expires_at").asc(nulls_last=True), "pk")[:SHOWN]
        ]
        return render_to_string("admin/payments/credit_terms.html", {"rows": rows})

    @display(description="Entries")
    def entries(self, balance: CreditBalance) -> str:
        """The newest ones, and what each was; what came is above zero."""
        rows = _rows(_entries(balance)[:SHOWN])
        context = {"rows": rows, "older": len(rows) == SHOWN, "statement": _statement_page(balance)}
        return render_to_string("admin/payments/credit_entries.html", context)

    @action(description="Statement", icon="receipt_long")
    def statement(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Every entry, a page at a time by where the last one ended."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = _whole(object_id)
        balance = self.get_queryset(request).filter(pk=key).first() if key else None
        if balance is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        entries = _entries(balance)
        before = _whole(request.GET.get("before", ""))
        if before:
            entries = entries.filter(pk__lt=before)
        found = list(entries[: SHOWN + 1])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": balance,
            "title": f"{balance.customer.user.email}: {self.balance(balance)}",
            "rows": _rows(found[:SHOWN]),
            "next": f"?before={found[SHOWN - 1].pk}" if len(found) > SHOWN else "",
            "back": reverse("admin:payments_creditbalance_change", args=[balance.pk]),
        }
        return TemplateResponse(request, "admin/payments/credit_statement.html", context)


def _entries(balance: CreditBalance) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(
        customer=balance.customer_id, currency=balance.currency, account=Account.CUSTOMER_CREDIT
    )
    return entries.select_related("transfer").order_by("-pk")


def _rows(entries: Iterable[LedgerEntry]) -> list[dict[str, Any]]:
    return [
        {
            "at": entry.transfer.at,
            "what": move_of(entry).label,
            "memo": entry.transfer.memo,
            "amount": shown(Money(-entry.amount_minor, entry.currency)),
            "ends": entry.expires_at,
            "subject": subject_link(entry.subject_id, "Order") if entry.subject_id else "",
        }
        for entry in entries
    ]


def _statement_page(balance: CreditBalance) -> str:
    return reverse("admin:payments_creditbalance_statement", args=[balance.pk])


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
