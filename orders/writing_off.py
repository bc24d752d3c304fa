"""Giving up what customers owe for goods that have left and will not be paid: asked for, approved, refused.

Goods that are still here are cancelled instead. Above a limit a second person has to agree, whoever calls these acts.
A write-off is our own matter: the customer owes the money as before, is told nothing, and may still pay; then
`orders.written_off` undoes it. Locks the order's row.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction

from kit import clock
from kit.errors import DomainError, Fault
from kit.money import Money
from orders import second_person, written_off
from orders.actors import Actor
from orders.models import Fulfilment, HistoryEvent, Order, OrderStatus, OrderWriteOff
from orders.status import StatusRefused, note
from payments import postings

REQUEST = "orders.write_off_order"


@dataclass(frozen=True, slots=True)
class WriteOffWish:
    """What somebody wishes to give up, and why. `key` names this one wish: sent twice, it is one write-off."""

    amount: Money
    reason: str
    key: uuid.UUID | None = None


def can_be_written_off(order: Order) -> bool:
    """Whether anything of it can be, as the order stands: its goods have left, and not all of the money is here."""
    left = order.fulfilment != Fulfilment.UNFULFILLED and order.status != OrderStatus.CANCELLED
    return left and order.collected_minor + order.written_off_minor < order.total_minor


def write_off(order_id: uuid.UUID, wish: WriteOffWish, *, actor: Actor) -> OrderWriteOff:
    """The amount is given up in the ledger, or waits for a second person. The order's status stays what its money says.

    The same `wish.key` again changes nothing. Raises Order.DoesNotExist; StatusRefused (`not_sent_yet`); DomainError:
    `approval_not_allowed` without the right, `reason_missing`, `nothing_owed`, `amount_not_owed` when it is not above
    zero, in another currency, or more than is owed and does not wait to be given up already, and `key_used` for a key
    of another write-off. Then nothing was written.
    """
    by = second_person.check_right(actor, REQUEST)
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        known = OrderWriteOff.objects.filter(request_key=wish.key).first() if wish.key else None
        if known is not None:
            if (known.order_id, known.amount, known.reason) != (order.pk, wish.amount, _reason(wish)):
                raise DomainError([Fault("key_used", at=("key",))])
            return known
        _check(order, wish)
        one = OrderWriteOff.objects.create(
            order=order,
            currency=order.currency,
            amount_minor=wish.amount.minor,
            reason=_reason(wish),
            request_key=wish.key,
            requested_by_id=by,
            requested_at=clock.now(),
            needs_approval=second_person.is_needed(order, wish.amount.minor, actor),
        )
        if one.needs_approval:
            note(order, event=HistoryEvent.WRITE_OFF_REQUESTED, actor=actor, facts=_facts(one))
        else:
            _carry_out(order, one, actor)
    return one


def approve_write_off(write_off_id: uuid.UUID, *, actor: Actor) -> OrderWriteOff:
    """A second person has agreed: the amount is given up.

    Raises OrderWriteOff.DoesNotExist and DomainError: `approval_not_allowed` without the right, `second_person_needed`
    for whoever asked for it, `already_decided`, `amount_not_owed`.
    """
    with transaction.atomic(durable=True):
        order, one = _locked(write_off_id)
        second_person.check_pending(one)
        second_person.check_second(one, actor)
        _check_owed(one.amount, Money(max(0, written_off.owed_minor(order)), order.currency))
        one.approved_by_id, one.decided_at = actor.user_id, clock.now()
        one.save(update_fields=["approved_by", "decided_at"])
        _carry_out(order, one, actor)
    return one


def refuse_write_off(write_off_id: uuid.UUID, *, actor: Actor, reason: str) -> OrderWriteOff:
    """It will not happen, and can be asked for anew. Whoever asked for it may take it back.

    Raises OrderWriteOff.DoesNotExist and DomainError: `approval_not_allowed`, `already_decided`, `reason_missing`.
    """
    with transaction.atomic(durable=True):
        order, one = _locked(write_off_id)
        second_person.check_pending(one)
        if actor.user_id is None or actor.user_id != one.requested_by_id:
            second_person.check_second(one, actor)
        if not reason.strip():
            raise DomainError([Fault("reason_missing", at=("reason",))])
        one.refused_by_id, one.decided_at = actor.user_id, clock.now()
        one.refused_because = reason.strip()[:200]
        one.save(update_fields=["refused_by", "decided_at", "refused_because"])
        note(order, event=HistoryEvent.WRITE_OFF_REFUSED, actor=actor, facts={**_facts(one), "reason": reason.strip()})
    return one


def owed(order: Order) -> Money:
    """What is owed for an order and may be given up now: what waits to be given up already is not counted twice."""
    waiting = sum(OrderWriteOff.objects.to_decide().filter(order=order).values_list("amount_minor", flat=True))
    return Money(max(0, written_off.owed_minor(order) - waiting), order.currency)


def _check(order: Order, wish: WriteOffWish) -> None:
    if order.fulfilment == Fulfilment.UNFULFILLED:
        raise StatusRefused("not_sent_yet", order)
    left = owed(order)
    if not left.minor:
        raise DomainError([Fault("nothing_owed")])
    _check_owed(wish.amount, left)
    if not _reason(wish):
        raise DomainError([Fault("reason_missing", at=("reason",))])


def _check_owed(amount: Money, left: Money) -> None:
    if amount.currency != left.currency or not 0 < amount.minor <= left.minor:
        raise DomainError([Fault("amount_not_owed", {"owed": left}, at=("amount",))])


def _carry_out(order: Order, one: OrderWriteOff, actor: Actor) -> None:
    postings.post_written_off(one.pk, order.pk, one.amount, memo=one.reason)
    order.written_off_minor += one.amount_minor
    order.save(update_fields=["written_off_minor"])
    note(order, event=HistoryEvent.WRITTEN_OFF, actor=actor, facts=_facts(one))


def _locked(write_off_id: uuid.UUID) -> tuple[Order, OrderWriteOff]:
    """The order, locked, and the write-off as it is then."""
    one = OrderWriteOff.objects.get(pk=write_off_id)
    order = Order.objects.select_for_update().get(pk=one.order_id)
    one.refresh_from_db()
    return order, one


def _reason(wish: WriteOffWish) -> str:
    return wish.reason.strip()[:200]


def _facts(one: OrderWriteOff) -> dict[str, object]:
    return {
        "amount_minor": one.amount_minor,
        "reason": one.reason,
        "waits_for": "a second person" if one.is_pending else "",
        "write_off": str(one.pk),
    }
