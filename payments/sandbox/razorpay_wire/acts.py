"""What can happen to a Razorpay order, whoever asks: a shopper, the API, the controls.

Each act expects the caller's transaction on the sandbox database with the order's row locked (`lock_order`), leaves
order, payments, balance and events agreeing with each other, and raises RazorpayError where the state does not allow
it.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Any

from payments.sandbox.events import Mode
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Gateway, RazorpayOrder, RazorpayPayment
from payments.sandbox.names import razorpay_id
from payments.sandbox.razorpay_wire.errors import RazorpayError, unknown_id
from payments.sandbox.razorpay_wire.happenings import announce
from payments.sandbox.razorpay_wire.objects import order_entity, payment_entity

ALREADY_PAID = "Your payment has been declined as the order is already paid. Please initiate a new payment."
FAILURE = {
    "code": "BAD_REQUEST_ERROR",
    "description": "Payment failed because the bank declined it",
    "source": "bank",
    "step": "payment_authorization",
    "reason": "payment_failed",
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the shopper pays with."""

    method: str = "card"
    last4: str = "1111"

    def details(self) -> dict[str, Any]:
        """The fields of a payment that depend on its method."""
        match self.method:
            case "card":
                card_id = razorpay_id("card")
                card = {"id": card_id, "entity": "card", "name": "", "last4": self.last4, "network": "Visa"}
                more = {"type": "credit", "issuer": None, "international": False, "emi": False}
                acquirer = {"auth_code": _digits(6)}
                return {"card_id": card_id, "card": {**card, **more}, "acquirer_data": acquirer}
            case "upi":
                return {"vpa": "shopper@upi", "acquirer_data": {"rrn": _digits(12)}}
            case "netbanking":
                return {"bank": "HDFC", "acquirer_data": {"bank_transaction_id": _digits(7)}}
            case _:
                wallet = "paypal" if self.method == "paypal" else "amazonpay"
                return {"wallet": wallet, "acquirer_data": {"transaction_id": None}}


def _digits(count: int) -> str:
    """What a bank numbers things with."""
    return "".join(secrets.choice(string.digits) for _ in range(count))


def lock_order(public_id: str) -> RazorpayOrder:
    """The order, its row locked to the end of the transaction."""
    order = RazorpayOrder.objects.select_for_update().filter(public_id=public_id).first()
    if order is None:
        raise unknown_id()
    return order


def lock_payment(public_id: str) -> RazorpayPayment:
    """The payment, read after its order's row was locked."""
    order_id = RazorpayPayment.objects.filter(public_id=public_id).values_list("order__public_id", flat=True).first()
    if order_id is None:
        raise unknown_id()
    order = lock_order(order_id)
    payment = RazorpayPayment.objects.get(public_id=public_id)
    payment.order = order
    return payment


def authorize(order: RazorpayOrder, instrument: Instrument, *, captures: bool, mode: Mode) -> RazorpayPayment:
    """The money is the merchant's to take; with `captures` it is taken at once."""
    payment = _attempt(order, instrument, status=RazorpayPayment.Status.AUTHORIZED)
    happenings = [("payment.authorized", {"payment": payment_entity(payment)})]
    if captures:
        happenings += _take(payment)
    announce(*happenings, mode=mode)
    return payment


def decline(order: RazorpayOrder, instrument: Instrument, *, mode: Mode) -> RazorpayPayment:
    """The bank said no: a failed payment, the order open for another try."""
    payment = _attempt(order, instrument, status=RazorpayPayment.Status.FAILED, failure=FAILURE)
    announce(("payment.failed", {"payment": payment_entity(payment)}), mode=mode)
    return payment


def capture(payment: RazorpayPayment, amount_minor: int, currency: str) -> None:
    """The authorized money is taken, always all of it."""
    if payment.status in (RazorpayPayment.Status.CAPTURED, RazorpayPayment.Status.REFUNDED):
        raise RazorpayError("This payment has already been captured", step="payment_capture")
    if payment.status != RazorpayPayment.Status.AUTHORIZED:
        description = "Only payments which have been authorized and not yet captured can be captured"
        raise RazorpayError(description, step="payment_capture")
    if payment.order.status == RazorpayOrder.Status.PAID:
        raise RazorpayError(ALREADY_PAID, step="payment_capture")
    if (amount_minor, currency) != (payment.amount_minor, payment.currency):
        description = "Capture amount must be equal to the amount authorized"
        raise RazorpayError(description, field="amount", step="payment_capture")
    announce(*_take(payment))


def fee_and_tax_minor(amount_minor: int) -> tuple[int, int]:
    """2 % and 18 % tax on that, each rounded half up; the fee includes the tax."""
    bare = (amount_minor * 2 + 50) // 100
    tax = (bare * 18 + 50) // 100
    return bare + tax, tax


def _attempt(order: RazorpayOrder, instrument: Instrument, **more: Any) -> RazorpayPayment:
    if order.status == RazorpayOrder.Status.PAID:
        raise RazorpayError(ALREADY_PAID)
    if order.payments.filter(status=RazorpayPayment.Status.AUTHORIZED).exists():
        raise RazorpayError("The order has a payment that is authorized and not captured yet.")
    order.attempts += 1
    order.status = RazorpayOrder.Status.ATTEMPTED
    order.save()
    return RazorpayPayment.objects.create(
        public_id=razorpay_id("pay"),
        order=order,
        amount_minor=order.amount_minor,
        currency=order.currency,
        method="wallet" if instrument.method == "paypal" else instrument.method,
        method_details=instrument.details(),
        created=unix_now(),
        **more,
    )


def _take(payment: RazorpayPayment) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    fee, tax = fee_and_tax_minor(payment.amount_minor)
    payment.status = RazorpayPayment.Status.CAPTURED
    payment.captured_minor = payment.amount_minor
    payment.fee_minor, payment.tax_minor = fee, tax
    payment.save()
    payment.order.status = RazorpayOrder.Status.PAID
    payment.order.paid_minor = payment.amount_minor
    payment.order.save()
    BalanceEntry.objects.create(
        gateway=Gateway.RAZORPAY,
        public_id=razorpay_id("txn"),
        kind=BalanceEntry.Kind.PAYMENT,
        source=payment.public_id,
        amount_minor=payment.amount_minor,
        fee_minor=fee,
        tax_minor=tax,
        net_minor=payment.amount_minor - fee,
        currency=payment.currency,
        created=unix_now(),
    )
    both = {"payment": payment_entity(payment), "order": order_entity(payment.order)}
    return [("payment.captured", {"payment": payment_entity(payment)}), ("order.paid", both)]
