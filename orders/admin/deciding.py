"""What refunds and write-offs have in common as pages: those that wait for a second person come first, each says who
asked and who decided, and another person than who asked decides here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin
from customers.models import User
from kit.ids import parse_id
from orders import actors
from orders.actors import Actor
from orders.admin.acting import SubjectForm, Words, act_page
from orders.queries import WAITING_FIRST
from orders.second_person import Wish

_LINK = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'
# So many are counted that wait; whoever has more knows enough.
MOST_COUNTED = 100


class RefuseForm(SubjectForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class DecisionFilter(ChoiceFilter):
    """What a second person has said, where one is needed."""

    title = "decision"
    parameter_name = "decision"
    column = ""
    options = (("waiting", "Waits for a second person"), ("approved", "Approved"), ("refused", "Refused"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of which that is true."""
        match self.value():
            case "waiting":
                return queryset.filter(needs_approval=True, decided_at__isnull=True)
            case "approved":
                return queryset.filter(approved_by__isnull=False)
            case "refused":
                return queryset.filter(decided_at__isnull=False, approved_by__isnull=True)
        return queryset


class DecidedAdmin(ReadOnlyAdmin):
    """What waits comes first, then the newest. A page names its rights, its words and its acts."""

    list_filter = (DecisionFilter,)
    list_select_related = ("order", "requested_by", "approved_by", "refused_by")
    list_before_template = "admin/orders/waiting.html"
    search_fields = ("order__number",)
    ordering = WAITING_FIRST
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"decision"})
    actions_detail = ("approve", "refuse")

    right_to_ask: ClassVar[str]
    right_to_approve: ClassVar[str]
    approve_words: ClassVar[Words]
    refuse_words: ClassVar[Words]

    def carry_out(self, wish_id: uuid.UUID, actor: Actor) -> Wish:
        """Approve it."""
        raise NotImplementedError

    def turn_down(self, wish_id: uuid.UUID, actor: Actor, reason: str) -> Wish:
        """Refuse it."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With whom they name."""
        wishes: QuerySet[Any] = super().get_queryset(request)
        return wishes.select_related(*self.list_select_related)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With how many wait, up to MOST_COUNTED."""
        waiting = self.model._default_manager.filter(needs_approval=True, decided_at__isnull=True).order_by()
        counted = waiting[: MOST_COUNTED + 1].count()
        told = {"waiting": min(counted, MOST_COUNTED), "more_wait": counted > MOST_COUNTED}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **told})
        return page

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the order's number or the own id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 19:
            return queryset.filter(order__number=int(term)), False
        identifier = parse_id(term)
        return (queryset.filter(pk=identifier) if identifier else queryset.none()), False

    @display(description="Order")
    def number(self, wish: Wish) -> str:
        return format_html(_LINK, reverse("admin:orders_order_change", args=[wish.order_id]), wish.order.number)

    @display(description="Amount")
    def sum(self, wish: Wish) -> str:
        return shown(wish.amount)

    @display(description="Decision")
    def decision(self, wish: Wish) -> str:
        if not wish.needs_approval:
            return "needed no second person"
        if wish.approved_by:
            return f"approved by {wish.approved_by.email}"
        if wish.refused_by:
            return f"refused by {wish.refused_by.email}"
        return f"ended: {wish.refused_because}" if wish.is_refused else "waits for a second person"

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons, while there is something to decide; nobody is offered to agree with themselves."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        wish: Any = self.get_object(request, str(object_id))
        if wish is None or not wish.is_pending:
            return []
        is_own = wish.requested_by_id == request.user.pk
        return [one for one in allowed if not (is_own and one.action_name.endswith("_approve"))]

    @action(description="Approve", icon="check", permissions=["approve"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def perform(wish_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
            return f"{shown(self.carry_out(wish_id, actor).amount)} are approved."

        return self._decide(request, object_id, SubjectForm, self.approve_words, perform)

    @action(description="Refuse", icon="block", permissions=["refuse"], variant=ActionVariant.DANGER)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def perform(wish_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
            return f"{shown(self.turn_down(wish_id, actor, told['reason']).amount)} are refused."

        return self._decide(request, object_id, RefuseForm, self.refuse_words, perform)

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        form: type[SubjectForm],
        words: Words,
        perform: Callable[[uuid.UUID, Mapping[str, Any], Actor], str],
    ) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        identifier = parse_id(object_id)
        wish = self.get_queryset(request).filter(pk=identifier).first() if identifier else None
        if wish is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return act_page(
            self,
            request,
            wish,
            form(request.POST if request.method == "POST" else None),
            lambda told: perform(wish.pk, told, actors.staff(user.pk)),
            words=words,
            back=reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[wish.pk]),
        )

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May what others have asked for be approved?"""
        return request.user.has_perm(self.right_to_approve)

    def has_refuse_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May it be refused, or one's own be taken back?"""
        return request.user.has_perm(self.right_to_approve) or request.user.has_perm(self.right_to_ask)
