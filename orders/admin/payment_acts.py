"""What staff may do to the payments of an order: ask for another, capture what is held, give one up.

The acts themselves are `orders.payments`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from catalog.admin.money import MajorField, money_of, shown
from kit.errors import DomainError, Fault
from kit.ids import new_id
from kit.money import Money
from orders import payments
from orders.actors import Actor
from orders.admin.acts import Act, ActForm
from orders.checkout import PaymentNotInitialized
from orders.models import Order, OrderStatus, PaymentTerms
from orders.status import UNPAID, StatusRefused
from payments import collecting, holding
from payments.gateways.base import GatewayError, OutcomeUnknown, Unavailable
from payments.models import GatewayName

_ONLINE = (GatewayName.STRIPE, GatewayName.RAZORPAY)


class RequestForm(ActForm):
    """`request` names this one act: sent twice, the payer is asked once."""

    gateway = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    amount = MajorField()
    hold = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Only hold the money",
        help_text="It is captured later, here, in whole or in part. The order does not expire while it is held.",
    )
    request = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        configured = [(name.value, name.label) for name in _ONLINE if collecting.is_configured(name)]
        self.fields["gateway"].choices = configured  # type: ignore[attr-defined]  # a ChoiceField's
        self.fields["amount"].initial = str(_due(order).major)
        self.fields["amount"].label = f"Amount in {order.currency}"
        self.fields["request"].initial = new_id()

    def clean_amount(self) -> Money:
        """The amount in the order's own currency."""
        return money_of(self.cleaned_data["amount"], self.order.currency)


class CaptureForm(ActForm):
    """How much of which hold."""

    attempt = forms.ChoiceField(widget=UnfoldAdminSelectWidget, label="Held money")
    amount = MajorField()

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        held = list(holding.holds(order.pk))
        self.fields["attempt"].choices = [  # type: ignore[attr-defined]  # a ChoiceField's
            (str(one.pk), f"{shown(Money(one.amount_minor, one.currency))} ({one.gateway_payment_id})") for one in held
        ]
        if held:
            self.fields["attempt"].initial = str(held[0].pk)
            self.fields["amount"].initial = str(payments.most_to_capture(order, held[0]).major)
        self.fields["amount"].label = f"Amount in {order.currency}"

    def clean_amount(self) -> Money:
        """The amount in the order's own currency."""
        return money_of(self.cleaned_data["amount"], self.order.currency)


class VoidForm(ActForm):
    """`request` is the one that the reader saw: another that was made since is not given up."""

    request = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        asked = payments.find_open(order)
        self.fields["request"].initial = asked.pk if asked else None


def _due(order: Order) -> Money:
    return Money(max(order.total_minor - order.collected_minor, 0), order.currency)


def _may_be_paid(order: Order) -> bool:
    return order.payment_terms == PaymentTerms.PREPAID and order.status in UNPAID


def _request(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    gateway = GatewayName(told["gateway"])
    try:
        asked = payments.request_payment(
            order.pk, gateway=gateway, amount=told["amount"], hold=told["hold"], actor=actor, request_id=told["request"]
        )
    except PaymentNotInitialized as error:
        raise DomainError([Fault("payment_not_initialized", {"reason": error.reason})]) from None
    return f"{shown(asked.amount)} is asked for through {gateway.label}; the customer finds it with the order."


def _capture(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    amount = shown(told["amount"])
    try:
        order = payments.capture_payment(order.pk, attempt_id=told["attempt"], amount=told["amount"], actor=actor)
    except (OutcomeUnknown, Unavailable):
        return f"The gateway has not said whether it captured {amount}. It is asked again until that is known."
    return f"{amount} is captured. The order is {OrderStatus(order.status).label}."


def _void(order: Order, told: Mapping[str, Any], actor: Actor) -> str:
    if told["request"] is None:
        raise StatusRefused("not_open", order)
    try:
        order = payments.void_payment(order.pk, request_id=told["request"], actor=actor)
    except GatewayError:
        return "The payment is called off. Its gateway did not answer, and is told again until it does."
    return f"The payment is called off. The order is {OrderStatus(order.status).label}."


REQUEST = Act(
    title="Ask for a payment",
    button="Ask for it",
    explanation="Asks the customer for what is still due, or for a part of it. One payment can be open at a time.",
    right="orders.request_payment",
    makes_sense=lambda order: _may_be_paid(order) and payments.find_open(order) is None,
    perform=_request,
    form=RequestForm,
)
CAPTURE = Act(
    title="Capture held money",
    button="Capture it",
    explanation="Takes the money that the customer's bank holds for us. Stripe lets go of what is not captured; "
    "Razorpay captures a hold in full or not at all.",
    right="orders.capture_payment",
    makes_sense=lambda order: _may_be_paid(order) and holding.holds(order.pk).exists(),
    perform=_capture,
    form=CaptureForm,
)
VOID = Act(
    title="Call off the payment",
    button="Call it off",
    explanation="The customer is no longer asked, and money that is held is let go; the order stands. Razorpay cannot "
    "be told: a hold there lapses by itself within five days.",
    right="orders.void_payment",
    makes_sense=lambda order: _may_be_paid(order) and payments.find_open(order) is not None,
    perform=_void,
    form=VoidForm,
    is_drastic=True,
)
