"""What was asked of payers, and each of their tries to pay it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.ids import parse_id
from kit.money import Money
from payments.admin import searching
from payments.admin.showing import ATTEMPT_TONES, REQUEST_TONES, subject_link
from payments.models import GatewayName, PaymentAttempt, PaymentRequest, RequestState


class RequestStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = RequestState.choices


class RequestGatewayFilter(ChoiceFilter):
    title = "gateway"
    parameter_name = column = "gateway"
    options = GatewayName.choices


class AttemptInline(TabularInline):
    """The tries to pay a request."""

    model = PaymentAttempt
    extra = 0
    can_delete = False
    tab = False
    fields = (
        "gateway_payment_id",
        "state_label",
        "asked",
        "captured",
        "refunded",
        "means",
        "failure_code",
        "created_at",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: gateways tell of attempts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    @display(description="State")
    def state_label(self, attempt: PaymentAttempt) -> str:
        return coloured(attempt.get_state_display(), ATTEMPT_TONES[attempt.state])

    @display(description="Amount")
    def asked(self, attempt: PaymentAttempt) -> str:
        return shown(Money(attempt.amount_minor, attempt.currency))

    @display(description="Captured")
    def captured(self, attempt: PaymentAttempt) -> str:
        return shown(Money(attempt.captured_minor, attempt.currency))

    @display(description="Refunded")
    def refunded(self, attempt: PaymentAttempt) -> str:
        return shown(Money(attempt.refunded_minor, attempt.currency))

    @display(description="Means")
    def means(self, attempt: PaymentAttempt) -> str:
        return f"{attempt.method} {attempt.last4 and f'•••• {attempt.last4}'}".strip() or "-"


@admin.register(PaymentRequest)
class PaymentRequestAdmin(ReadOnlyAdmin):
    """Amounts asked of payers. The client secret is the payer's alone and is not even read from the database."""

    list_display = ("reference", "gateway", "state_label", "asked", "subject", "created_at")
    list_filter = (RequestStateFilter, RequestGatewayFilter)
    search_fields = ("gateway_reference",)
    search_help_text = "A gateway's id (pi_..., order_..., ch_..., pay_...), or the id of an order or of a request"
    # Ids grow with time, and their index is there already.
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state", "gateway"})
    fieldsets = (
        (None, {"fields": (("reference", "gateway"), ("state_label", "asked"), "subject")}),
        ("When", {"fields": (("created_at", "asked_at"), ("times_asked", "cancel_wanted_at"))}),
    )
    readonly_fields = ("reference", "state_label", "asked", "subject")
    inlines = (AttemptInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentRequest]:
        """Without the secret."""
        requests: QuerySet[PaymentRequest] = super().get_queryset(request).defer("client_secret")
        return requests

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PaymentRequest], search_term: str
    ) -> tuple[QuerySet[PaymentRequest], bool]:
        """By what a gateway calls it, by its own id, or by what it is for."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is None:
            return queryset.filter(pk__in=searching.requests_of_gateway_id(term)), False
        of_subject = PaymentRequest.objects.filter(subject_id=identifier).values_list("pk", flat=True)
        return queryset.filter(pk__in={identifier, *of_subject}), False

    @display(description="Reference")
    def reference(self, request: PaymentRequest) -> str:
        fallback = "Cash" if request.gateway == GatewayName.OFFLINE else "Not known yet"
        return request.gateway_reference or fallback

    @display(description="State")
    def state_label(self, request: PaymentRequest) -> str:
        return coloured(request.get_state_display(), REQUEST_TONES[request.state])

    @display(description="Amount")
    def asked(self, request: PaymentRequest) -> str:
        return shown(request.amount)

    @display(description="For")
    def subject(self, request: PaymentRequest) -> str:
        return subject_link(request.subject_id, request.description, owed_to=request.owed_to)


def request_link(request_id: Any, text: str) -> str:
    """A link to a payment request's page."""
    address = reverse("admin:payments_paymentrequest_change", args=[request_id])
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, text)
