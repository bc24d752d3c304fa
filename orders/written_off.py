"""What becomes of a write-off when the money comes after all: it is undone as far as the money goes, before any of that
money counts as paid too much, and one that still waits for a second person waits no more. Under the order's lock.
"""

from __future__ import annotations

from kit import clock
from kit.money import Money
from orders.actors import SYSTEM
from orders.models import Fulfilment, HistoryEvent, Order, OrderWriteOff
from orders.status import note
from payments import ledger, postings
from payments.models import Account

_PAID = "It is paid in the meantime"


def owed_minor(order: Order) -> int:
    """What the order's customer still owes and nobody has given up, as the ledger has it; below zero where we owe them.
    Minor units, one statement."""
    return ledger.balance(order.pk, order.currency, Account.RECEIVABLE)


def call_back(order: Order) -> None:
    """What came in beyond what was still claimed was written off before: so much of it is claimed, and paid, again."""
    if not order.written_off_minor:
        return
    paid = min(-owed_minor(order), order.written_off_minor)
    if paid <= 0:
        return
    postings.post_written_off_paid(order.pk, Money(paid, order.currency))
    order.written_off_minor -= paid
    order.save(update_fields=["written_off_minor"])
    facts = {"amount_minor": paid, "still_written_off_minor": order.written_off_minor}
    note(order, event=HistoryEvent.WRITTEN_OFF_PAID, actor=SYSTEM, facts=facts)


def end_waiting(order: Order) -> None:
    """Whoever waits to give up more than is owed by now waits no more, the newest first; what is left can be asked for
    anew.

    Called whenever money came in. One statement, and none for goods that have not left.
    """
    if order.fulfilment == Fulfilment.UNFULFILLED:
        return
    waiting = list(OrderWriteOff.objects.to_decide().filter(order=order).order_by("pk"))
    left = owed_minor(order) if waiting else 0
    for write_off in waiting:
        if write_off.amount_minor <= left:
            left -= write_off.amount_minor
        else:
            write_off.decided_at, write_off.refused_because = clock.now(), _PAID
            write_off.save(update_fields=["decided_at", "refused_because"])
            facts = {"amount_minor": write_off.amount_minor, "reason": _PAID, "write_off": str(write_off.pk)}
            note(order, event=HistoryEvent.WRITE_OFF_REFUSED, actor=SYSTEM, facts=facts)
