"""What staff may do to an order: each act with its right, its form, when it makes sense, and how it is done.

The acts themselves are `orders.fulfilment`, `cash`, `cancellation` and `confirmation`; nothing is decided here. None of
them may be called inside a transaction: they open their own, and a gateway is asked in none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.money import MajorField, money_of, shown
from kit.ids import new_id
from kit.money import Money
from orders import cancellation, cash, confirmation, fulfilment, payments
from orders.actors import Actor
from orders.admin.acting import SubjectForm
from orders.admin.wording import STANDINGS
from orders.models import Fulfilment, Order, OrderStatus, PaymentTerms
from orders.status import SETTLED, unpaid_minor
from payments.status import PaymentStatus


class ActForm(SubjectForm):
    """What an act has to be told; knows the order it is for."""

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        self.order = order
        super().__init__(*args, **kwargs)


class SendForm(ActForm):
    carrier = forms.CharField(max_length=60, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(max_length=80, required=False, widget=UnfoldAdminTextInputWidget)


class CancelForm(ActForm):
    reason = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Goes into the order's history.",
    )


class CashForm(ActForm):
    """The amount that was counted. `receipt` names this one act: sent twice, it is recorded once."""

    amount = MajorField()
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        self.fields["amount"].initial = str(Money(unpaid_minor(order), order.currency).major)
        self.fields["amount"].label = f"Amount in {order.currency}"
        self.fields["receipt"].initial = new_id()

    def clean_amount(self) -> Money:
        """The amount in the order's own currency."""
        return money_of(self.cleaned_data["amount"], self.order.currency)


@dataclass(frozen=True, slots=True)
class Act:
    """One button. `perform` returns what to say when it is done; raises DomainError or GatewayError when it is not."""

    title: str
    button: str
    explanation: str
    right: str
    makes_sense: Callable[[Order], bool]
    perform: Callable[[Order, Mapping[str, Any], Actor], str]
    form: type[ActForm] = ActForm
    is_drastic: bool = False
    warning: Callable[[Order], str] = lambda order: ""


def _send(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    fulfilment.send_order(order.pk, actor=actor, **told)
    return "The order is on its way."


def _deliver(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    fulfilment.deliver_order(order.pk, actor=actor)
    return "The order is delivered."


def _collect(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    amount = told["amount"]
    cash.collect_cash(order.pk, amount=amount, receipt=told["receipt"], actor=actor)
    return f"{shown(amount)} in cash is recorded."


def _cancel(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    cancellation.cancel_order(order.pk, actor=actor, reason=told["reason"])
    return "The order is cancelled. What was collected is on its way back."


def _ask(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    order, standing = confirmation.ask_gateway(order)
    status = OrderStatus(order.status)
    if status in SETTLED:
        return f"The order is {status.label}."
    return f"The order is {status.label}: {STANDINGS.get(standing, standing.replace('_', ' '))}."


def _disputed(order: Order) -> str:
    if payments.status_of(order) != PaymentStatus.DISPUTED:
        return ""
    return "A payment of this order is disputed: what is sent now may never be paid for."


SEND = Act(
    title="Mark as sent",
    button="Mark as sent",
    explanation="All of the order's goods have left the house. Its stock leaves the books.",
    right="orders.fulfil_order",
    makes_sense=fulfilment.can_be_sent,
    perform=_send,
    form=SendForm,
    warning=_disputed,
)
DELIVER = Act(
    title="Mark as delivered",
    button="Mark as delivered",
    explanation="All of the order's goods have arrived. An order that is paid is thereby completed.",
    right="orders.fulfil_order",
    makes_sense=lambda order: order.fulfilment == Fulfilment.SENT,
    perform=_deliver,
)
COLLECT = Act(
    title="Record cash",
    button="Record the cash",
    explanation="Cash that was counted and is in our hands.",
    right="orders.collect_cash",
    makes_sense=lambda order: order.payment_terms == PaymentTerms.ON_DELIVERY and unpaid_minor(order) > 0,
    perform=_collect,
    form=CashForm,
)
ASK = Act(
    title="Ask the gateway",
    button="Ask now",
    explanation="Asks the gateway how the order's payment stands, and takes over what it says. "
    "Its answer decides, not ours; asking again changes nothing.",
    # It may capture what is authorized, and move the order: more than to look.
    right="orders.ask_gateway",
    makes_sense=lambda order: order.payment_terms == PaymentTerms.PREPAID and order.total_minor > 0,
    perform=_ask,
)
CANCEL = Act(
    title="Cancel the order",
    button="Cancel the order",
    explanation="The order is called off for good, its stock is free at once, and what was collected goes back.",
    right="orders.cancel_order",
    makes_sense=cancellation.can_be_cancelled,
    perform=_cancel,
    form=CancelForm,
    is_drastic=True,
)
