"""Refunds that people made: those that wait for a second person first of all, each with who asked and who decided."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from customers.models import User
from kit.ids import parse_id
from kit.money import Money
from orders import actors, returns
from orders.actors import Actor
from orders.admin.acting import SubjectForm, Words, act_page
from orders.admin.wording import STEP_TONES
from orders.models import OrderRefund, OrderRefundLine
from orders.returns.rules import APPROVE
from orders.returns.standing import Standing, credits_of, standing
from payments.models import Refund

_LINK = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'


class RefuseForm(SubjectForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class DecisionFilter(ChoiceFilter):
    """What a second person has said, where one is needed."""

    title = "decision"
    parameter_name = "decision"
    column = ""
    options = (("waiting", "Waits for a second person"), ("approved", "Approved"), ("refused", "Refused"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The refunds of which that is true."""
        match self.value():
            case "waiting":
                return queryset.filter(needs_approval=True, decided_at__isnull=True)
            case "approved":
                return queryset.filter(approved_by__isnull=False)
            case "refused":
                return queryset.filter(decided_at__isnull=False, approved_by__isnull=True)
        return queryset


class LineInline(TabularInline):
    """The pieces that were given back."""

    model = OrderRefundLine
    extra = 0
    can_delete = False
    show_change_link = False
    show_title = False
    fields = ("what", "quantity", "amount", "restock")
    readonly_fields = fields
    verbose_name_plural = "pieces"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderRefundLine]:
        """With the lines of the order."""
        lines: QuerySet[OrderRefundLine] = super().get_queryset(request).select_related("order_line", "refund")
        return lines

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the refund."""
        return request.user.has_perm("orders.view_orderrefund")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description="Line")
    def what(self, line: OrderRefundLine) -> str:
        return f"{line.order_line.title} {line.order_line.variant_title} ({line.order_line.sku})"

    @display(description="Amount")
    def amount(self, line: OrderRefundLine) -> str:
        return shown(Money(line.amount_minor, line.refund.currency))


@admin.register(OrderRefund)
class OrderRefundAdmin(ReadOnlyAdmin):
    """The newest refunds first; approved and refused here, by another person than who asked."""

    list_display = ("sum", "step", "number", "kind", "reason", "requested_by", "requested_at")
    list_filter = (DecisionFilter,)
    list_select_related = ("order", "requested_by", "approved_by", "refused_by")
    search_fields = ("order__number",)
    search_help_text = "The number of an order, or a refund's id"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"decision"})
    inlines = (LineInline,)
    actions_detail = ("approve", "refuse")
    fieldsets = (
        (None, {"fields": (("number", "step"), ("sum", "parts"), ("kind", "destination"), "reason")}),
        ("Who", {"fields": (("requested_by", "requested_at"), ("decision", "decided_at"), "refused_because")}),
    )
    readonly_fields = ("number", "step", "sum", "parts", "decision")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderRefund]:
        """With the states of their payments."""
        states = Refund.objects.filter(cause_id=OuterRef("pk")).order_by().values("state")
        refunds: QuerySet[OrderRefund] = super().get_queryset(request).select_related(*self.list_select_related)
        return refunds.annotate(states=ArraySubquery(states))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OrderRefund], search_term: str
    ) -> tuple[QuerySet[OrderRefund], bool]:
        """By the order's number or the refund's own id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 19:
            return queryset.filter(order__number=int(term)), False
        identifier = parse_id(term)
        return (queryset.filter(pk=identifier) if identifier else queryset.none()), False

    @display(description="Order")
    def number(self, refund: OrderRefund) -> str:
        return format_html(_LINK, reverse("admin:orders_order_change", args=[refund.order_id]), refund.order.number)

    @display(description="Amount")
    def sum(self, refund: OrderRefund) -> str:
        return shown(refund.amount)

    @display(description="State")
    def step(self, refund: OrderRefund) -> str:
        step = _standing(refund).step
        return coloured(str(step.label), STEP_TONES[step])

    @display(description="Of which")
    def parts(self, refund: OrderRefund) -> str:
        parts = [
            f"{shown(Money(minor, refund.currency))} {name}"
            for name, minor in (
                ("tax", refund.tax_minor),
                ("delivery", refund.delivery_minor),
                ("in credits", refund.credits_minor),
            )
            if minor
        ]
        return ", ".join(parts) or "-"

    @display(description="Decision")
    def decision(self, refund: OrderRefund) -> str:
        if not refund.needs_approval:
            return "needed no second person"
        if refund.approved_by:
            return f"approved by {refund.approved_by.email}"
        if refund.refused_by:
            return f"refused by {refund.refused_by.email}"
        return f"ended: {refund.refused_because}" if refund.is_refused else "waits for a second person"

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons, while there is something to decide; nobody is offered to agree with themselves."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        refund = self.get_object(request, str(object_id))
        if not isinstance(refund, OrderRefund) or not refund.is_pending:
            return []
        is_own = refund.requested_by_id == request.user.pk
        return [one for one in allowed if not (is_own and one.action_name.endswith("_approve"))]

    @action(description="Approve", icon="check", permissions=["approve"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Approve", "The money is on its way at once, and goods that came back are in stock.", "Approve")
        return self._decide(request, object_id, SubjectForm, words, _approve)

    @action(description="Refuse", icon="block", permissions=["refuse"], variant=ActionVariant.DANGER)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Refuse", "Nothing goes back. It can be asked for anew.", "Refuse", is_drastic=True)
        return self._decide(request, object_id, RefuseForm, words, _refuse)

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
        refund = self.get_queryset(request).filter(pk=identifier).first() if identifier else None
        if refund is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return act_page(
            self,
            request,
            refund,
            form(request.POST if request.method == "POST" else None),
            lambda told: perform(refund.pk, told, actors.staff(user.pk)),
            words=words,
            back=reverse("admin:orders_orderrefund_change", args=[refund.pk]),
        )

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May refunds of others be approved?"""
        return request.user.has_perm(APPROVE)

    def has_refuse_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May refunds be refused, or one's own be taken back?"""
        return request.user.has_perm(APPROVE) or request.user.has_perm("orders.refund_order")


def _standing(refund: OrderRefund) -> Standing:
    states = [(state, 0) for state in refund.states]  # type: ignore[attr-defined]  # annotated by the query
    return standing(is_refused=refund.is_refused, parts=[*states, *credits_of(refund)])


def _approve(refund_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
    refund = returns.approve_refund(refund_id, actor=actor)
    return f"{shown(refund.amount)} are approved."


def _refuse(refund_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
    refund = returns.refuse_refund(refund_id, actor=actor, reason=told["reason"])
    return f"{shown(refund.amount)} are refused."
