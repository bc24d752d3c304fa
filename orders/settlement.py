"""The one place that decides what money means for an order.

Whoever learns something about money enters here: the webhook worker, the customer's confirmation, the chase, staff.
Locks, in the one global order: the order's row, its payment request, its stock. Repeating it changes nothing.
"""

from __future__ import annotations

import uuid

from django.db import transaction

from catalog import stock
from kit.ids import new_id
from kit.money import Money
from orders import notifications, queue
from orders.actors import SYSTEM, Actor
from orders.models import Fulfilment, HistoryEvent, Order, OrderStatus
from orders.status import SETTLED, by_money, note, transition
from payments import queries, recording, refunding
from payments.gateways.base import RequestReport
from payments.models import Refund, RefundState


def settle(order_id: uuid.UUID, *, actor: Actor, report: RequestReport | None = None) -> Order:
    """Bring an order in line with its money, after recording what a gateway reports of it, if that is why we are here.

    Afterwards the order's status follows from what was collected and refunded; whatever came in beyond what the order
    may keep is on its way back; and the history says what changed. Raises Order.DoesNotExist.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if report is not None:
            record_report(order, report)
        settle_locked(order, actor=actor)
    return order


def record_report(order: Order, report: RequestReport) -> None:
    """Write down what a gateway says of one of the order's payment requests; what is about another's is not believed.

    The caller holds the order locked, and settles it next.
    """
    request = recording.find_request(report)
    if request is not None and request.subject_id == order.pk:
        recording.record(request, report)


def settle_locked(order: Order, *, actor: Actor) -> None:
    """The same for an order whose row the caller holds locked in an open transaction."""
    totals, changed = _take_over(order)
    facts = {"collected_minor": totals.collected, "refunded_minor": totals.refunded}
    nothing_to_send = False
    if order.status == OrderStatus.CANCELLED:
        may_keep = 0
        if totals.kept > 0 and _revive(order, totals.kept, facts):
            may_keep = order.total_minor
        elif changed:
            note(order, event=HistoryEvent.PAYMENT, actor=actor, facts=facts)
    else:
        may_keep = order.total_minor
        target = by_money(
            total=order.total_minor,
            collected=totals.collected,
            refunded=totals.refunded,
            delivered=order.fulfilment == Fulfilment.DELIVERED,
        )
        unsent = order.fulfilment == Fulfilment.UNFULFILLED
        if order.status == OrderStatus.REFUNDED and target != OrderStatus.REFUNDED and unsent:
            # A refund failed after all. The goods are free for others already, so the money has to go back once more.
            target, may_keep = OrderStatus.CANCELLED, 0
        nothing_to_send = target == OrderStatus.REFUNDED and unsent
        if target != order.status:
            transition(order, target, event=HistoryEvent.PAYMENT, actor=actor, facts=facts)
        elif changed:
            note(order, event=HistoryEvent.PAYMENT, actor=actor, facts=facts)
    if order.status in SETTLED:
        notifications.want_confirmation(order)
    reason = "Paid more than was due" if may_keep else "The order was cancelled"
    send_back(order, totals.kept - may_keep, reason=reason, actor=SYSTEM)
    for strange in refunding.kept_in_other_currencies(order.pk, order.currency):
        # It counts for nothing here, whatever the order's status.
        _promise(order, strange, reason="Paid in another currency", actor=SYSTEM)
    if nothing_to_send:
        stock.release(source_id=order.reservation_id)


def send_back(order: Order, amount_minor: int, *, reason: str, actor: Actor) -> int:
    """Promise that an amount goes back, and have it sent after the commit; returns what was promised, minor units.

    Nothing happens for an amount that is not above zero; never more is promised than was collected. The caller holds
    the order locked.
    """
    return _promise(order, Money(amount_minor, order.currency), reason=reason, actor=actor) if amount_minor > 0 else 0


def _promise(order: Order, amount: Money, *, reason: str, actor: Actor) -> int:
    refunds = refunding.request_refunds(
        subject_id=order.pk, currency=amount.currency, amount_minor=amount.minor, reason=reason
    )
    promised = sum(refund.amount_minor for refund in refunds)
    if not promised:
        return 0
    note(
        order,
        event=HistoryEvent.REFUND_REQUESTED,
        actor=actor,
        facts={**_shown(Money(promised, amount.currency), order), "reason": reason},
    )
    for refund in refunds:
        if refund.state == RefundState.REQUESTED:
            queue.send_refund_later(refund.pk)
    # Cash is back at once.
    _take_over(order)
    return promised


def _shown(amount: Money, order: Order) -> dict[str, int | str]:
    # The history's minor units are the order's own.
    return {"amount_minor": amount.minor} if amount.currency == order.currency else {"amount": str(amount)}


def _take_over(order: Order) -> tuple[queries.MoneyTotals, bool]:
    """Copy what payments say of the order onto it; the totals, and whether they are news."""
    totals = queries.totals(order.pk, order.currency)
    changed = (totals.collected, totals.refunded) != (order.collected_minor, order.refunded_minor)
    if changed:
        order.collected_minor, order.refunded_minor = totals.collected, totals.refunded
        order.save(update_fields=["collected_minor", "refunded_minor"])
    return totals, changed


def _revive(order: Order, kept: int, facts: dict[str, int]) -> bool:
    """Late money for an order that expired, and there is still stock: it lives again. Otherwise the money goes back.

    What a person cancelled stays cancelled, and money that was promised back goes back although its refund failed.
    """
    cancelled = order.history.filter(to_status=OrderStatus.CANCELLED).exclude(from_status=OrderStatus.CANCELLED)
    last = cancelled.order_by("-pk").first()
    if last is None or last.event != HistoryEvent.EXPIRED or kept < order.total_minor:
        return False
    if Refund.objects.filter(attempt__request__subject_id=order.pk, currency=order.currency).exists():
        return False
    quantities: dict[uuid.UUID, int] = {}
    for variant_id, quantity in order.lines.values_list("variant_id", "quantity"):
        quantities[variant_id] = quantities.get(variant_id, 0) + quantity
    reservation = new_id()
    with transaction.atomic():
        short = stock.reserve(source_id=reservation, quantities=quantities)
        # What was there is given back with the savepoint; the rest of the transaction stays.
        transaction.set_rollback(bool(short))
    if short:
        return False
    order.reservation_id = reservation
    order.save(update_fields=["reservation_id"])
    transition(order, OrderStatus.PAID, event=HistoryEvent.REVIVED, actor=SYSTEM, facts=facts)
    return True
