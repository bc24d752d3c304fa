"""Flyer campaigns in the back office: found by state, order or id; what they say, how they do, what staff may do."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from customers.models import User
from orders.admin.acting import Words, act_page
from orders.admin.campaign_acts import CAMPAIGN_ACTS
from orders.admin.wording import CAMPAIGN_TONES
from orders.campaigns.html import safe_html
from orders.models import Campaign, CampaignHistory, CampaignStatus

_LINK = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'
_IMAGE = '<img src="{}" alt="" class="max-w-xs rounded-default">'


class CampaignStatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = column = "status"
    options = CampaignStatus.choices


class RushFilter(ChoiceFilter):
    title = "rush"
    parameter_name = column = "rush"
    options = (("True", "Rush"), ("False", "No rush"))


class HistoryInline(TabularInline):
    """What happened to a campaign."""

    model = CampaignHistory
    extra = 0
    can_delete = False
    show_change_link = False
    show_title = False
    fields = ("what", "actor_kind", "who", "facts_shown", "at")
    readonly_fields = fields
    verbose_name_plural = "history"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CampaignHistory]:
        """With who did it, the newest first."""
        rows: QuerySet[CampaignHistory] = super().get_queryset(request).select_related("actor").order_by("-pk")
        return rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees campaigns."""
        return request.user.has_perm("orders.view_campaign")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description="What")
    def what(self, row: CampaignHistory) -> str:
        if row.from_status == row.to_status:
            return "Changed"
        return coloured(row.get_to_status_display(), CAMPAIGN_TONES[row.to_status])

    @display(description="By")
    def who(self, row: CampaignHistory) -> str:
        return row.actor.email if row.actor else "-"

    @display(description="Details")
    def facts_shown(self, row: CampaignHistory) -> str:
        facts = [
            f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}"
            for name, value in row.facts.items()
            if value
        ]
        return "; ".join(facts) or "-"


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """The newest campaigns first; changed only by acts."""

    list_display = (
        *("number", "order_number", "status_label", "headline", "list_name", "rush", "scheduled_at"),
        *("delivered", "opened", "clicked", "percentage"),
    )
    list_filter = (CampaignStatusFilter, RushFilter)
    list_select_related = ("order", "main_image", "line")
    search_fields = ("order__number",)
    search_help_text = "The number of an order, or # and that of a campaign"
    ordering = ("-pk",)
    older_are_found = "by searching, or by status"
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"rush"})
    inlines = (HistoryInline,)
    actions_detail = ("edit", "schedule", "take_back", "cancel")
    fieldsets = (
        (None, {"fields": (("order_link", "line_title"), ("status_label", "scheduled_at"), ("rush", "list_name"))}),
        (
            "What it says",
            {"fields": ("subject", "headline", "sub_headline", "prop_address", "price", "text", "picture")},
        ),
        ("How it does", {"fields": (("delivered", "opened", "clicked"), ("percentage", "reported_at"))}),
    )
    readonly_fields = (
        *("order_link", "line_title", "status_label", "scheduled_at", "price", "text", "picture"),
        *("delivered", "opened", "clicked", "percentage", "reported_at"),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Campaign], search_term: str
    ) -> tuple[QuerySet[Campaign], bool]:
        """By the order's number, or by the campaign's own with # before it."""
        term = search_term.strip()
        if not term:
            return queryset, False
        number = term.removeprefix("#")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            return queryset.none(), False
        return queryset.filter(**{"pk" if term != number else "order__number": int(number)}), False

    @display(description="Campaign")
    def number(self, campaign: Campaign) -> str:
        return str(campaign.pk)

    @display(description="Order")
    def order_number(self, campaign: Campaign) -> str:
        return str(campaign.order.number)

    @display(description="Order")
    def order_link(self, campaign: Campaign) -> str:
        return format_html(_LINK, reverse("admin:orders_order_change", args=[campaign.order_id]), campaign.order.number)

    @display(description="Line")
    def line_title(self, campaign: Campaign) -> str:
        return f"{campaign.line.title} {campaign.line.variant_title}".strip()

    @display(description="Status")
    def status_label(self, campaign: Campaign) -> str:
        return coloured(campaign.get_status_display(), CAMPAIGN_TONES[campaign.status])

    @display(description="Completed")
    def percentage(self, campaign: Campaign) -> str:
        return f"{campaign.percentage_completed} %"

    @display(description="Property's price")
    def price(self, campaign: Campaign) -> str:
        return shown(campaign.prop_price) if campaign.prop_price else "-"

    @display(description="Property's description")
    def text(self, campaign: Campaign) -> str:
        # Cleaned once more right here: a page of the back office is no place to trust a column.
        return mark_safe(safe_html(campaign.prop_desc)) or "-"  # noqa: S308

    @display(description="Main image")
    def picture(self, campaign: Campaign) -> str:
        return format_html(_IMAGE, campaign.main_image.path) if campaign.main_image else "-"

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that the reader may press and that make sense for the campaign as it is."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        campaign = self.get_object(request, str(object_id))
        if not isinstance(campaign, Campaign):
            return []
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if CAMPAIGN_ACTS[one.action_name.removeprefix(prefix)].makes_sense(campaign)]

    @action(description=CAMPAIGN_ACTS["edit"].title, icon="edit", permissions=["edit"])
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, "edit")

    @action(description=CAMPAIGN_ACTS["schedule"].title, icon="schedule_send", permissions=["schedule"])
    def schedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, "schedule")

    @action(description=CAMPAIGN_ACTS["take_back"].title, icon="undo", permissions=["schedule"])
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, "take_back")

    @action(
        description=CAMPAIGN_ACTS["cancel"].title, icon="block", permissions=["cancel"], variant=ActionVariant.DANGER
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, "cancel")

    def _act(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """The act's form; on POST the act. What refuses it is said, and then nothing was written."""
        act, user = CAMPAIGN_ACTS[name], request.user
        if not isinstance(user, User) or not self.has_view_permission(request) or not user.has_perm(act.right):
            raise PermissionDenied
        campaign = self.get_object(request, object_id)
        if not isinstance(campaign, Campaign):
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = act.form(*sent, campaign=campaign)
        return act_page(
            self,
            request,
            campaign,
            form,
            lambda _: act.perform(campaign, form, user),
            words=Words(act.title, act.explanation, act.button, act.is_drastic),
            back=reverse("admin:orders_campaign_change", args=[campaign.pk]),
        )

    # unfold asks for an act's right by the name of a method.

    def has_edit_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May drafts be changed?"""
        return request.user.has_perm(CAMPAIGN_ACTS["edit"].right)

    def has_schedule_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May campaigns be scheduled and taken back?"""
        return request.user.has_perm(CAMPAIGN_ACTS["schedule"].right)

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May campaigns be called off?"""
        return request.user.has_perm(CAMPAIGN_ACTS["cancel"].right)
