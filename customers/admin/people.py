"""Customers, to look at: what they say of themselves is theirs to change."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog.admin.pages import ReadOnlyAdmin
from customers.admin.accounts import email_filter
from customers.models import Address, Customer, User
from kit.ids import parse_id

# The list of a customer's orders belongs to an app above; hence by name.
ORDERS_PAGE = "admin:orders_order_changelist"
_RIGHTS = {"place": "customers.view_placement", "memberships": "customers.view_membership"}
MOST_USERS = 1_000
"""Accounts that a search by the beginning of an e-mail looks at."""


class AddressInline(TabularInline):
    """Addresses the customer keeps."""

    model = Address
    extra = 0
    can_delete = False
    fields = ("label", "street", "city", "state", "postal_code", "country")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see the customer."""
        return bool(request.user.has_perm("customers.view_customer"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Who buys, and where their orders are."""

    list_display = ("email", "first_name", "last_name", "phone", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    search_help_text = "The beginning of an e-mail, or a customer's id"
    ordering = ("-pk",)
    fields = (
        "email",
        ("first_name", "last_name"),
        "phone",
        "tax_number",
        "orders",
        "place",
        "memberships",
        "id",
        "created_at",
    )
    readonly_fields = ("email", "orders", "place", "memberships", "id")
    inlines = (AddressInline,)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """No link to where the reader may not go."""
        closed = {name for name, right in _RIGHTS.items() if not request.user.has_perm(right)}
        return [name for name in self.fields if name not in closed]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """By id, or by the beginning of the e-mail."""
        term = search_term.strip()
        return (queryset.filter(pk__in=customers_found(term)) if term else queryset), False

    @display(description="E-mail")
    def email(self, customer: Customer) -> str:
        return customer.user.email

    @display(description="Orders")
    def orders(self, customer: Customer) -> str:
        try:
            address = reverse(ORDERS_PAGE)
        except NoReverseMatch:
            return "-"
        link = '<a href="{}?customer__id__exact={}" class="text-primary-600 dark:text-primary-500">{}</a>'
        return format_html(link, address, customer.pk, "Orders of this customer")

    @display(description="Place")
    def place(self, customer: Customer) -> str:
        address = reverse("admin:customers_placement_change", args=[customer.pk])
        return _link(address, "In the genealogy" if hasattr(customer, "placement") else "In the waiting room")

    @display(description="Memberships")
    def memberships(self, customer: Customer) -> str:
        address = reverse("admin:customers_membership_changelist")
        return _link(f"{address}?customer__id__exact={customer.pk}", "Memberships of this customer")


def customers_found(term: str) -> list[uuid.UUID]:
    """The ids of the customers with that id, or whose e-mail is or begins with the term. By their indexes."""
    identifier = parse_id(term)
    if identifier is not None:
        return [identifier]
    users = User.objects.filter(**email_filter("email", term)).values_list("pk", flat=True)[:MOST_USERS]
    return list(Customer.objects.filter(user__in=list(users)).values_list("pk", flat=True))


def person_link(customer: Customer) -> str:
    """A link to a customer's page."""
    return _link(reverse("admin:customers_customer_change", args=[customer.pk]), customer.user.email)


def _link(address: str, text: str) -> str:
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, text)
