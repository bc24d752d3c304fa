"""Refunds that people made: those that wait for a second person first of all, each with who asked and who decided."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import coloured
from kit.money import Money
from orders import returns
from orders.actors import Actor
from orders.admin.acting import Words
from orders.admin.deciding import DecidedAdmin
from orders.admin.wording import STEP_TONES
from orders.models import OrderRefund, OrderRefundLine
from orders.returns.standing import Standing, credits_of, standing
from orders.second_person import APPROVE_REFUND
from payments.models import Refund


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
class OrderRefundAdmin(DecidedAdmin):
    """Approved and refused here, by another person than who asked."""

    list_display = ("sum", "step", "number", "kind", "reason", "requested_by", "requested_at")
    search_help_text = "The number of an order, or a refund's id"
    inlines = (LineInline,)
    fieldsets = (
        (None, {"fields": (("number", "step"), ("sum", "parts"), ("kind", "destination"), "reason")}),
        ("Who", {"fields": (("requested_by", "requested_at"), ("decision", "decided_at"), "refused_because")}),
    )
    readonly_fields = ("number", "step", "sum", "parts", "decision")

    right_to_ask, right_to_approve = "orders.refund_order", APPROVE_REFUND
    approve_words = Words(
        "Approve", "The money is on its way at once, and goods that came back are in stock.", "Approve"
    )
    refuse_words = Words("Refuse", "Nothing goes back. It can be asked for anew.", "Refuse", is_drastic=True)

    def carry_out(self, wish_id: uuid.UUID, actor: Actor) -> OrderRefund:
        """Approve it."""
        return returns.approve_refund(wish_id, actor=actor)

    def turn_down(self, wish_id: uuid.UUID, actor: Actor, reason: str) -> OrderRefund:
        """Refuse it."""
        return returns.refuse_refund(wish_id, actor=actor, reason=reason)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderRefund]:
        """With the states of their payments."""
        states = Refund.objects.filter(cause_id=OuterRef("pk")).order_by().values("state")
        refunds: QuerySet[OrderRefund] = super().get_queryset(request).annotate(states=ArraySubquery(states))
        return refunds

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


def _standing(refund: OrderRefund) -> Standing:
    states = [(state, 0) for state in refund.states]  # type: ignore[attr-defined]  # annotated by the query
    return standing(is_refused=refund.is_refused, parts=[*states, *credits_of(refund)])
