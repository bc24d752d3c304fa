"""Disputes about the payments of orders: written down with the order's history when they begin and when they end.

A dispute moves no order: its goods may still be sent, and staff are warned. What the gateway keeps back for it is in
the ledger; what is disputed is not refunded until it is won, and what the order may not keep goes back then. Locks the
order's row, then its payment requests.
"""

from __future__ import annotations

from django.db import transaction

from orders.actors import GATEWAY
from orders.models import HistoryEvent, Order
from orders.refund_failures import note_failures
from orders.settlement import settle_locked
from orders.status import note
from payments import disputing, recording, refunding
from payments.gateways.base import DisputeReport
from payments.models import OPEN_DISPUTE_STATES, Dispute, DisputeState, PaymentAttempt


def record_dispute(attempt: PaymentAttempt, report: DisputeReport) -> Order | None:
    """What a gateway says of a dispute about a payment is written down, with a line of history when it is new and when
    it is over.

    Harmless to repeat, and right in any order. None, and nothing happens, for a payment that no order of ours has.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().filter(pk=attempt.request.subject_id).first()
        if order is None:
            return None
        before = Dispute.objects.filter(gateway_dispute_id=report.dispute_id).first()
        dispute = recording.record_dispute(attempt.request, report)
        if dispute is not None:
            _write_down(order, before, dispute)
            _end_refunds(order, dispute)
        # What came free goes where it belongs; what is lost may settle what we owed.
        settle_locked(order, actor=GATEWAY)
    return order


def _write_down(order: Order, before: Dispute | None, dispute: Dispute) -> None:
    facts: dict[str, str | int] = {"dispute": dispute.gateway_dispute_id, "reason": dispute.reason}
    if dispute.currency == order.currency:
        facts = {**facts, "amount_minor": dispute.amount_minor}
    if before is None:
        note(order, event=HistoryEvent.DISPUTE_OPENED, actor=GATEWAY, facts=facts)
    was_open = before is None or before.state in OPEN_DISPUTE_STATES
    if was_open and dispute.state not in OPEN_DISPUTE_STATES:
        facts = {**facts, "outcome": str(dispute.state), "withdrawn_minor": dispute.withdrawn_minor}
        note(order, event=HistoryEvent.DISPUTE_CLOSED, actor=GATEWAY, facts=facts)


def _end_refunds(order: Order, dispute: Dispute) -> None:
    """What a bank has taken for good cannot be sent back as well; no gateway would ever accept it."""
    if dispute.state == DisputeState.LOST and disputing.is_overdrawn(dispute.attempt):
        refunding.end_refunds_of(dispute.attempt, because="The payer's bank has taken the money back")
        note_failures(order)
