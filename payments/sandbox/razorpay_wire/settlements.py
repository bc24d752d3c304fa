"""What Razorpay paid out, and the lines it is made of."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from payments.sandbox.answers import Reply
from payments.sandbox.models import BalanceEntry, Gateway, Payout, RazorpayPayment, RazorpayRefund
from payments.sandbox.razorpay_wire import fields
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import RazorpayError, unknown_id
from payments.sandbox.razorpay_wire.objects import collection
from payments.sandbox.razorpay_wire.paging import PAGING, counted, listed

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
    """The lines of the settlements of a month or a day, each settlement's in the order in which they came about."""
    call.allow("year", "month", "day", "count", "skip")
    count = fields.whole(call.params, "count", 1000, 1, 1000)
    skip = fields.whole(call.params, "skip", 0, 0, 2**53)
    first, last = _bounds(call.params)
    payouts = Payout.objects.filter(gateway=Gateway.RAZORPAY, created__gte=first, created__lt=last)
    entries = BalanceEntry.objects.filter(payout__in=list(payouts)).select_related("payout", "dispute__payment__order")
    page = counted(entries.order_by("payout", "created", "seq"), skip, count)
    return Reply(200, collection(_lines(list(page))))


def settlement_entity(payout: Payout) -> dict[str, Any]:
    """A `settlement`. Fees are its own, which an ordinary one has not: those of its payments are in its lines.

    Razorpay pays out in rupees alone and names no currency; the sandbox does in every currency that it takes.
    """
    return {
        "id": payout.public_id,
        "entity": "settlement",
        "amount": payout.amount_minor,
        "currency": payout.currency,
        "status": "processed",
        "fees": 0,
        "tax": 0,
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
    dispute = entry.dispute
    paid = refund.payment if refund else dispute.payment if dispute else payment
    payout = entry.payout
    return {
        "entity_id": entry.public_id if dispute else entry.source,
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
        "payment_id": paid.public_id if paid and paid is not payment else None,
        "settlement_utr": payout.utr if payout else None,
        "order_id": paid.order.public_id if paid else None,
        "order_receipt": paid.order.receipt if paid else None,
        "method": paid.method if paid else None,
        "card_network": "Visa" if paid and paid.method == "card" else None,
        "card_issuer": None,
        "card_type": "credit" if paid and paid.method == "card" else None,
        "dispute_id": dispute.public_id if dispute else None,
    }


def _line_type(entry: BalanceEntry) -> str:
    # Razorpay books disputes, and money that came back from a failed refund, as adjustments.
    return entry.kind if entry.kind in (BalanceEntry.Kind.PAYMENT, BalanceEntry.Kind.REFUND) else "adjustment"
