"""Does at the gateway what a shopper's bank does about a payment, in one transaction with the events of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import TextChoices

from payments.sandbox.controls.reading import Refused
from payments.sandbox.events import Mode
from payments.sandbox.models import Charge, Dispute, RazorpayPayment
from payments.sandbox.razorpay_wire import disputes as razorpay
from payments.sandbox.razorpay_wire.acts import lock_order
from payments.sandbox.razorpay_wire.objects import dispute_entity
from payments.sandbox.stripe_wire import disputes as stripe
from payments.sandbox.stripe_wire.acts import Cause, lock_intent
from payments.sandbox.stripe_wire.objects import dispute_object


class Act(TextChoices):
    """What the bank does."""

    OPEN = "open"
    REVIEW = "review"
    WIN = "win"
    LOSE = "lose"


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a dispute. The amount, the reason and whether the gateway keeps it back at once matter at the
    opening; without an amount it is all that has not gone back yet."""

    act: Act
    amount_minor: int | None
    reason: str
    keeps_back: bool
    webhook: Mode


def dispute(payment: str, move: Move) -> dict[str, Any]:
    """What `POST /sandbox/dispute` answers: the dispute, and its status in the gateway's own word.

    `payment` is a charge's, an intent's, a Razorpay payment's or an order's id. Raises Refused: 404 for a payment that
    is unknown or was not captured, 409 where there is nothing to open or nothing open.
    """
    with transaction.atomic(using="sandbox"):
        if payment.startswith(("order_", "pay_")):
            return _at_razorpay(payment, move)
        return _at_stripe(payment, move)


def _at_stripe(payment: str, move: Move) -> dict[str, Any]:
    found = Charge.objects.filter(captured_minor__gt=0).select_related("intent")
    charge = found.filter(public_id=payment).first() or found.filter(intent__public_id=payment).first()
    if charge is None:
        raise _unknown()
    intent = lock_intent(charge.intent.public_id)
    # Read again: what was read before the lock may be old.
    charge.refresh_from_db(from_queryset=Charge.objects.select_related("intent"))
    charge.intent = intent
    cause = Cause(mode=move.webhook)
    if move.act == Act.OPEN:
        opened = stripe.open_dispute(
            charge, _amount(charge, move), move.reason, keeps_back=move.keeps_back, cause=cause
        )
        return {"dispute": opened.public_id, "status": dispute_object(opened)["status"]}
    running = _running(charge)
    running.charge = charge
    {Act.REVIEW: stripe.review, Act.WIN: stripe.win, Act.LOSE: stripe.lose}[move.act](running, cause=cause)
    return {"dispute": running.public_id, "status": dispute_object(running)["status"]}


def _at_razorpay(payment: str, move: Move) -> dict[str, Any]:
    found = RazorpayPayment.objects.filter(captured_minor__gt=0).select_related("order")
    paid = found.filter(public_id=payment).first() or found.filter(order__public_id=payment).first()
    if paid is None:
        raise _unknown()
    order = lock_order(paid.order.public_id)
    paid.refresh_from_db(from_queryset=RazorpayPayment.objects.select_related("order"))
    paid.order = order
    mode = move.webhook
    if move.act == Act.OPEN:
        opened = razorpay.open_dispute(paid, _amount(paid, move), move.reason, keeps_back=move.keeps_back, mode=mode)
        return {"dispute": opened.public_id, "status": dispute_entity(opened)["status"]}
    running = _running(paid)
    running.payment = paid
    {Act.REVIEW: razorpay.review, Act.WIN: razorpay.win, Act.LOSE: razorpay.lose}[move.act](running, mode=mode)
    return {"dispute": running.public_id, "status": dispute_entity(running)["status"]}


def _amount(payment: Charge | RazorpayPayment, move: Move) -> int:
    if payment.disputes.exclude(status=Dispute.Status.WON).exists():
        raise Refused("The payment is in dispute, or was lost in one", 409)
    # A bank does not ask what the merchant refunded: both may be for the same money.
    most = payment.captured_minor
    amount = most - payment.refunded_minor if move.amount_minor is None else move.amount_minor
    if not 1 <= amount <= most:
        raise Refused(f"Between 1 and {most} can be disputed, not {amount}", 409)
    return amount


def _running(payment: Charge | RazorpayPayment) -> Dispute:
    running = payment.disputes.filter(status__in=Dispute.OPEN_STATUSES).first()
    if running is None:
        raise Refused("The payment has no open dispute", 409)
    return running


def _unknown() -> Refused:
    return Refused("No such captured payment: give a ch_, pi_, pay_ or order_ id", 404)
