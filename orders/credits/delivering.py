"""Credit needs no parcel: an order for it that is paid is delivered and Completed in the same moment."""

from __future__ import annotations

from catalog import stock
from kit import clock
from orders.actors import Actor
from orders.credits.bought import buys_credit
from orders.models import Fulfilment, HistoryEvent, Order, OrderStatus
from orders.status import transition


def deliver_credit(order: Order, *, actor: Actor) -> None:
    """A paid order for credit is Completed. Nothing happens for other orders, nor a second time. The caller holds the
    order locked; locks stock.
    """
    if not buys_credit(order) or order.status != OrderStatus.PAID or order.fulfilment != Fulfilment.UNFULFILLED:
        return
    order.fulfilment = Fulfilment.DELIVERED
    order.sent_at = order.delivered_at = clock.now()
    order.save(update_fields=["fulfilment", "sent_at", "delivered_at"])
    stock.send(source_id=order.reservation_id)
    transition(order, OrderStatus.COMPLETED, event=HistoryEvent.DELIVERED, actor=actor)
