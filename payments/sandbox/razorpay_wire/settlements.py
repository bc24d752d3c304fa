"""What Razorpay paid out, and the lines it is made of."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Sum

from payments.sandbox.answers import Reply
from payments.sandbox.models import BalanceEntry, Gateway, Payout, RazorpayPayment, RazorpayRefund
from payments.sandbox.razorpay_wire import fields
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import RazorpayError, unknown_id
from payments.sandbox.razorpay_wire.objects import collection
from payments.sandbox.razorpay_wire.paging import PAGING, listed

# The days of a settlement report are Indian ones.
_INDIA = ZoneInfo("Asia/Kolkata")


def list_all(call: Call) -> Reply:
    """Settlements, newest first."""
    call.allow(*PAGING)
    return listed(call, Payout.objects.filter(gateway=Gateway.RAZORPAY), settlement_entity)


def retrieve(call: Call) -> Reply:
    """One settlement."""
    payout = Payout.objects.filter(gateway=Gateway.RAZORPAY, public_id=call.id).first()
    if payout is None:
        raise unknown_id()
    return Reply(200, settlement_entity(payout))


def recon(call: Call) -> Reply:
    """The lines of the settlements of a month or a day, in the order in which they came about."""
    call.allow("year", "month", "day", "count", "skip")
    count = fields.whole(call.params, "count", 1000, 1, 1000)
    skip = fields.whole(call.params, "skip", 0, 0, 2**53)
    first, last = _bounds(call.params)
    entries = BalanceEntry.objects.filter(
        gateway=Gateway.RAZORPAY, payout__created__gte=first, payout__created__lt=last
    )
    page = list(entries.select_related("payout").order_by("seq")[skip : skip + count])
    return Reply(200, collection(_lines(page)))


def settlement_entity(payout: Payout) -> dict[str, Any]:
    """A `settlement`; the fees are those that were kept back from its payments."""
    kept = payout.entries.aggregate(fees=Sum("fee_minor"), tax=Sum("tax_minor"))
    return {
        "id": payout.public_id,
        "entity": "settlement",
        "amount": payout.amount_minor,
        "status": "processed",
        "fees": kept["fees"] or 0,
        "tax": kept["tax"] or 0,
        "utr": payout.utr,
        "created_at": payout.created,
    }


def _bounds(params: dict[str, Any]) -> tuple[int, int]:
    for name in ("year", "month"):
        if name not in params:
            raise RazorpayError(f"The {name} field is required.", field=name)
    year = fields.whole(params, "year", 0, 2000, 2999)
    month = fields.whole(params, "month", 0, 1, 12)
    days = calendar.monthrange(year, month)[1]
    if "day" in params:
        first, length = fields.whole(params, "day", 0, 1, days), 1
    else:
        first, length = 1, days
    start = datetime(year, month, first, tzinfo=_INDIA)
    return int(start.timestamp()), int((start + timedelta(days=length)).timestamp())


def _lines(entries: list[BalanceEntry]) -> list[dict[str, Any]]:
    sources = [entry.source for entry in entries]
    payments = {
        payment.public_id: payment
        for payment in RazorpayPayment.objects.select_related("order").filter(public_id__in=sources)
    }
    refunds = {
        refund.public_id: refund
        for refund in RazorpayRefund.objects.select_related("payment__order").filter(public_id__in=sources)
    }
    return [_line(entry, payments.get(entry.source), refunds.get(entry.source)) for entry in entries]


def _line(entry: BalanceEntry, payment: RazorpayPayment | None, refund: RazorpayRefund | None) -> dict[str, Any]:
    paid = refund.payment if refund else payment
    payout = entry.payout
    return {
        "entity_id": entry.source,
        "type": _line_type(entry),
        "debit": max(-entry.net_minor, 0),
        "credit": max(entry.net_minor, 0),
        "amount": abs(entry.amount_minor),
        "currency": entry.currency,
        "fee": entry.fee_minor,
        "tax": entry.tax_minor,
        "on_hold": False,
        "settled": True,
        "created_at": entry.created,
        "settled_at": payout.created if payout else None,
        "settlement_id": payout.public_id if payout else None,
        "posted_at": None,
        "credit_type": "default",
        "description": None,
        "notes": "{}",
        "payment_id": refund.payment.public_id if refund else None,
        "settlement_utr": payout.utr if payout else None,
        "order_id": paid.order.public_id if paid else None,
        "order_receipt": paid.order.receipt if paid else None,
        "method": paid.method if paid else None,
        "card_network": "Visa" if paid and paid.method == "card" else None,
        "card_issuer": None,
        "card_type": "credit" if paid and paid.method == "card" else None,
        "dispute_id": None,
    }


def _line_type(entry: BalanceEntry) -> str:
    # Razorpay books money that came back from a failed refund as an adjustment.
    return "adjustment" if entry.kind == BalanceEntry.Kind.REFUND_FAILURE else entry.kind
