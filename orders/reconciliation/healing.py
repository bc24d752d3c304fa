"""Recording what a gateway says now: of a payment with its refunds, of a refund, of a dispute.

Gateways are asked outside any transaction; what they say is settled by the one road, and harmless to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orders import actors, subjects
from payments import gateways, recording
from payments.collecting import refuse_transaction
from payments.gateways.base import DisputeReport, ListedPayment, NotKnown, RequestReport
from payments.models import AttemptState, PaymentAttempt, PaymentRequest
from payments.reconciliation.comparing import awaits_capture


def look(gateway: str, reference: str) -> RequestReport | None:
    """What a gateway says of a payment request and all its refunds; None if it knows of none. Raises GatewayError."""
    refuse_transaction()
    try:
        return gateways.online(gateway).fetch(reference, refunds=True)
    except NotKnown:
        return None


def find_request(report: RequestReport) -> PaymentRequest | None:
    """Ours that a report is about, by its reference or by the key in it."""
    return recording.find_request(report)


def heal(report: RequestReport, listed: Sequence[ListedPayment] = ()) -> None:
    """Settle what a request is for by a fresh report of it, and by what was just listed of it.

    A list shows every try to pay; Stripe's report of an intent only the latest. What is held and was meant to be taken
    is captured while it is still waited for. Nothing happens for what is nothing of ours. Raises GatewayError.
    """
    refuse_transaction()
    told = {payment.payment_id for payment in report.payments}
    further = [each.payment for each in listed if each.payment.payment_id not in told]
    whole = replace(report, payments=(*further, *report.payments))
    request = recording.find_request(report)
    if request is None or not subjects.exists(request):
        return
    subjects.settle(request, actor=actors.GATEWAY, report=whole)
    request.refresh_from_db()
    shown = (ListedPayment(report.reference, report.key, request.created_at, each, 0) for each in whole.payments)
    if any(awaits_capture(each, request) for each in shown):
        subjects.ask_gateway(request)


def capture(attempt: PaymentAttempt) -> bool:
    """Take held money that is waited for; whether it is taken. Raises GatewayError."""
    subjects.ask_gateway(attempt.request)
    attempt.refresh_from_db()
    return attempt.state == AttemptState.CAPTURED


def heal_dispute(gateway: str, report: DisputeReport) -> None:
    """Write down how a dispute stands."""
    subjects.record_dispute(gateway, report)
