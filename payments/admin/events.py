"""What gateways told us by webhook, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from payments.admin.showing import EVENT_TONES, readable
from payments.models import EventState, GatewayName, WebhookEvent


class EventStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = EventState.choices


class EventGatewayFilter(ChoiceFilter):
    title = "gateway"
    parameter_name = column = "gateway"
    options = ((GatewayName.STRIPE.value, "Stripe"), (GatewayName.RAZORPAY.value, "Razorpay"))


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """Received events. Orphaned and failed ones stand out: a person has to look."""

    list_display = (
        "event_type",
        "gateway",
        "state_label",
        "gateway_reference",
        "times_tried",
        "received_at",
        "worked_at",
    )
    list_filter = (EventStateFilter, EventGatewayFilter)
    search_fields = ("gateway_reference",)
    search_help_text = "The gateway's id of the payment request (pi_..., order_...) or of the event (evt_...)"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state", "gateway"})
    fieldsets = (
        (
            None,
            {"fields": (("event_type", "gateway"), ("state_label", "times_tried"), ("gateway_reference", "event_key"))},
        ),
        ("When", {"fields": ("received_at", "worked_at")}),
        ("What it says", {"fields": ("content",), "description": "As received; secrets are cut out."}),
    )
    readonly_fields = ("state_label", "content")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookEvent], search_term: str
    ) -> tuple[QuerySet[WebhookEvent], bool]:
        """By the payment request that it is about, or by its own key."""
        term = search_term.strip()
        if not term:
            return queryset, False
        column = "event_key" if term.startswith("evt_") else "gateway_reference"
        return queryset.filter(**{"gateway__in": GatewayName.values, column: term}), False

    @display(description="State")
    def state_label(self, event: WebhookEvent) -> str:
        return coloured(event.get_state_display(), EVENT_TONES[event.state])

    @display(description="Body")
    def content(self, event: WebhookEvent) -> str:
        return format_html(
            '<pre class="overflow-x-auto text-xs leading-relaxed" style="white-space: pre-wrap">{}</pre>',
            readable(bytes(event.body)),
        )
