"""Giving money back, as a form: so many pieces of each line, an amount, or all that is left.

The act itself is `orders.returns`; nothing is decided here, and nobody is spared a second person by the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.forms import BoundField
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from catalog.admin.money import MajorField, money_of, shown
from kit.ids import new_id
from kit.money import Money
from orders import returns
from orders.actors import Actor
from orders.admin.acts import Act, ActForm
from orders.approval_limits import limit_minor
from orders.credits.returning import kept_minor
from orders.models import Order, OrderLine, OrderStatus, RefundKind
from orders.returns.plans import LineWish, RefundWish
from orders.returns.rest import LineLeft, rest_of
from orders.returns.shares import line_share
from payments.models import RefundDestination


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line on the form: what of it is left, what that is worth, and its two fields."""

    line: OrderLine
    left: int
    worth: str
    quantity: BoundField | None
    restock: BoundField | None


class RefundForm(ActForm):
    """What goes back. `receipt` names this one act: sent twice, it is one refund."""

    layout = "admin/orders/order/refund_form.html"

    kind = forms.ChoiceField(widget=UnfoldAdminSelectWidget, label="What", initial=RefundKind.LINES)
    delivery = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)
    amount = MajorField(required=False)
    destination = forms.ChoiceField(
        choices=RefundDestination.choices,
        widget=UnfoldAdminSelectWidget,
        label="To",
        initial=RefundDestination.ORIGINAL,
    )
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="The customer can read it with the refund."
    )
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        self.rest = rest_of(order)
        self.fields["kind"].choices = [  # type: ignore[attr-defined]  # a ChoiceField's
            (RefundKind.LINES.value, "The pieces chosen above"),
            (RefundKind.PARTIAL.value, "An amount"),
            (RefundKind.GOODWILL.value, "An amount, as goodwill"),
            (RefundKind.FULL.value, f"Everything that is left, {self.left}"),
        ]
        self.fields["amount"].label = f"Amount in {order.currency}"
        self.fields["amount"].help_text = "For the pieces chosen, left empty, it is what they cost."
        self.fields["delivery"].label = f"The delivery, {shown(Money(self.rest.delivery, order.currency))}"
        self.fields["receipt"].initial = new_id()
        for position, left in self.rest.lines.items():
            if left.rest.quantity:
                self.fields[f"quantity_{position}"] = _quantity_field(left)
            if left.rest.quantity and left.restockable:
                self.fields[f"restock_{position}"] = forms.BooleanField(
                    required=False, widget=UnfoldBooleanWidget, label=f"{left.line.sku} back into stock"
                )

    @property
    def left(self) -> str:
        """What can still go back, in money and credits."""
        return shown(Money(max(0, self.rest.refundable) + self.rest.credits, self.order.currency))

    @property
    def credits(self) -> str:
        """What of that comes back as credits; nothing if there is none."""
        return shown(Money(self.rest.credits, self.order.currency)) if self.rest.credits else ""

    @property
    def bought(self) -> str:
        """What is not spent of the credit that the order has bought; nothing for other orders."""
        return "" if self.rest.bought is None else shown(Money(self.rest.bought, self.order.currency))

    @property
    def disputed(self) -> str:
        """What cannot go back because a bank disputes it, or has taken it; nothing if there is none."""
        held = self.rest.kept - self.rest.refundable
        return shown(Money(held, self.order.currency)) if held > 0 else ""

    @property
    def limit(self) -> str:
        """What one person may give back by themselves; nothing if there is no limit."""
        limit = limit_minor(settings.REFUND_APPROVAL_ABOVE, self.order.currency)
        return "" if limit is None else shown(Money(limit, self.order.currency))

    @property
    def has_delivery(self) -> bool:
        """Whether anything of the delivery is left."""
        return self.rest.delivery > 0

    @property
    def rows(self) -> list[LineRow]:
        """The lines with their fields, in the order's order."""
        return [
            LineRow(left.line, left.rest.quantity, self._worth(left), *self._fields_of(position))
            for position, left in self.rest.lines.items()
        ]

    def _worth(self, left: LineLeft) -> str:
        worth = line_share(left.rest, left.rest.quantity).amount_minor if left.rest.quantity else 0
        return shown(Money(worth, self.order.currency))

    def _fields_of(self, position: int) -> tuple[BoundField | None, BoundField | None]:
        quantity, restock = f"quantity_{position}", f"restock_{position}"
        return (
            self[quantity] if quantity in self.fields else None,
            self[restock] if restock in self.fields else None,
        )

    def clean(self) -> dict[str, Any]:
        """With the wish that it all comes to."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        return cleaned if self.errors else {**cleaned, "wish": self._wish(cleaned)}

    def _wish(self, told: Mapping[str, Any]) -> RefundWish:
        # Pieces count for nothing unless pieces are what goes back.
        kind = RefundKind(told["kind"])
        by_lines = kind == RefundKind.LINES
        return RefundWish(
            kind=kind,
            reason=told["reason"],
            amount=told["amount"],
            lines=self.chosen() if by_lines else (),
            delivery=told["delivery"] and by_lines,
            destination=RefundDestination(told["destination"]),
            key=told["receipt"],
        )

    def clean_amount(self) -> Money | None:
        """The amount in the order's own currency, if there is one."""
        text = self.cleaned_data["amount"]
        return money_of(text, self.order.currency) if text else None

    def chosen(self) -> tuple[LineWish, ...]:
        """The pieces that were chosen."""
        return tuple(
            LineWish(position, quantity, restock=self.cleaned_data.get(f"restock_{position}", False))
            for position in self.rest.lines
            if (quantity := self.cleaned_data.get(f"quantity_{position}"))
        )

    def field_at(self, at: tuple[str | int, ...]) -> str | None:
        """Faults of lines are shown at the line."""
        if at[:1] == ("lines",):
            chosen = self.chosen()
            index = at[1] if len(at) > 1 else len(chosen)
            if isinstance(index, int) and index < len(chosen):
                name = f"{'restock' if at[2:] == ('restock',) else 'quantity'}_{chosen[index].position}"
                return name if name in self.fields else "kind"
            return "kind"
        return super().field_at(at)


def _quantity_field(left: LineLeft) -> forms.IntegerField:
    return forms.IntegerField(
        required=False,
        min_value=0,
        max_value=left.rest.quantity,
        initial=0,
        label=f"Pieces of {left.line.sku}",
        widget=UnfoldAdminIntegerFieldWidget(attrs={"class": "w-20 text-right", "inputmode": "numeric"}),
    )


def _refund(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    refund = returns.request_refund(order.pk, told["wish"], actor=actor)
    amount = shown(refund.amount)
    if refund.is_pending:
        return f"{amount} wait for a second person to approve."
    in_credits = shown(Money(refund.credits_minor, refund.currency))
    if refund.destination == RefundDestination.CREDIT or not refund.money_minor:
        return f"{amount} are the customer's credit."
    if refund.credits_minor:
        return f"{amount} are on their way back, {in_credits} of it as the customer's credit."
    return f"{amount} are on their way back."


REFUND = Act(
    title="Give money back",
    button="Give it back",
    explanation="What goes back is booked at once and sent to the gateway; goods that come back are in stock again.",
    right="orders.refund_order",
    makes_sense=lambda order: (
        order.status != OrderStatus.PAYMENT_PENDING
        and (order.collected_minor > order.refunded_minor or kept_minor(order) > 0)
    ),
    perform=_refund,
    form=RefundForm,
)
