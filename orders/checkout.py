"""Buying with an online payment: place the order, then ask the gateway, never the two in one transaction.

A failure to create the payment cancels the order: nobody holds its secret yet. What may exist at the gateway all the
same is found and cancelled by a job, and money that still arrives is late money.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from kit.errors import Fault
from kit.money import Money
from orders import cancellation
from orders.actors import SYSTEM
from orders.checks import OrderRefused
from orders.models import Order
from orders.placement import PlacedOrder, Purchase, place_order
from payments import collecting
from payments.gateways.base import GatewayError
from payments.models import PaymentRequest, RequestState

CANCELLED_MEANWHILE = "cancelled_meanwhile"
_NOT_INITIALIZED = {"reason": "payment not initialized"}


class PaymentNotInitialized(Exception):
    """The payment cannot be made, and the order is cancelled. `reason` is a code: a gateway's `Reason`, or
    CANCELLED_MEANWHILE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checkout:
    """An order waiting for its payer. `client_secret` is None when nothing is due or the gateway has no such thing."""

    order_id: uuid.UUID
    number: int
    total: Money
    client_secret: str | None
    gateway_reference: str | None


def buy_with_payment(purchase: Purchase, *, also: Callable[[PlacedOrder], None] | None = None) -> Checkout:
    """The order is placed, with what `also` writes, and its payment can be made. Raises what placing raises (nothing
    was written) or PaymentNotInitialized (the order was written and is cancelled, its stock is back)."""
    if not collecting.is_configured(purchase.gateway):
        raise OrderRefused([Fault("gateway_not_configured", {"gateway": purchase.gateway.value}, at=("gateway",))])
    return begin_payment(place_order(purchase, also=also))


def resume(placement_key: uuid.UUID) -> Checkout | None:
    """Finish a purchase that was cut off after its order was committed; None if it never got that far.

    The gateway is asked with the same key, so that there is one payment however often this is repeated.
    """
    order = Order.objects.filter(placement_key=placement_key).first()
    if order is None:
        return None
    # The one that the order was placed with; others may have followed.
    requests = PaymentRequest.objects.filter(subject_id=order.pk).order_by("created_at")
    request_id = requests.values_list("pk", flat=True).first()
    return begin_payment(PlacedOrder(order.pk, order.number, order.total, request_id), again=True)


def begin_payment(placed: PlacedOrder, *, again: bool = False) -> Checkout:
    """The payment of an order that was just placed can be made, where anything is due; `again` if it may have been
    asked for before. Raises PaymentNotInitialized: the order is cancelled, its stock is back."""
    if placed.request_id is None:
        return Checkout(placed.id, placed.number, placed.total, None, None)
    try:
        request = collecting.create_at_gateway(placed.request_id, again=again)
    except GatewayError as error:
        cancellation.cancel_unpaid(placed.id, actor=SYSTEM, facts=_NOT_INITIALIZED)
        raise PaymentNotInitialized(error.reason) from None
    if request.cancel_wanted_at is not None or request.state in (RequestState.CANCELLED, RequestState.REFUSED):
        # It expired, or the chase gave it up, while the gateway took its time: whoever pays now would pay for nothing.
        # Or the gateway refused, and whoever was to cancel the order then was cut off.
        cancellation.cancel_unpaid(placed.id, actor=SYSTEM, facts=_NOT_INITIALIZED)
        raise PaymentNotInitialized(CANCELLED_MEANWHILE)
    secret = request.client_secret or None
    return Checkout(placed.id, placed.number, placed.total, secret, request.gateway_reference)
