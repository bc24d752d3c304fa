"""Disputes about the payments of orders: written down with the order's history when they begin and when they end.

A dispute moves no order: its goods may still be sent, and staff are warned. What the gateway keeps back for it is in
the ledger; what is disputed is not refunded. Locks the order's row, then its payment request.
"""

from __future__ import annotations

from django.db import transaction

from orders.actors import GATEWAY
from orders.models import HistoryEvent, Order
from orders.status import note
from payments import queries, recording
from payments.gateways.base import DisputeReport
from payments.models import OPEN_DISPUTE_STATES, Dispute


def record_dispute(gateway: str, report: DisputeReport) -> Order | None:
    """What a gateway says of a dispute is written down, with a line of history when it is new and when it is over.

    Harmless to repeat, and right in any order. None, and nothing happens, for a payment that no order of ours has yet.
    """
    attempt = queries.find_attempt(gateway, report.payment_id)
    if attempt is None:
        return None
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().filter(pk=attempt.request.subject_id).first()
        if order is None:
            return None
        before = Dispute.objects.filter(gateway_dispute_id=report.dispute_id).first()
        dispute = recording.record_dispute(attempt.request, report)
        if dispute is not None:
            _write_down(order, before, dispute)
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
