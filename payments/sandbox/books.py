"""What the sandbox itself says was authorized, captured, refunded and kept back for disputes, per order and payment.

Reads only. One snapshot: rows and totals of one answer agree with each other whatever happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.db import connections, transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, Upper

from payments.sandbox.models import Charge, Gateway, PaymentIntent, RazorpayOrder, RazorpayPayment

_CHUNK = 2000
_TRY = ("public_id", "amount_minor", "status", "captured_minor", "refunded_minor", "disputed_minor", "created")
_ORDER = ("seq", "public_id", "amount_minor", "currency", "status", "created")


def books(gateway: str, *, limit: int | None = None, after: str | None = None) -> dict[str, Any]:
    """Orders with their payments, newest first, and totals per currency of everything, shown or not.

    At most `limit` orders (default: all), those older than the order `after`; `next` is what to give as `after` for
    the orders that follow, None at the end.
    """
    outermost = not connections["sandbox"].in_atomic_block
    with transaction.atomic(using="sandbox"):
        if outermost:
            with connections["sandbox"].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        orders = _orders(gateway, after)
        page = list(orders if limit is None else islice(orders, limit))
        more = limit is not None and next(orders, None) is not None
        return {
            "gateway": gateway,
            "orders": page,
            "totals": _totals(gateway),
            "next": page[-1]["id"] if more and page else None,
        }


def _orders(gateway: str, after: str | None) -> Iterator[dict[str, Any]]:
    stripe = gateway == Gateway.STRIPE
    for _, rows in groupby(_stripe_rows(after) if stripe else _razorpay_rows(after), key=itemgetter("seq")):
        tries = list(rows)
        yield _order(tries[0], [_payment(row, "charges" if stripe else "payments") for row in tries])


def _stripe_rows(after: str | None) -> Iterator[dict[str, Any]]:
    intents = PaymentIntent.objects.order_by("-seq", "charges__seq")
    if after is not None:
        intents = intents.filter(seq__lt=PaymentIntent.objects.filter(public_id=after).values("seq"))
    fields = [*_ORDER, "metadata", "idempotency_key", *(f"charges__{name}" for name in _TRY)]
    yield from intents.values(*fields).iterator(chunk_size=_CHUNK)


def _razorpay_rows(after: str | None) -> Iterator[dict[str, Any]]:
    orders = RazorpayOrder.objects.order_by("-seq", "payments__seq")
    if after is not None:
        orders = orders.filter(seq__lt=RazorpayOrder.objects.filter(public_id=after).values("seq"))
    fields = [*_ORDER, "notes", "receipt", *(f"payments__{name}" for name in _TRY)]
    yield from orders.values(*fields).iterator(chunk_size=_CHUNK)


def _order(row: dict[str, Any], payments: list[dict[str, Any]]) -> dict[str, Any]:
    currency = row["currency"].upper()
    tried = [{**payment, "currency": currency} for payment in payments if payment["id"] is not None]
    return {
        "id": row["public_id"],
        "amount": row["amount_minor"],
        "currency": currency,
        "status": row["status"],
        "authorized": sum(payment["authorized"] for payment in tried),
        "captured": sum(payment["captured"] for payment in tried),
        "refunded": sum(payment["refunded"] for payment in tried),
        "disputed": sum(payment["disputed"] for payment in tried),
        "created": row["created"],
        "idempotency_key": row.get("idempotency_key"),
        "receipt": row.get("receipt"),
        "metadata": row.get("metadata", row.get("notes")),
        "payments": tried,
    }


def _payment(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    public_id, amount, status, captured, refunded, disputed, created = (row[f"{prefix}__{name}"] for name in _TRY)
    return {
        "id": public_id,
        "amount": amount,
        "status": status,
        "authorized": 0 if status == "failed" else amount,
        "captured": captured,
        "refunded": refunded,
        "disputed": disputed,
        "created": created,
    }


def _totals(gateway: str) -> dict[str, dict[str, int]]:
    stripe = gateway == Gateway.STRIPE
    tries = Charge.objects.all() if stripe else RazorpayPayment.objects.all()
    sums = (
        tries.order_by()
        .values(iso=Upper("currency"))
        .annotate(
            payments=Count("seq"),
            authorized=Coalesce(Sum("amount_minor", filter=~Q(status="failed")), 0),
            captured=Sum("captured_minor"),
            refunded=Sum("refunded_minor"),
            disputed=Sum("disputed_minor"),
        )
    )
    return {
        row["iso"]: {name: int(row[name]) for name in ("payments", "authorized", "captured", "refunded", "disputed")}
        for row in sums
    }
