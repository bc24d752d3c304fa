"""Each event on its way to each subscriber: the delivery log, and sending again."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action, display

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.ids import parse_id
from payments.outgoing.admin.showing import DELIVERY_TONES, link
from payments.outgoing.models import Delivery, DeliveryState, DeliveryTry
from payments.outgoing.redelivering import redeliver


class TryInline(TabularInline):
    """Every try of the last ninety days."""

    model = DeliveryTry
    extra = 0
    can_delete = False
    ordering = ("-pk",)
    fields = ("at", "status", "reason", "duration_ms")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see the delivery."""
        return bool(request.user.has_perm("outgoing.view_delivery"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


class DeliveryStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = DeliveryState.choices


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, the newest first. Those that were given up stand out: a person has to look."""

    list_display = ("event_type", "subscriber", "state_label", "times_tried", "last_status", "last_reason", "wanted_at")
    list_filter = (DeliveryStateFilter,)
    list_select_related = ("event", "subscription")
    search_fields = ("event__id",)
    search_help_text = "The id of an event, or of what it happened to, such as an order's"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state"})
    fieldsets = (
        (None, {"fields": (("event_link", "subscriber"), ("state_label", "times_tried"))}),
        ("When", {"fields": (("wanted_at", "next_try_at"), "delivered_at")}),
        ("The last try", {"fields": (("last_status", "last_reason"),)}),
    )
    readonly_fields = ("event_link", "subscriber", "state_label")
    inlines = (TryInline,)
    actions_detail = ("redeliver",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """By the event, or by what it happened to."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is None:
            return queryset.none(), False
        of_event = Delivery.objects.filter(event_id=identifier).order_by().values_list("pk", flat=True)
        of_subject = Delivery.objects.filter(event__subject_id=identifier).order_by().values_list("pk", flat=True)
        return queryset.filter(pk__in={*of_event, *of_subject}), False

    @display(description="Event")
    def event_type(self, delivery: Delivery) -> str:
        return delivery.event.type

    @display(description="Event")
    def event_link(self, delivery: Delivery) -> str:
        return link("outgoingevent", delivery.event_id, f"{delivery.event.type} {delivery.event_id}")

    @display(description="Subscription")
    def subscriber(self, delivery: Delivery) -> str:
        return link("subscription", delivery.subscription_id, delivery.subscription.name)

    @display(description="State")
    def state_label(self, delivery: Delivery) -> str:
        return coloured(delivery.get_state_display(), DELIVERY_TONES[delivery.state])

    def has_redeliver_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May events be sent again?"""
        return bool(request.user.has_perm("outgoing.redeliver_delivery"))

    @action(description="Send again", icon="replay", permissions=["redeliver"])
    def redeliver(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A question on GET; on POST the delivery is due at once."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else None
        delivery = Delivery.objects.select_related("event", "subscription").filter(pk=key).first() if key else None
        if delivery is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:outgoing_delivery_change", args=[delivery.pk])
        if request.method == "POST":
            if redeliver(delivery.pk):
                self.log_change(request, delivery, "Sent again")
                messages.success(request, "The event is on its way again.")
            else:
                messages.error(request, "The subscription is disabled: enable it first.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": delivery,
            "title": "Send again",
            "form": forms.Form(),
            "button": "Send again",
            "button_variant": "primary",
            "explanation": f"{delivery.event.type} goes to {delivery.subscription.name} once more, under the same id: "
            "a receiver that had it already will know.",
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)
