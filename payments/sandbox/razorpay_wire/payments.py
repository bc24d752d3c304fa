"""The payments of the API."""

from __future__ import annotations

from payments.sandbox.answers import Reply
from payments.sandbox.models import RazorpayPayment
from payments.sandbox.razorpay_wire import acts, fields
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import unknown_id
from payments.sandbox.razorpay_wire.objects import payment_entity
from payments.sandbox.razorpay_wire.paging import PAGING, listed


def list_all(call: Call) -> Reply:
    """Payments, newest first."""
    call.allow("expand", *PAGING)
    return listed(call, RazorpayPayment.objects.select_related("order"), payment_entity)


def retrieve(call: Call) -> Reply:
    """The payment as it is now."""
    payment = RazorpayPayment.objects.select_related("order").filter(public_id=call.id).first()
    if payment is None:
        raise unknown_id()
    return Reply(200, payment_entity(payment))


def capture(call: Call) -> Reply:
    """What was authorized is taken; the amount and currency must be the authorized ones."""
    call.allow("amount", "currency")
    amount = fields.amount(call.params)
    payment = acts.lock_payment(call.id)
    # Without a currency Razorpay takes it for rupees.
    acts.capture(payment, amount or 0, fields.currency(call.params, "INR"))
    return Reply(200, payment_entity(payment))
