"""Giving money back for an order that stands."""

from __future__ import annotations

import uuid

from django.db import transaction

from kit.errors import DomainError, Fault
from kit.money import Money
from orders.actors import Actor
from orders.models import Order
from orders.settlement import send_back, settle_locked
from payments import queries


def refund_order(order_id: uuid.UUID, *, amount: Money, reason: str, actor: Actor) -> Order:
    """The amount is promised and on its way; the order's status follows when the gateway has done it.

    Raises DomainError: `amount_invalid` when it is not above zero, in another currency, or more than the order keeps;
    `not_refundable` when a gateway has failed so often to send some of it back that a person has to look.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        kept = queries.totals(order.pk, order.currency).kept
        if amount.currency != order.currency or not 0 < amount.minor <= kept:
            raise DomainError([Fault("amount_invalid", {"kept": Money(kept, order.currency)}, at=("amount",))])
        promised = send_back(order, amount.minor, reason=reason, actor=actor)
        if promised < amount.minor:
            left = Money(promised, order.currency)
            raise DomainError([Fault("not_refundable", {"refundable": left}, at=("amount",))])
        settle_locked(order, actor=actor)
    return order
