"""Money that people give back for an order, and goods that come back with it: asked for, approved, refused.

Above a limit a second person has to approve, whoever calls these acts. Locks, in the one global order: the order's row,
its payment requests, its stock. How much is left is read, and the refund written, under the order's lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import transaction

from kit import clock
from kit.errors import DomainError, Fault
from kit.money import Money
from orders import second_person
from orders.actors import Actor
from orders.credits import bought, returning
from orders.models import HistoryEvent, Order, OrderRefund, OrderRefundLine
from orders.returns.plans import RefundPlan, RefundWish, plan
from orders.returns.rest import rest_of
from orders.returns.rules import check_key, refuse_disputed
from orders.settlement import settle_locked
from orders.status import note
from payments import queue, refunding
from payments.models import Refund, RefundDestination, RefundState


def request_refund(order_id: uuid.UUID, wish: RefundWish, *, actor: Actor) -> OrderRefund:
    """The refund is written down, and is either promised and on its way, or waits for a second person.

    Credits that come back are the customer's at once. Goods that come back are in stock once the refund is approved and
    the order was sent. The same `wish.key` again changes nothing. Raises Order.DoesNotExist, and DomainError with the
    codes of `plans`, `not_refundable` when a gateway has failed so often to send some of it back that a person has to
    look, and `key_used` for a key of another refund; then nothing was written.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        known = OrderRefund.objects.filter(request_key=wish.key).first() if wish.key else None
        if known is not None:
            check_key(known, order, wish)
            return known
        refund = _write(order, plan(order, rest_of(order), wish), wish, actor)
        promised = refunding.request_refunds(order.pk, _ask(order, refund)) if refund.money_minor else []
        total = sum(part.amount_minor for part in promised)
        if total < refund.money_minor:
            raise DomainError([Fault("not_refundable", {"refundable": Money(total, order.currency)}, at=("amount",))])
        note(order, event=HistoryEvent.REFUND_REQUESTED, actor=actor, facts=_facts(refund))
        if not refund.needs_approval:
            _carry_out(order, refund, promised, actor)
    return refund


def approve_refund(refund_id: uuid.UUID, *, actor: Actor) -> OrderRefund:
    """A second person has agreed: the refund is promised and on its way, its goods are in stock.

    Raises OrderRefund.DoesNotExist and DomainError: `approval_not_allowed` without the right, `second_person_needed`
    for whoever asked for it, `already_decided`, `payment_disputed`, `refund_gone` when the money has gone back by
    another way since, and `credit_spent` when the credit that it pays back is.
    """
    with transaction.atomic(durable=True):
        order, refund = _locked(refund_id)
        second_person.check_pending(refund)
        second_person.check_second(refund, actor)
        refuse_disputed(refund)
        refund.approved_by_id, refund.decided_at = actor.user_id, clock.now()
        refund.save(update_fields=["approved_by", "decided_at"])
        assert actor.user_id is not None
        approved = refunding.approve(_parts(refund), approved_by=actor.user_id, tax_is_settled=True)
        if (refund.money_minor and not approved) or refund.credits_minor > returning.kept_minor(order):
            raise DomainError([Fault("refund_gone")])
        note(order, event=HistoryEvent.REFUND_APPROVED, actor=actor, facts=_facts(refund))
        _carry_out(order, refund, approved, actor)
    return refund


def refuse_refund(refund_id: uuid.UUID, *, actor: Actor, reason: str) -> OrderRefund:
    """The refund will not happen; its money and its goods can be asked for anew. Whoever asked for it may take it back.

    Raises OrderRefund.DoesNotExist and DomainError: `approval_not_allowed`, `already_decided`.
    """
    with transaction.atomic(durable=True):
        order, refund = _locked(refund_id)
        second_person.check_pending(refund)
        if actor.user_id is None or actor.user_id != refund.requested_by_id:
            second_person.check_second(refund, actor)
        refund.refused_by_id, refund.decided_at = actor.user_id, clock.now()
        refund.refused_because = reason[:200]
        refund.save(update_fields=["refused_by", "decided_at", "refused_because"])
        refunding.refuse(_parts(refund), because=reason)
        facts = {**_facts(refund), "reason": reason}
        note(order, event=HistoryEvent.REFUND_REFUSED, actor=actor, facts=facts)
        # What it kept from going back otherwise does so now.
        settle_locked(order, actor=actor)
    return refund


def _write(order: Order, planned: RefundPlan, wish: RefundWish, actor: Actor) -> OrderRefund:
    refund = OrderRefund.objects.create(
        order=order,
        kind=wish.kind,
        destination=wish.destination,
        currency=order.currency,
        amount_minor=planned.amount,
        credits_minor=planned.credits,
        tax_minor=planned.tax,
        delivery_minor=planned.delivery,
        reason=wish.reason,
        request_key=wish.key,
        requested_by_id=actor.user_id,
        requested_at=clock.now(),
        needs_approval=second_person.is_needed(order, planned.amount, actor),
    )
    OrderRefundLine.objects.bulk_create(
        OrderRefundLine(
            refund=refund,
            order_line=part.line,
            quantity=part.quantity,
            amount_minor=part.amount,
            discount_minor=part.share.discount_minor,
            tax_minor=part.share.tax_minor,
            restock=part.restock,
        )
        for part in planned.lines
    )
    return refund


def _ask(order: Order, refund: OrderRefund) -> refunding.RefundAsk:
    return refunding.RefundAsk(
        refund.money_minor,
        refund.currency,
        refund.reason,
        tax_minor=refund.tax_minor * refund.money_minor // refund.amount_minor,
        customer_id=order.customer_id if refund.destination == RefundDestination.CREDIT else None,
        requested_by=refund.requested_by_id,
        needs_approval=refund.needs_approval,
        cause_id=refund.pk,
    )


def _carry_out(order: Order, refund: OrderRefund, promised: Sequence[Refund], actor: Actor) -> None:
    for part in promised:
        if part.state == RefundState.APPROVED:
            queue.send_refund_later(part.pk)
    if refund.destination == RefundDestination.CREDIT and refund.money_minor:
        note(order, event=HistoryEvent.CREDITED, actor=actor, facts={"amount_minor": refund.money_minor})
    returning.post_returned(order, refund)
    # Cash and credit are back at once.
    settle_locked(order, actor=actor, restocks=True)
    if not bought.is_made_good(order):
        # It was spent while we were looking: the rollback takes everything back.
        left = Money(0, order.currency)
        raise DomainError([Fault("credit_spent", {"left": left}, at=("amount",))])


def _locked(refund_id: uuid.UUID) -> tuple[Order, OrderRefund]:
    """The order, locked, and the refund as it is then."""
    refund = OrderRefund.objects.get(pk=refund_id)
    order = Order.objects.select_for_update().get(pk=refund.order_id)
    refund.refresh_from_db()
    return order, refund


def _parts(refund: OrderRefund) -> list[uuid.UUID]:
    return list(Refund.objects.filter(cause_id=refund.pk).values_list("pk", flat=True))


def _facts(refund: OrderRefund) -> dict[str, object]:
    return {
        "amount_minor": refund.amount_minor,
        "credits_minor": refund.credits_minor,
        "reason": refund.reason,
        "to": RefundDestination.CREDIT.label if refund.destination == RefundDestination.CREDIT else "",
        "waits_for": "a second person" if refund.is_pending else "",
        "refund": str(refund.pk),
    }
