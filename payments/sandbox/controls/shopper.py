"""Does at the gateway what a shopper does in its checkout, in one transaction with the events of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import TextChoices
from django.utils.module_loading import import_string

from payments.sandbox.controls.reading import Refused
from payments.sandbox.events import Mode
from payments.sandbox.models import PaymentIntent, RazorpayOrder
from payments.sandbox.razorpay_wire import acts as razorpay
from payments.sandbox.razorpay_wire.errors import RazorpayError
from payments.sandbox.signatures import checkout_signature
from payments.sandbox.stripe_wire import acts as stripe
from payments.sandbox.stripe_wire.errors import StripeError


class Outcome(TextChoices):
    """How the checkout ends."""

    SUCCEED = "succeed"
    FAIL = "fail"
    # The bank agrees, and nobody takes the money yet.
    AUTHORIZE = "authorize"
    # The shopper closes the window: nothing happens at the gateway.
    ABANDON = "abandon"


METHODS = ("card", "paypal", "upi", "netbanking", "wallet")
_LAST4 = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Try:
    """One visit to the checkout."""

    outcome: Outcome
    method: str
    last4: str | None
    webhook: Mode


def pay(payment: str, attempt: Try) -> dict[str, Any]:
    """What `POST /sandbox/pay` answers: the payment, its status in the gateway's own word, for Razorpay the signature.

    `payment` is a client secret, a PaymentIntent's id or a Razorpay order's id. Raises Refused: 404 for an unknown
    payment, 409 for one that cannot be paid any more.
    """
    if attempt.last4 is not None and not _LAST4.fullmatch(attempt.last4):
        raise Refused("last4 must be four digits")
    try:
        with transaction.atomic(using="sandbox"):
            return _pay_order(payment, attempt) if payment.startswith("order_") else _pay_intent(payment, attempt)
    except (StripeError, RazorpayError) as error:
        raise Refused(str(error), 409) from None


def find(payment: str) -> PaymentIntent | RazorpayOrder:
    """What is to be paid. Raises Refused (404)."""
    if payment.startswith("order_"):
        order = RazorpayOrder.objects.filter(public_id=payment).first()
        if order is not None:
            return order
    else:
        intent = PaymentIntent.objects.filter(public_id=payment.partition("_secret_")[0]).first()
        if intent is not None and payment in (intent.public_id, intent.client_secret):
            return intent
    raise Refused("No such payment: give a client secret, a pi_ id or an order_ id", 404)


def _pay_intent(payment: str, attempt: Try) -> dict[str, Any]:
    intent = stripe.lock_intent(find(payment).public_id)
    instrument = stripe.Instrument(attempt.method, attempt.last4 or "4242")
    cause = stripe.Cause(mode=attempt.webhook)
    match attempt.outcome:
        case Outcome.SUCCEED:
            stripe.authorize(intent, instrument, captures=intent.capture_method != "manual", cause=cause)
        case Outcome.AUTHORIZE:
            stripe.authorize(intent, instrument, captures=False, cause=cause)
        case Outcome.FAIL:
            stripe.decline(intent, instrument, cause=cause)
        case Outcome.ABANDON:
            pass
    return {"payment": intent.public_id, "status": str(intent.status)}


def _pay_order(payment: str, attempt: Try) -> dict[str, Any]:
    order = razorpay.lock_order(find(payment).public_id)
    instrument = razorpay.Instrument(attempt.method, attempt.last4 or "1111")
    mode = attempt.webhook
    match attempt.outcome:
        case Outcome.SUCCEED:
            paid = razorpay.authorize(order, instrument, captures=order.captures_automatically, mode=mode)
        case Outcome.AUTHORIZE:
            paid = razorpay.authorize(order, instrument, captures=False, mode=mode)
        case Outcome.FAIL:
            paid = razorpay.decline(order, instrument, mode=mode)
        case Outcome.ABANDON:
            nothing = {"razorpay_order_id": order.public_id, "razorpay_payment_id": None, "razorpay_signature": None}
            return {"payment": None, "status": str(order.status), **nothing}
    return {
        "payment": paid.public_id,
        "status": str(paid.status),
        "razorpay_order_id": order.public_id,
        "razorpay_payment_id": paid.public_id,
        "razorpay_signature": checkout_signature(_checkout_secret(order), order.public_id, paid.public_id),
    }


def _checkout_secret(order: RazorpayOrder) -> str:
    """The key secret that this order's checkout signs with.

    The setting SANDBOX_CHECKOUT_SECRET may name a function from an order's id to the secret of whoever made the order
    through the project (None: the project itself), so that nothing of the project is imported here.
    """
    path = getattr(settings, "SANDBOX_CHECKOUT_SECRET", "")
    find_secret: Callable[[str], str | None] | None = import_string(path) if path else None
    secret = find_secret(order.public_id) if find_secret else None
    return secret or str(settings.RAZORPAY_KEY_SECRET)
