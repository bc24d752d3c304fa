"""What happened that somebody wanted to hear of, and what they were told."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.ids import parse_id
from payments.admin.showing import readable, subject_link
from payments.outgoing import letters
from payments.outgoing.admin.showing import DELIVERY_TONES, link
from payments.outgoing.models import Delivery, EventType, OutgoingEvent


class DeliveryInline(TabularInline):
    """Who was to be told, and how far that has come."""

    model = Delivery
    extra = 0
    can_delete = False
    fields = ("delivery", "state_label", "times_tried", "next_try_at", "delivered_at", "last_status", "last_reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """With the subscriptions' names."""
        deliveries: QuerySet[Delivery] = super().get_queryset(request).select_related("subscription")
        return deliveries

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see deliveries."""
        return bool(request.user.has_perm("outgoing.view_delivery"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    @display(description="Delivery")
    def delivery(self, delivery: Delivery) -> str:
        return link("delivery", delivery.pk, delivery.subscription.name)

    @display(description="State")
    def state_label(self, delivery: Delivery) -> str:
        return coloured(delivery.get_state_display(), DELIVERY_TONES[delivery.state])


class EventTypeFilter(ChoiceFilter):
    title = "type"
    parameter_name = column = "type"
    options = EventType.choices


@admin.register(OutgoingEvent)
class OutgoingEventAdmin(ReadOnlyAdmin):
    """Events with what their receivers are sent."""

    list_display = ("id", "type", "subject", "created_at")
    list_filter = (EventTypeFilter,)
    search_fields = ("subject_id",)
    search_help_text = "The id of the event, or of what it happened to, such as an order's"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"type"})
    fieldsets = (
        (None, {"fields": (("id", "type"), ("subject", "created_at"))}),
        ("What is sent", {"fields": ("content",)}),
    )
    readonly_fields = ("id", "subject", "content")
    inlines = (DeliveryInline,)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutgoingEvent], search_term: str
    ) -> tuple[QuerySet[OutgoingEvent], bool]:
        """By its own id, or by its subject's."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is None:
            return queryset.none(), False
        of_subject = OutgoingEvent.objects.filter(subject_id=identifier).values_list("pk", flat=True)
        return queryset.filter(pk__in={identifier, *of_subject}), False

    @display(description="About")
    def subject(self, event: OutgoingEvent) -> str:
        return subject_link(event.subject_id) if event.type.startswith("order.") else str(event.subject_id)

    @display(description="Body")
    def content(self, event: OutgoingEvent) -> str:
        return format_html(
            '<pre class="overflow-x-auto text-xs leading-relaxed" style="white-space: pre-wrap">{}</pre>',
            readable(letters.content(event)),
        )
