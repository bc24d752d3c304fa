"""The six states of an order: the table of moves, the rule that money follows, and the only writer of both status and
history once an order is placed; `orders.placement` writes an order's first status with its first line of history.

Nothing else assigns `Order.status`; the database refuses, at commit, a status that the history does not explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.errors import DomainError, Fault
from orders import announcing, consequences, sales
from orders.actors import Actor
from orders.models import Fulfilment, HistoryEvent, Order, OrderHistory, OrderStatus

MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    # Placed. Money comes in part or in full, or nobody pays and it is cancelled or expires. Cash for goods that are
    # already delivered completes it at once; money that came and went before we heard of either ends in Refunded.
    OrderStatus.PAYMENT_PENDING: frozenset(
        {
            OrderStatus.PARTIALLY_PAID,
            OrderStatus.PAID,
            OrderStatus.COMPLETED,
            OrderStatus.CANCELLED,
            OrderStatus.REFUNDED,
        }
    ),
    # Part of the money is here: the rest comes, it goes back, or the whole is called off.
    OrderStatus.PARTIALLY_PAID: frozenset(
        {OrderStatus.PAID, OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.REFUNDED}
    ),
    # All the money is here: everything is delivered, or the money goes back.
    OrderStatus.PAID: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.REFUNDED}),
    # Delivered and paid; only a return can still undo it.
    OrderStatus.COMPLETED: frozenset({OrderStatus.REFUNDED}),
    # Money that arrives after expiry revives the order while there is stock.
    OrderStatus.CANCELLED: frozenset({OrderStatus.PAID}),
    # The end, unless a refund fails after all and the money is back with us: what was sent is paid for again, what
    # was not sent stays called off while the money is sent back once more.
    OrderStatus.REFUNDED: frozenset(
        {OrderStatus.PARTIALLY_PAID, OrderStatus.PAID, OrderStatus.COMPLETED, OrderStatus.CANCELLED}
    ),
}

UNPAID = (OrderStatus.PAYMENT_PENDING, OrderStatus.PARTIALLY_PAID)
SETTLED = (OrderStatus.PAID, OrderStatus.COMPLETED)


def unpaid_minor(order: Order) -> int:
    """What the order's customer has not paid of its total and still may, be it written off or not: nothing once it is
    over. Goods that were sent are owed even if all that was paid of them has gone back. Minor units."""
    is_sent = order.fulfilment != Fulfilment.UNFULFILLED
    is_owed = order.status in UNPAID or (order.status == OrderStatus.REFUNDED and is_sent)
    return max(0, order.total_minor - order.collected_minor) if is_owed else 0


class StatusRefused(DomainError):
    """The order's state does not allow what was asked. Facts: status."""

    def __init__(self, code: str, order: Order, **facts: Any) -> None:
        super().__init__([Fault(code, {"status": OrderStatus(order.status), "number": order.number, **facts})])


def by_money(
    *, total: int, collected: int, refunded: int, delivered: bool, credits_returned: int = 0, credits_kept: int = 0
) -> OrderStatus:
    """The status that the money and the goods of an order that is not cancelled call for. Minor units.

    A partial refund keeps what was paid; a full one, which leaves nothing of the money and none of the credits that the
    order keeps (`credits.returning.kept_minor`), ends in Refunded.
    """
    if refunded + credits_returned > 0 and refunded >= collected and not credits_kept:
        return OrderStatus.REFUNDED
    if collected >= total:
        return OrderStatus.COMPLETED if delivered else OrderStatus.PAID
    return OrderStatus.PARTIALLY_PAID if collected > 0 else OrderStatus.PAYMENT_PENDING


def transition(
    order: Order, to: OrderStatus, *, event: HistoryEvent, actor: Actor, facts: Mapping[str, Any] | None = None
) -> None:
    """Move an order, which the caller holds locked, write the move down, post what it means to the ledger, let follow
    what follows from it, and announce it. Other changed fields are the caller's.

    Raises StatusRefused if the table has no such move.
    """
    current = OrderStatus(order.status)
    if to not in MOVES[current]:
        raise StatusRefused("move_not_allowed", order, to=to)
    order.status = to
    order.given_up = to == OrderStatus.REFUNDED and sales.is_given_up(order)
    order.save(update_fields=["status", "given_up"])
    _write(order, event, actor, facts, from_status=current)
    _post(order, current, to)
    consequences.follow(order, to)
    announcing.announce_move(order, to, event)


def _post(order: Order, current: OrderStatus, to: OrderStatus) -> None:
    if to == OrderStatus.CANCELLED or order.given_up:
        sales.post_called_off(order)
        return
    if current == OrderStatus.CANCELLED:
        sales.post_revived(order)
    if to in (*SETTLED, OrderStatus.REFUNDED):
        sales.post_earned(order)


def note(order: Order, *, event: HistoryEvent, actor: Actor, facts: Mapping[str, Any] | None = None) -> None:
    """Write down something that happened to an order and did not move its status."""
    _write(order, event, actor, facts, from_status=OrderStatus(order.status))


def _write(
    order: Order, event: HistoryEvent, actor: Actor, facts: Mapping[str, Any] | None, *, from_status: OrderStatus
) -> None:
    OrderHistory.objects.create(
        order=order,
        event=event,
        from_status=from_status,
        to_status=order.status,
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        facts=dict(facts or {}),
    )
