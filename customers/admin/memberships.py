"""Memberships with all that happened to them, to look at; and upgrades on their way: staff may end the shop's own."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from customers.admin.people import customers_found, person_link
from customers.memberships.upgrades import abandon_upgrade
from customers.models import (
    Membership,
    MembershipHistory,
    MembershipNotice,
    MembershipState,
    UpgradeKind,
    UpgradeProcess,
    UpgradeState,
)
from kit.ids import parse_id

# An order's page belongs to an app above; hence by name.
ORDER_PAGE = "admin:orders_order_change"
STATE_TONES = {"active": "success", "expired": "warning", "replaced": "info", "reversed": "danger"}
UPGRADE_TONES = {"in_progress": "info", "finished": "success", "abandoned": "warning"}


class _LookedAt(TabularInline):
    """Rows of a membership that nobody edits."""

    extra = 0
    can_delete = False
    show_change_link = False
    show_title = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see the membership."""
        return bool(request.user.has_perm("customers.view_membership"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


class HistoryInline(_LookedAt):
    """Everything that happened to it."""

    model = MembershipHistory
    verbose_name_plural = "history"
    fields = ("at", "event", "days_shown", "ends_from", "ends_to", "order", "actor")
    readonly_fields = fields

    @display(description="Days")
    def days_shown(self, row: MembershipHistory) -> str:
        return f"{row.days:+d}" if row.days else ""

    @display(description="By order")
    def order(self, row: MembershipHistory) -> str:
        if row.order_id:
            return format_html('<a href="{}">{}</a>', reverse(ORDER_PAGE, args=[row.order_id]), row.order_id)
        return "An automatic upgrade" if row.upgrade_id else "-"


class NoticeInline(_LookedAt):
    """What the member was written."""

    model = MembershipNotice
    verbose_name_plural = "mails"
    fields = ("kind", "days_before", "ends_at", "wanted_at", "sent_at", "times_tried")
    readonly_fields = fields


class MembershipStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = MembershipState.choices


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who is a member of what until when. Changed by orders, refunds and the passing of time, never by typing."""

    list_display = ("email", "product", "tier", "state_label", "starts_at", "ends_at", "ended_at")
    list_filter = (MembershipStateFilter,)
    list_select_related = ("customer__user", "product")
    search_fields = ("customer__user__email",)
    search_help_text = "The beginning of a member's e-mail, a customer's id, or a membership's"
    ordering = ("-pk",)
    pointers: ClassVar[frozenset[str]] = frozenset({"customer__id__exact"})
    fieldsets = (
        (None, {"fields": (("member", "state_label"), ("product", "tier"), "id")}),
        ("When", {"fields": (("starts_at", "ends_at"), "ended_at")}),
    )
    readonly_fields = ("member", "state_label", "id")
    inlines = (HistoryInline, NoticeInline)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Membership], search_term: str
    ) -> tuple[QuerySet[Membership], bool]:
        """By the member, or by its own id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        of_members = queryset.filter(customer__in=customers_found(term))
        identifier = parse_id(term)
        return (of_members | queryset.filter(pk=identifier) if identifier else of_members), False

    @display(description="Member")
    def email(self, membership: Membership) -> str:
        return membership.customer.user.email

    @display(description="Member")
    def member(self, membership: Membership) -> str:
        return person_link(membership.customer)

    @display(description="State")
    def state_label(self, membership: Membership) -> str:
        return coloured(membership.get_state_display(), STATE_TONES[membership.state])


class UpgradeStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = UpgradeState.choices


class AbandonForm(forms.Form):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Stays beside the upgrade.")


@admin.register(UpgradeProcess)
class UpgradeProcessAdmin(ReadOnlyAdmin):
    """Upgrades, the newest first. One in progress keeps its customer from wishing for another."""

    list_display = ("email", "kind", "product", "tier", "state_label", "begun_at", "ended_at", "reason")
    list_filter = (UpgradeStateFilter,)
    list_select_related = ("customer__user", "product")
    search_fields = ("customer__user__email",)
    search_help_text = "The beginning of a customer's e-mail, a customer's id, or an order's"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state"})
    fieldsets = (
        (None, {"fields": (("member", "state_label"), ("product", "tier"), ("kind", "order_id"), "reason")}),
        ("When", {"fields": (("begun_at", "ended_at"),)}),
    )
    readonly_fields = ("member", "state_label")
    actions_detail = ("abandon",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UpgradeProcess], search_term: str
    ) -> tuple[QuerySet[UpgradeProcess], bool]:
        """By the customer, or by the order."""
        term = search_term.strip()
        if not term:
            return queryset, False
        of_customers = queryset.filter(customer__in=customers_found(term))
        identifier = parse_id(term)
        return (of_customers | queryset.filter(order_id=identifier) if identifier else of_customers), False

    @display(description="Member")
    def email(self, process: UpgradeProcess) -> str:
        return process.customer.user.email

    @display(description="Member")
    def member(self, process: UpgradeProcess) -> str:
        return person_link(process.customer)

    @display(description="State")
    def state_label(self, process: UpgradeProcess) -> str:
        return coloured(process.get_state_display(), UPGRADE_TONES[process.state])

    def has_abandon_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May upgrades be ended?"""
        return bool(request.user.has_perm("customers.abandon_upgradeprocess"))

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The button, as long as there is something to end."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return allowed if _can_be_abandoned(self.get_object(request, str(object_id))) else []

    @action(description="Abandon", icon="cancel", permissions=["abandon"])
    def abandon(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form on GET; on POST the upgrade has come to nothing. An ordered one ends with its order."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        process = self.get_object(request, object_id)
        if not isinstance(process, UpgradeProcess):
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:customers_upgradeprocess_change", args=[process.pk])
        if not _can_be_abandoned(process):
            messages.error(request, "Only an automatic upgrade in progress can be abandoned here.")
            return HttpResponseRedirect(back)
        form = AbandonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                is_abandoned = abandon_upgrade(process.pk, reason=form.cleaned_data["reason"])
            if is_abandoned:
                self.log_change(request, process, f"Abandoned: {form.cleaned_data['reason']}")
                messages.success(request, "The upgrade is abandoned.")
            else:
                messages.error(request, "The upgrade has just taken effect.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": process,
            "title": "Abandon the upgrade",
            "form": form,
            "button": "Abandon",
            "button_variant": "danger",
            "explanation": f"{process.customer} stays in the present tier and can wish for another upgrade.",
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)


def _can_be_abandoned(process: object) -> bool:
    return (
        isinstance(process, UpgradeProcess)
        and process.kind == UpgradeKind.AUTOMATIC
        and process.state == UpgradeState.IN_PROGRESS
    )
