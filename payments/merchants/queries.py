"""Questions of merchants about their own orders, payments and refunds. Another's, and one that was never opened, do not
exist here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from payments.merchants.entities import made_at
from payments.merchants.models import MerchantOrder
from payments.models import GatewayName, OwedTo, PaymentAttempt, Refund


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders, and which of them: made in [since, until), skip so many of the newest, then so many."""

    count: int
    skip: int = 0
    since: datetime | None = None
    until: datetime | None = None
    receipt: str | None = None
    authorized: bool | None = None


def list_orders(merchant_id: uuid.UUID, wanted: OrderFilter) -> list[MerchantOrder]:
    """A page of the merchant's orders, the newest first. One statement, over an index that has just these rows."""
    orders = MerchantOrder.objects.filter(merchant_id=merchant_id, reference__isnull=False)
    if wanted.since is not None:
        orders = orders.filter(created_at__gte=wanted.since)
    if wanted.until is not None:
        orders = orders.filter(created_at__lt=wanted.until)
    if wanted.receipt is not None:
        orders = orders.filter(receipt=wanted.receipt)
    if wanted.authorized is not None:
        orders = orders.filter(authorized=wanted.authorized)
    orders = orders.order_by("-created_at", "-pk")
    end = wanted.skip + wanted.count
    if not wanted.skip:
        return list(orders[:end])
    # Far down the list the rows before the page are counted in the index alone.
    page = orders.values("pk")[wanted.skip : end]
    return list(MerchantOrder.objects.filter(pk__in=page).order_by("-created_at", "-pk"))


def find_order(merchant_id: uuid.UUID, reference: str) -> MerchantOrder | None:
    """The merchant's order of that id."""
    return MerchantOrder.objects.filter(merchant_id=merchant_id, reference=reference).first()


def payments_of(order: MerchantOrder) -> list[PaymentAttempt]:
    """Every try to pay the order, failed ones too, the newest first, by the gateway's clock where it told the time."""
    tries = PaymentAttempt.objects.filter(request__subject_id=order.pk).order_by("-created_at", "-pk")
    return sorted(tries, key=made_at, reverse=True)


def find_payment(payment_id: str) -> PaymentAttempt | None:
    """The payment of that id for any merchant's order, with its request."""
    attempts = PaymentAttempt.objects.filter(gateway=GatewayName.RAZORPAY, gateway_payment_id=payment_id)
    return attempts.filter(request__owed_to=OwedTo.MERCHANT_FUNDS).select_related("request").first()


def order_of(merchant_id: uuid.UUID, attempt: PaymentAttempt) -> MerchantOrder | None:
    """The merchant's order that a payment is for."""
    orders = MerchantOrder.objects.filter(merchant_id=merchant_id, reference__isnull=False)
    return orders.filter(pk=attempt.request.subject_id).first()


def refunds_of(
    attempt: PaymentAttempt, *, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Refund]:
    """The refunds of a payment that the gateway knows, the newest first, with what the merchant said of them; those
    that were made from `since` on and before `until`."""
    refunds = Refund.objects.filter(attempt=attempt, gateway_refund_id__isnull=False)
    if since is not None:
        refunds = refunds.filter(created_at__gte=since)
    if until is not None:
        refunds = refunds.filter(created_at__lt=until)
    return refunds.select_related("of_merchant").order_by("-created_at", "-pk")


def find_refund(merchant_id: uuid.UUID, refund_id: str) -> Refund | None:
    """The refund of that id, of a payment of the merchant's, with that payment and what the merchant said."""
    refunds = Refund.objects.filter(gateway_refund_id=refund_id, attempt__request__owed_to=OwedTo.MERCHANT_FUNDS)
    refund = refunds.select_related("attempt__request", "of_merchant").first()
    return refund if refund is not None and order_of(merchant_id, refund.attempt) is not None else None
