"""Goods that came back with a refund: into stock once, however often this is called. Locks stock."""

from __future__ import annotations

from django.db.models import Q

from catalog import stock
from catalog.stock import Returned
from orders.models import Fulfilment, Order, OrderRefundLine


def restock(order: Order) -> None:
    """What refunds of the order have brought back is in stock. The caller holds the order locked.

    Goods that were given back before they were sent are still held by the order, and come back as it is sent.
    """
    if order.fulfilment == Fulfilment.UNFULFILLED:
        return
    lines = OrderRefundLine.objects.filter(
        Q(refund__needs_approval=False) | Q(refund__approved_by__isnull=False), refund__order=order, restock=True
    )
    returned = [Returned(*row) for row in lines.values_list("pk", "order_line__variant_id", "quantity")]
    stock.take_back(returned, reason=f"Came back from order {order.number}")
