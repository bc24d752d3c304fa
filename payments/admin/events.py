"""What gateways told us by webhook, and what became of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from payments import inbox
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
        "about",
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
            {"fields": (("event_type", "gateway"), ("state_label", "times_tried"), ("about", "event_key"))},
        ),
        ("When", {"fields": ("received_at", "worked_at")}),
        ("What it says", {"fields": ("content",), "description": "As received; secrets are cut out."}),
    )
    readonly_fields = ("state_label", "about", "content")
    actions_detail = ("work_again",)

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

    @display(description="About")
    def about(self, event: WebhookEvent) -> str:
        return " ".join(filter(None, (event.gateway_reference, event.dispute_id))) or "-"

    @display(description="Body")
    def content(self, event: WebhookEvent) -> str:
        return format_html(
            '<pre class="overflow-x-auto text-xs leading-relaxed" style="white-space: pre-wrap">{}</pre>',
            readable(bytes(event.body)),
        )

    def has_work_again_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May events be worked again?"""
        return bool(request.user.has_perm("payments.work_again_webhookevent"))

    @action(description="Work again", icon="replay", permissions=["work_again"])
    def work_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A question on GET; on POST the event is received once more."""
        if not self.has_view_permission(request) or not self.has_work_again_permission(request):
            raise PermissionDenied
        key = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else None
        event = WebhookEvent.objects.defer("body").filter(pk=key).first() if key else None
        if event is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:payments_webhookevent_change", args=[event.pk])
        if request.method == "POST":
            if inbox.work_again([event.pk]):
                self.log_change(request, event, "Worked again")
                messages.success(request, "The event is worked again in a moment.")
            else:
                messages.info(request, "The event waits to be worked already.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": event,
            "title": f"Work again: {event.event_type}",
            "form": forms.Form(),
            "button": "Work it again",
            "button_variant": "primary",
            "explanation": "Asks the gateway once more what is true now about what the event names. What is right "
            "already stays as it is.",
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)
