"""The orders of the API."""

from __future__ import annotations

from typing import Any

from django.db import connections

from payments.sandbox.answers import Reply
from payments.sandbox.instants import unix_now
from payments.sandbox.models import RazorpayOrder, RazorpayPayment
from payments.sandbox.names import razorpay_id
from payments.sandbox.razorpay_wire import acts, fields
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import RazorpayError, unknown_id
from payments.sandbox.razorpay_wire.objects import collection, order_entity, payment_entity
from payments.sandbox.razorpay_wire.paging import PAGING, listed

_CREATING = (
    "amount",
    "currency",
    "receipt",
    "notes",
    "payment_capture",
    "payment",
    "partial_payment",
    "unique_receipt",
)


def create(call: Call) -> Reply:
    """A new order; with `unique_receipt` a repeated call gets the order that the first one made."""
    call.allow(*_CREATING)
    currency = fields.currency(call.params)
    amount = fields.order_amount(call.params, currency)
    receipt = fields.text(call.params, "receipt")
    if receipt and fields.flag(call.params, "unique_receipt"):
        before = _find_by_receipt(receipt)
        if before is not None:
            if (before.amount_minor, before.currency) != (amount, currency):
                raise RazorpayError("Order receipt should be unique.", field="receipt")
            return Reply(200, order_entity(before))
    order = RazorpayOrder.objects.create(
        public_id=razorpay_id("order"),
        amount_minor=amount,
        currency=currency,
        receipt=receipt,
        captures_automatically=_captures(call.params),
        notes=fields.notes(call.params),
        created=unix_now(),
    )
    return Reply(200, order_entity(order))


def list_all(call: Call) -> Reply:
    """Orders, newest first; `authorized` picks those with a payment authorized and not captured."""
    call.allow("authorized", "receipt", "expand", *PAGING)
    rows = RazorpayOrder.objects.all()
    receipt = fields.text(call.params, "receipt", longest=1000)
    if receipt is not None:
        rows = rows.filter(receipt=receipt)
    authorized = fields.flag(call.params, "authorized")
    if authorized is not None:
        waiting = RazorpayPayment.objects.filter(status=RazorpayPayment.Status.AUTHORIZED).values("order_id")
        rows = rows.filter(seq__in=waiting) if authorized else rows.exclude(seq__in=waiting)
    if "payments" not in _expansions(call.params):
        return listed(call, rows, order_entity)
    return listed(call, rows.prefetch_related("payments__order"), _with_payments)


def retrieve(call: Call) -> Reply:
    """The order as it is now."""
    return Reply(200, order_entity(_find(call.id)))


def edit(call: Call) -> Reply:
    """Other notes; nothing else of an order can be changed."""
    call.allow("notes")
    if "notes" not in call.params:
        raise RazorpayError("The notes field is required.", field="notes")
    order = acts.lock_order(call.id)
    order.notes = fields.notes(call.params)
    order.save(update_fields=["notes"])
    return Reply(200, order_entity(order))


def payments(call: Call) -> Reply:
    """Every try to pay the order, failed ones too, newest first."""
    order = _find(call.id)
    tries = order.payments.select_related("order").order_by("-seq")
    return Reply(200, collection([payment_entity(payment) for payment in tries]))


def _expansions(params: dict[str, Any]) -> list[Any]:
    given = params.get("expand", {})
    return list(given.values()) if isinstance(given, dict) else [given]


def _with_payments(order: RazorpayOrder) -> dict[str, Any]:
    tries = sorted(order.payments.all(), key=lambda payment: -payment.seq)
    return {**order_entity(order), "payments": collection([payment_entity(payment) for payment in tries])}


def _find(public_id: str) -> RazorpayOrder:
    order = RazorpayOrder.objects.filter(public_id=public_id).first()
    if order is None:
        raise unknown_id()
    return order


def _find_by_receipt(receipt: str) -> RazorpayOrder | None:
    # Of two calls with one receipt at once the second waits here, then finds the first one's order.
    with connections["sandbox"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"receipt {receipt}"])
    return RazorpayOrder.objects.filter(receipt=receipt).order_by("seq").first()


def _captures(params: dict[str, Any]) -> bool:
    """Whether a payment is captured at once: the order's own word, else the account's setting, which is yes."""
    options = params.get("payment")
    if isinstance(options, dict) and "capture" in options:
        if options["capture"] not in ("automatic", "manual"):
            raise RazorpayError("The payment.capture must be automatic or manual.", field="payment.capture")
        return bool(options["capture"] == "automatic")
    return fields.flag(params, "payment_capture") is not False
