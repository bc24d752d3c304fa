"""The refunds of the API. The lock on the order makes sure that no more goes back than was captured."""

from __future__ import annotations

import re

from payments.sandbox import answers
from payments.sandbox.answers import Reply
from payments.sandbox.events import Mode
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Dispute, Gateway, RazorpayPayment, RazorpayRefund
from payments.sandbox.names import razorpay_id
from payments.sandbox.razorpay_wire import fields
from payments.sandbox.razorpay_wire.acts import lock_payment
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import RazorpayError, unknown_id
from payments.sandbox.razorpay_wire.happenings import announce
from payments.sandbox.razorpay_wire.objects import payment_entity, refund_entity, refund_status
from payments.sandbox.razorpay_wire.paging import PAGING, listed

_KEY = re.compile(r"[A-Za-z0-9_-]{10,255}", re.ASCII)


def create(call: Call) -> Reply:
    """Money goes back: the amount given, or all that is left; once per idempotency key."""
    call.allow("amount", "speed", "notes", "receipt", "reverse_all")
    key = call.idempotency_key
    if key is None:
        return _refund(call)
    if not _KEY.fullmatch(key):
        description = "Idempotency key must have at least 10 characters of A-Z, a-z, 0-9, - and _"
        raise RazorpayError(description, field="X-Refund-Idempotency")
    fingerprint = answers.fingerprint(call.path, call.params)
    try:
        return answers.once(Gateway.RAZORPAY, key, fingerprint, lambda: _refund(call))
    except answers.KeyInUse:
        description = "Request with the same idempotency key is still in progress"
        raise RazorpayError(description, status=409) from None
    except answers.KeyReused:
        description = "Different request with the same idempotency key has already been processed"
        raise RazorpayError(description, status=409) from None


def retrieve(call: Call) -> Reply:
    """The refund as it is now."""
    refund = RazorpayRefund.objects.select_related("payment").filter(public_id=call.id).first()
    if refund is None:
        raise unknown_id()
    return Reply(200, refund_entity(refund))


def list_all(call: Call) -> Reply:
    """Refunds, newest first."""
    call.allow(*PAGING)
    return listed(call, RazorpayRefund.objects.select_related("payment"), refund_entity)


def list_of_payment(call: Call) -> Reply:
    """The refunds of one payment, newest first."""
    call.allow(*PAGING)
    payment = RazorpayPayment.objects.filter(public_id=call.id).first()
    if payment is None:
        raise unknown_id()
    return listed(call, payment.refunds.select_related("payment"), refund_entity)


def fail(public_id: str, *, mode: Mode) -> RazorpayRefund:
    """The shopper's bank sent the money back: the refund has failed, its amount can be refunded again.

    Needs a transaction; locks the order. Raises RazorpayError for an unknown refund or one that has failed already.
    """
    payment_id = RazorpayRefund.objects.filter(public_id=public_id).values_list("payment__public_id", flat=True).first()
    if payment_id is None:
        raise unknown_id()
    payment = lock_payment(payment_id)
    refund = RazorpayRefund.objects.get(public_id=public_id)
    refund.payment = payment
    if refund.status == RazorpayRefund.Status.FAILED:
        raise RazorpayError("The refund has already failed")
    refund.status = RazorpayRefund.Status.FAILED
    refund.save(update_fields=["status"])
    payment.refunded_minor -= refund.amount_minor
    payment.status = RazorpayPayment.Status.CAPTURED
    payment.save(update_fields=["refunded_minor", "status"])
    _enter(refund, refund.amount_minor, BalanceEntry.Kind.REFUND_FAILURE)
    announce(("refund.failed", _both(refund)), mode=mode)
    return refund


def _refund(call: Call) -> Reply:
    amount = fields.amount(call.params, required=False)
    speed = fields.text(call.params, "speed") or "normal"
    if speed not in ("normal", "optimum"):
        raise RazorpayError("The speed must be normal or optimum.", field="speed")
    payment = lock_payment(call.id)
    refund = RazorpayRefund.objects.create(
        public_id=razorpay_id("rfnd"),
        payment=payment,
        amount_minor=_refundable(payment, amount),
        currency=payment.currency,
        speed=speed,
        receipt=fields.text(call.params, "receipt"),
        notes=fields.notes(call.params),
        created=unix_now(),
    )
    payment.refunded_minor += refund.amount_minor
    if refund_status(payment) == "full":
        payment.status = RazorpayPayment.Status.REFUNDED
    payment.save(update_fields=["refunded_minor", "status"])
    _enter(refund, -refund.amount_minor, BalanceEntry.Kind.REFUND)
    announce(("refund.created", _both(refund)), ("refund.processed", _both(refund)))
    return Reply(200, refund_entity(refund))


def _refundable(payment: RazorpayPayment, amount: int | None) -> int:
    if payment.status == RazorpayPayment.Status.REFUNDED:
        raise RazorpayError("The payment has been fully refunded already", step="payment_refund")
    if payment.status != RazorpayPayment.Status.CAPTURED:
        description = "The payment status should be captured for action to be taken"
        raise RazorpayError(description, step="payment_refund")
    if payment.disputes.exclude(status=Dispute.Status.WON).exists():
        raise RazorpayError("The payment is under dispute and cannot be refunded", step="payment_refund")
    left = payment.captured_minor - payment.refunded_minor
    if amount is None:
        return left
    if amount < 1:
        raise RazorpayError("The amount must be atleast INR 1.00", field="amount", step="payment_refund")
    if amount > payment.captured_minor:
        description = "The refund amount provided is greater than amount captured"
        raise RazorpayError(description, field="amount", step="payment_refund")
    if amount > left:
        description = "The total refund amount is greater than the refund payment amount"
        raise RazorpayError(description, field="amount", step="payment_refund")
    return amount


def _enter(refund: RazorpayRefund, amount_minor: int, kind: BalanceEntry.Kind) -> None:
    BalanceEntry.objects.create(
        gateway=Gateway.RAZORPAY,
        public_id=razorpay_id("txn"),
        kind=kind,
        source=refund.public_id,
        amount_minor=amount_minor,
        net_minor=amount_minor,
        currency=refund.currency,
        created=unix_now(),
    )


def _both(refund: RazorpayRefund) -> dict[str, dict[str, object]]:
    return {"refund": refund_entity(refund), "payment": payment_entity(refund.payment)}
