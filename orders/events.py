"""What a gateway's event means: nothing of it is believed but that something happened.

The gateway is asked what is true now, so that the order of events does not matter, nor how often they come. Called
outside any transaction; enters `orders.subjects` like everybody else.
"""

from __future__ import annotations

from orders import actors, subjects
from payments import gateways, queries, recording
from payments.gateways.base import NotKnown
from payments.models import EventState, WebhookEvent


def work(event: WebhookEvent) -> EventState:
    """Bring what an event is about in line with what its gateway says now; WORKED, or ORPHANED if it is about
    nothing of ours (yet).

    Raises GatewayError where the gateway cannot be asked.
    """
    is_known = _work_payment(event) if event.gateway_reference else False
    if event.dispute_id:
        is_known = _work_dispute(event)
    return EventState.WORKED if is_known else EventState.ORPHANED


def _work_payment(event: WebhookEvent) -> bool:
    """True if the event is about money of ours."""
    request = queries.find_request(event.gateway, event.gateway_reference)
    if request is None:
        # Its request may be ours all the same: the event can be faster than the answer that carries the reference.
        try:
            report = gateways.online(event.gateway).fetch(event.gateway_reference)
        except NotKnown:
            # Not under our keys: another shop's, or a test's.
            return False
        request = recording.find_request(report)
        if request is None:
            return False
        subjects.settle(request, actor=actors.GATEWAY, report=report)
    return subjects.ask_gateway(request)


def _work_dispute(event: WebhookEvent) -> bool:
    """True if the dispute is about a payment of ours. What the event's request knows of it has been written down."""
    try:
        report = gateways.online(event.gateway).fetch_dispute(event.dispute_id)
    except NotKnown:
        return False
    return subjects.record_dispute(event.gateway, report)
