"""What follows from a move of an order beside money and stock. Runs in the transaction of the move, under the order's
lock, and is harmless to repeat.
"""

from __future__ import annotations

from orders import entries
from orders.campaigns import ending
from orders.coupons import using
from orders.memberships import effects
from orders.models import Order, OrderStatus, OrderType


def prepare(order: Order) -> bool:
    """Before anything is posted for a move: whoever is made a member by the order is locked; whether anybody is."""
    return effects.lock_member(order)


def follow(order: Order, to: OrderStatus, *, makes_member: bool) -> None:
    """An order has come to a status: one that is called off gives its coupon back; what is left to be sent of the
    campaigns of one that is called off or refunded is not sent; an entry in an event stands as long as its order is
    paid, and so does what its package gives."""
    if to == OrderStatus.CANCELLED:
        using.give_back(order.pk)
    if to in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
        ending.call_off(order)
    if order.order_type == OrderType.ENTRY:
        if to in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
            entries.leave(order)
        elif to in (OrderStatus.PAID, OrderStatus.COMPLETED):
            entries.enter(order)
    if makes_member:
        effects.follow(order, to)
