"""What customers owe and people gave up: asked for on an order's page, agreed to by somebody else here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.money import MajorField, money_of, shown
from catalog.admin.pages import coloured
from kit.ids import new_id
from kit.money import Money
from orders import writing_off
from orders.actors import Actor
from orders.admin.acting import Words
from orders.admin.acts import Act, ActForm
from orders.admin.deciding import DecidedAdmin
from orders.approval_limits import limit_minor
from orders.models import Order, OrderWriteOff
from orders.second_person import APPROVE_WRITE_OFF
from orders.writing_off import REQUEST, WriteOffWish


class WriteOffForm(ActForm):
    """How much is given up, and why. `receipt` names this one act: sent twice, it is one write-off."""

    amount = MajorField()
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Goes into the order's history; for staff alone."
    )
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        self.fields["amount"].initial = str(writing_off.owed(order).major)
        self.fields["amount"].label = f"Amount in {order.currency}"
        self.fields["receipt"].initial = new_id()

    def clean_amount(self) -> Money:
        """The amount in the order's own currency."""
        return money_of(self.cleaned_data["amount"], self.order.currency)


def _write_off(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    wish = WriteOffWish(told["amount"], told["reason"], key=told["receipt"])
    one = writing_off.write_off(order.pk, wish, actor=actor)
    return f"{shown(one.amount)} wait for a second person to approve." if one.is_pending else f"{one}."


def _limit(order: Order) -> str:
    limit = limit_minor(settings.REFUND_APPROVAL_ABOVE, order.currency)
    if limit is None:
        return ""
    return (
        f"Above {shown(Money(limit, order.currency))}, with what you gave back of this order before, somebody else has "
        "to approve it."
    )


WRITE_OFF = Act(
    title="Write off what is owed",
    button="Write it off",
    explanation="The goods have left, and nobody expects this money to come any more. It leaves the receivables as a "
    "loss; the order stays as it is, and its customer is told nothing. Should the money come after all, the write-off "
    "is undone by itself.",
    right=REQUEST,
    makes_sense=writing_off.can_be_written_off,
    perform=_write_off,
    form=WriteOffForm,
    is_drastic=True,
    warning=_limit,
)


@admin.register(OrderWriteOff)
class OrderWriteOffAdmin(DecidedAdmin):
    """Approved and refused here, by another person than who asked."""

    list_display = ("sum", "step", "number", "reason", "requested_by", "requested_at")
    search_help_text = "The number of an order, or a write-off's id"
    fieldsets = (
        (None, {"fields": (("number", "step"), "sum", "reason")}),
        ("Who", {"fields": (("requested_by", "requested_at"), ("decision", "decided_at"), "refused_because")}),
    )
    readonly_fields = ("number", "step", "sum", "decision")

    right_to_ask, right_to_approve = REQUEST, APPROVE_WRITE_OFF
    approve_words = Words("Approve", "The amount leaves the receivables as a loss at once.", "Approve")
    refuse_words = Words("Refuse", "The amount is claimed as before. It can be asked for anew.", "Refuse")

    def carry_out(self, wish_id: uuid.UUID, actor: Actor) -> OrderWriteOff:
        """Approve it."""
        return writing_off.approve_write_off(wish_id, actor=actor)

    def turn_down(self, wish_id: uuid.UUID, actor: Actor, reason: str) -> OrderWriteOff:
        """Refuse it."""
        return writing_off.refuse_write_off(wish_id, actor=actor, reason=reason)

    @display(description="State")
    def step(self, one: OrderWriteOff) -> str:
        return coloured(*step_of(one))


def step_of(one: OrderWriteOff) -> tuple[str, str]:
    """How far a write-off is, and the colour of that."""
    if one.is_pending:
        return "Waits for approval", "warning"
    return ("Refused", "danger") if one.is_refused else ("Written off", "default")
