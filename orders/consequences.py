"""What follows from a move of an order beside money and stock. Runs in the transaction of the move, under the order's
lock, and is harmless to repeat.
"""

from __future__ import annotations

from orders import entries
from orders.campaigns import ending
from orders.coupons import using
from orders.models import Order, OrderStatus, OrderType


def follow(order: Order, to: OrderStatus) -> None:
    """An order has come to a status: one that is called off gives its coupon back; what is left to be sent of the
    campaigns of one that is called off or refunded is not sent; an entry in an event stands as long as its order is
    paid."""
    if to == OrderStatus.CANCELLED:
        using.give_back(order.pk)
    if to in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
        ending.call_off(order)
    if order.order_type == OrderType.ENTRY:
        if to in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
            entries.leave(order)
        elif to in (OrderStatus.PAID, OrderStatus.COMPLETED):
            entries.enter(order)
