"""Merchants' payment orders with their payments and refunds, to look at."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.ids import parse_id
from kit.money import Money
from payments.admin import searching
from payments.admin.requests import request_link
from payments.admin.showing import ATTEMPT_TONES, REFUND_TONES
from payments.merchants.admin.showing import ORDER_TONES
from payments.merchants.models import MerchantOrder, MerchantOrderStatus
from payments.models import PaymentAttempt, PaymentRequest


class OrderStatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = column = "status"
    options = MerchantOrderStatus.choices


class WaitingFilter(ChoiceFilter):
    title = "waiting to be captured"
    parameter_name = "authorized"
    column = "authorized"
    options = (("True", "Yes"), ("False", "No"))


@admin.register(MerchantOrder)
class MerchantOrderAdmin(ReadOnlyAdmin):
    """Orders of all merchants, the newest first; those that were given up, too."""

    list_display = ("name", "merchant", "state", "asked", "paid", "attempts", "receipt", "created_at")
    list_filter = (OrderStatusFilter, WaitingFilter)
    list_select_related = ("merchant",)
    search_fields = ("reference",)
    search_help_text = "An order's id, the id of a payment or refund of it, or our own"
    # Ids grow with time, and their index is there already.
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"status", "authorized"})
    fieldsets = (
        (None, {"fields": (("name", "state"), ("merchant", "key"), ("asked", "paid"), ("receipt", "payment_request"))}),
        ("What the merchant said", {"fields": (("capture", "created_at"), "said")}),
        ("Payments", {"fields": ("payments",)}),
    )
    readonly_fields = ("name", "state", "asked", "paid", "said", "payment_request", "payments")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[MerchantOrder], search_term: str
    ) -> tuple[QuerySet[MerchantOrder], bool]:
        """By its own id, the gateway's, or by what was paid or given back."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is not None:
            return queryset.filter(pk=identifier), False
        return queryset.filter(pk__in=searching.subjects_of_gateway_id(term)), False

    @display(description="Order")
    def name(self, order: MerchantOrder) -> str:
        return str(order)

    @display(description="State")
    def state(self, order: MerchantOrder) -> str:
        if order.reference is None:
            return coloured("Given up" if order.given_up else "Not opened yet", "danger")
        return coloured(order.get_status_display(), ORDER_TONES[order.status])

    @display(description="Amount")
    def asked(self, order: MerchantOrder) -> str:
        return shown(order.amount)

    @display(description="Paid")
    def paid(self, order: MerchantOrder) -> str:
        return shown(Money(order.paid_minor, order.currency))

    @display(description="Notes")
    def said(self, order: MerchantOrder) -> str:
        return order.notes

    @display(description="Payment request")
    def payment_request(self, order: MerchantOrder) -> str:
        found = PaymentRequest.objects.filter(subject_id=order.pk).only("pk", "state").get()
        return request_link(found.pk, found.get_state_display())

    @display(description="Payments and refunds")
    def payments(self, order: MerchantOrder) -> str:
        attempts = PaymentAttempt.objects.filter(request__subject_id=order.pk).prefetch_related("refunds")
        rows = [
            {
                "id": attempt.gateway_payment_id,
                "state": coloured(attempt.get_state_display(), ATTEMPT_TONES[attempt.state]),
                "amount": shown(Money(attempt.amount_minor, attempt.currency)),
                "means": f"{attempt.method} {attempt.last4 and f'•••• {attempt.last4}'}".strip() or "-",
                "failure": attempt.details.get("error_description", ""),
                "at": attempt.created_at,
                "refunds": [
                    {
                        "id": refund.gateway_refund_id or refund.pk,
                        "state": coloured(refund.get_state_display(), REFUND_TONES[refund.state]),
                        "amount": shown(refund.amount),
                        "reason": refund.reason,
                        "at": refund.created_at,
                    }
                    for refund in attempt.refunds.all()
                ],
            }
            for attempt in attempts.order_by("-created_at", "-pk")
        ]
        return render_to_string("admin/merchants/merchantorder/payments.html", {"payments": rows})
