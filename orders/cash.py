"""Cash that staff take for orders that are paid on delivery."""

from __future__ import annotations

import uuid

from django.db import transaction

from kit.errors import DomainError, Fault
from kit.money import Money
from orders.actors import Actor
from orders.models import Order, PaymentTerms
from orders.settlement import record_report, settle_locked
from orders.status import StatusRefused, unpaid_minor
from payments import collecting


def collect_cash(order_id: uuid.UUID, *, amount: Money, receipt: uuid.UUID, actor: Actor) -> Order:
    """The cash is recorded and the order's status follows. The same receipt again changes nothing, paid in full or not.

    Raises StatusRefused (`not_on_delivery`, `nothing_due`) and DomainError: `amount_invalid` when the amount is not
    above zero, in another currency, or more than is due; `receipt_used` when the receipt is of another order or amount.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        known = collecting.find_cash(receipt)
        if known is not None:
            if (known.request.subject_id, known.amount_minor, known.currency) != (
                order.pk,
                amount.minor,
                amount.currency,
            ):
                raise DomainError([Fault("receipt_used", at=("receipt",))])
            return order
        if order.payment_terms != PaymentTerms.ON_DELIVERY:
            raise StatusRefused("not_on_delivery", order)
        due = unpaid_minor(order)
        if not due:
            raise StatusRefused("nothing_due", order)
        if amount.currency != order.currency or not 0 < amount.minor <= due:
            raise DomainError([Fault("amount_invalid", {"due": Money(due, order.currency)}, at=("amount",))])
        record_report(order, collecting.cash_received(subject_id=order.pk, amount=amount, receipt=receipt))
        settle_locked(order, actor=actor)
    return order
