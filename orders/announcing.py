"""What the merchant's own systems hear of orders, in the transaction that moves them."""

from __future__ import annotations

from orders.models import HistoryEvent, Order, OrderStatus
from payments.outgoing.events import EMIT, HAPPENED_IN_PLACE, Happening, emit
from payments.outgoing.models import EventType

_MOVES = {
    OrderStatus.PAID: EventType.ORDER_PAID,
    OrderStatus.CANCELLED: EventType.ORDER_CANCELLED,
    OrderStatus.COMPLETED: EventType.ORDER_COMPLETED,
    OrderStatus.REFUNDED: EventType.ORDER_REFUNDED,
}

EMIT_PLACED = EMIT.format(
    happened=HAPPENED_IN_PLACE.format(
        body="""jsonb_build_object(
            'order_id', %(id)s::text, 'number', (SELECT number FROM placed), 'status', %(status)s::text,
            'currency', %(currency)s::text, 'total_minor', %(total)s::bigint, 'collected_minor', 0, 'refunded_minor', 0
        )"""
    )
)
"""The same for an order that is being placed: members of the statement that places it, for the values of
`payments.outgoing.events.emit_values`."""


def announce_move(order: Order, to: OrderStatus, event: HistoryEvent) -> None:
    """An order has moved; of Partially Paid nobody hears, since the payment itself is told of."""
    told = [_MOVES[to]] if to in _MOVES else []
    if event == HistoryEvent.REVIVED:
        told.insert(0, EventType.ORDER_REVIVED)
    body = {
        "order_id": str(order.pk),
        "number": order.number,
        "status": to.value,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "collected_minor": order.collected_minor,
        "refunded_minor": order.refunded_minor,
    }
    if told:
        emit(*(Happening(type_, order.pk, body) for type_ in told))
