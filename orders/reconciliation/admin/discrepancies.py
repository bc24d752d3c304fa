"""The queue of what differs between our books and the gateways', and what is done about it.

No field can be edited: the buttons call the acts, each of which is checked again when its form is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from catalog.admin.parts import EVERYTHING, Part, PartFilter
from kit.errors import DomainError
from kit.ids import parse_id
from kit.money import Money
from orders.reconciliation.admin.acts import ACTS, REFUSALS, Act
from orders.reconciliation.admin.sides import both_sides, link_subject
from payments.gateways.base import GatewayError
from payments.models import GatewayName
from payments.reconciliation.models import Discrepancy, DiscrepancyAct, DiscrepancyKind, DiscrepancyState, Urgency

_OPEN, _RESOLVED = DiscrepancyState.OPEN.value, DiscrepancyState.RESOLVED.value
_TONES = {"open": "warning", "resolved": "success", "gone": "info"}
_URGENCY_TONES = {Urgency.NOW: "danger", Urgency.SOON: "warning", Urgency.LATER: "default"}


class StateFilter(PartFilter):
    """The open ones unless others are asked for."""

    title = "discrepancies"
    parameter_name = "state"
    parts = (
        Part(_OPEN, "Open", "The most urgent first, then the oldest", {"state": _OPEN}),
        Part("gone", "Gone", "Seen no more; the newest first", {"state": DiscrepancyState.GONE.value}),
        Part("resolved", "Resolved", "Dealt with by somebody; the newest first", {"state": _RESOLVED}),
        Part(EVERYTHING, "All", "The newest first", {}),
    )


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = column = "kind"
    options = DiscrepancyKind.choices


class GatewayFilter(ChoiceFilter):
    title = "gateway"
    parameter_name = column = "gateway"
    options = GatewayName.choices


class ActInline(TabularInline):
    """Who did what about it, and why."""

    model = DiscrepancyAct
    extra = 0
    can_delete = False
    tab = False
    fields = ("at", "deed", "by", "reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DiscrepancyAct]:
        """With the names of who did it."""
        acts: QuerySet[DiscrepancyAct] = super().get_queryset(request).select_related("by")
        return acts

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see the discrepancy."""
        return bool(request.user.has_perm("reconciliation.view_discrepancy"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


@admin.register(Discrepancy)
class DiscrepancyAdmin(ReadOnlyAdmin):
    """The queue: open discrepancies, the most urgent first; the others a tab away."""

    list_filter = (StateFilter, KindFilter, GatewayFilter)
    list_filter_options: ClassVar[dict[str, Any]] = {"state": {"horizontal": True}}
    first_are = "first"
    list_select_related = ("assigned_to",)
    search_fields = ("gateway_id",)
    search_help_text = "The gateway's id of a payment, refund, dispute or settlement, or an id of ours"
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state", "kind", "gateway"})
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "gateway"),
                    ("state_label", "urgency_label"),
                    ("gateway_id", "subject"),
                    ("difference", "proposed"),
                )
            },
        ),
        ("When", {"fields": (("first_seen_at", "last_seen_at"),)}),
        ("Who", {"fields": (("owner", "outcome"), ("resolved_by", "resolved_at"), "reason")}),
    )
    readonly_fields = ("name", "state_label", "urgency_label", "difference", "subject", "owner", "outcome")
    inlines = (ActInline,)
    actions_detail = ("assign", "look", "accept", "close", "take_back", "write_off")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """How urgent a discrepancy is that waits for somebody; what became of any other."""
        which = "urgency_label" if StateFilter.chosen(request).value == _OPEN else "state_label"
        return ("name", which, "thing", "gateway", "difference", "proposed", "owner", "first_seen_at")

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """The queue by urgency, then by age; what is over, the newest first. Ids grow."""
        return ("urgency", "pk") if StateFilter.chosen(request).value == _OPEN else ("-pk",)

    def within_reach(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> tuple[QuerySet[Discrepancy], bool]:
        """All that are open, which an index holds; of the others the newest."""
        if StateFilter.chosen(request).value == _OPEN:
            return queryset, False
        return super().within_reach(request, queryset)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Discrepancy], search_term: str
    ) -> tuple[QuerySet[Discrepancy], bool]:
        """By what it is about."""
        term = search_term.strip()
        return (queryset.filter(gateway__in=GatewayName.values, gateway_id=term) if term else queryset), False

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that make sense for the discrepancy as it is."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        discrepancy = self.get_object(request, str(object_id))
        if not isinstance(discrepancy, Discrepancy):
            return []
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if ACTS[one.action_name.removeprefix(prefix)].makes_sense(discrepancy)]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what both sides say."""
        discrepancy = kwargs.get("obj")
        sides = both_sides(discrepancy) if isinstance(discrepancy, Discrepancy) else None
        return super().render_change_form(request, {**context, "sides": sides}, *args, **kwargs)

    @display(description="What")
    def name(self, discrepancy: Discrepancy) -> str:
        return discrepancy.get_kind_display()

    @display(description="About")
    def thing(self, discrepancy: Discrepancy) -> str:
        where = discrepancy.theirs.get("file")
        if not where:
            return discrepancy.gateway_id
        line = discrepancy.theirs.get("file_line")
        place = f"{where}, line {line}" if line else str(where)
        return format_html('{}<br><span class="text-subtle">{}</span>', discrepancy.gateway_id, place)

    @display(description="State")
    def state_label(self, discrepancy: Discrepancy) -> str:
        return coloured(discrepancy.get_state_display(), _TONES[discrepancy.state])

    @display(description="Urgency")
    def urgency_label(self, discrepancy: Discrepancy) -> str:
        urgency = Urgency(discrepancy.urgency)
        return coloured(urgency.label, _URGENCY_TONES[urgency])

    @display(description="They have more by")
    def difference(self, discrepancy: Discrepancy) -> str:
        return shown(Money(discrepancy.amount_minor, discrepancy.currency))

    @display(description="Assigned to")
    def owner(self, discrepancy: Discrepancy) -> str:
        return str(discrepancy.assigned_to or "-")

    @display(description="Resolution")
    def outcome(self, discrepancy: Discrepancy) -> str:
        return discrepancy.get_resolution_display() or "-"

    @display(description="Order")
    def subject(self, discrepancy: Discrepancy) -> str:
        return link_subject(discrepancy)

    # One right for all acts; unfold asks by the name of a method.

    def has_resolve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May discrepancies be dealt with?"""
        return bool(request.user.has_perm("reconciliation.resolve_discrepancy"))

    @action(description=ACTS["assign"].title, icon="person", permissions=["resolve"])
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["assign"])

    @action(description=ACTS["look"].title, icon="refresh", permissions=["resolve"])
    def look(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["look"])

    @action(description=ACTS["accept"].title, icon="check", permissions=["resolve"])
    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["accept"])

    @action(description=ACTS["close"].title, icon="done_all", permissions=["resolve"])
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["close"])

    @action(description=ACTS["take_back"].title, icon="undo", permissions=["resolve"], variant=ActionVariant.DANGER)
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["take_back"])

    @action(
        description=ACTS["write_off"].title, icon="money_off", permissions=["resolve"], variant=ActionVariant.DANGER
    )
    def write_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["write_off"])

    def _act(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        """The act's form; on POST the act, which leaves its own line of audit."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = parse_id(object_id)
        discrepancy = Discrepancy.objects.filter(pk=key).first() if key else None
        if discrepancy is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:reconciliation_discrepancy_change", args=[discrepancy.pk])
        form = act.form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            self._perform(request, discrepancy, act, form.cleaned_data)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": discrepancy,
            "title": f"{act.title}: {discrepancy}",
            "form": form,
            "button": act.title,
            "button_variant": "danger" if act.is_drastic else "primary",
            "explanation": act.explanation,
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)

    def _perform(self, request: HttpRequest, discrepancy: Discrepancy, act: Act, told: dict[str, Any]) -> None:
        user_id = request.user.pk
        assert user_id is not None
        try:
            said = act.perform(discrepancy, told, user_id)
        except DomainError as error:
            messages.error(request, REFUSALS[error.first.code])
        except GatewayError:
            messages.error(request, "The gateway did not answer. Nothing was changed; try again later.")
        else:
            messages.success(request, said)
