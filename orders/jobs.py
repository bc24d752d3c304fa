"""What happens in the background. Every job may run twice, and a lost one is found again by the periodic chase.

A job asks a gateway outside any transaction and then enters `orders.settlement`, like everybody else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from kit import clock
from orders import actors, cancellation, notifications, queue
from orders.confirmation import ask_gateway
from orders.models import Order, OrderStatus
from orders.settlement import settle
from payments import collecting, gateways, inbox, queries, recording, refunding
from payments.gateways.base import GatewayError
from payments.models import EventState, PaymentRequest, RequestState, WebhookEvent

log = structlog.get_logger(__name__)

BATCH = 200
GIVE_UP_EVENT_AFTER = 12
_RETRY = RetryStrategy(max_attempts=GIVE_UP_EVENT_AFTER, exponential_wait=2)


@app.task(name=inbox.WORK_EVENT, queue="events", retry=_RETRY)
def work_event(event_id: int) -> None:
    """Bring the order that an event is about in line with what its gateway says now.

    Nothing of the event itself is believed but that something happened. A gateway that cannot be asked makes the job
    come again; after several tries the event is put before a person.
    """
    event = WebhookEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).first()
    if event is None:
        return
    try:
        known = _work(event)
    except Exception:
        inbox.mark_tried(event, give_up_after=GIVE_UP_EVENT_AFTER)
        raise
    inbox.mark(event, EventState.WORKED if known else EventState.ORPHANED)


def _work(event: WebhookEvent) -> bool:
    """True if the event is about money of ours."""
    if not event.gateway_reference:
        return False
    subject_id = queries.find_subject(event.gateway, event.gateway_reference)
    if subject_id is None:
        # Its request may be ours all the same: the event can be faster than the answer that carries the reference.
        report = gateways.online(event.gateway).fetch(event.gateway_reference)
        request = recording.find_request(report)
        if request is None:
            return False
        settle(request.subject_id, actor=actors.GATEWAY, report=report)
        subject_id = request.subject_id
    order = Order.objects.filter(pk=subject_id).first()
    if order is None:
        return False
    ask_gateway(order)
    return True


@app.task(name=queue.CHASE_REQUEST, queue="money")
def chase_request(request_id: str) -> None:
    """Clear up a payment request that was cut off, whose outcome is unknown, or that nobody should pay any more."""
    request = PaymentRequest.objects.get(pk=uuid.UUID(request_id))
    collecting.mark_asked(request.pk)
    try:
        _chase(request)
    except GatewayError as error:
        # The periodic chase comes back to it.
        log.warning("chase_without_answer", request=request_id, reason=error.reason)


def _chase(request: PaymentRequest) -> None:
    cut_off = request.state in (RequestState.INITIATED, RequestState.UNKNOWN)
    if cut_off and request.cancel_wanted_at is None:
        # The caller was cut off before the shopper got what they need to pay. Nobody will pay this order.
        cancellation.cancel_unpaid(request.subject_id, actor=actors.SYSTEM, facts={"reason": "payment cut off"})
        request.refresh_from_db()
        if request.cancel_wanted_at is None:
            return
    report = collecting.cancel_at_gateway(request)
    if report is not None:
        settle(request.subject_id, actor=actors.GATEWAY, report=report)
    collecting.mark_cancelled(request.pk)


@app.task(name=queue.SEND_REFUND, queue="money")
def send_refund(refund_id: str) -> None:
    """Carry a refund to its gateway, or ask how far it is; then settle its order."""
    try:
        request = refunding.send_refund(uuid.UUID(refund_id))
        if request is not None:
            settle(request.subject_id, actor=actors.GATEWAY, report=collecting.fetch(request))
    except GatewayError as error:
        log.warning("refund_without_answer", refund=refund_id, reason=error.reason)


@app.periodic(cron="* * * * * */10")
@app.task(name="orders.chase", queue="money", queueing_lock="orders.chase", pass_context=False)
def chase(timestamp: int) -> None:
    """Find what was cut off or lost: requests, captures, refunds and events whose job did not finish."""
    del timestamp
    now, after = clock.now(), settings.UNKNOWN_OUTCOME_ASK_AFTER
    for request_id in queries.requests_to_chase(now, after, BATCH):
        _try(chase_request, str(request_id))
    for refund_id in queries.refunds_to_chase(now, after, BATCH):
        _try(send_refund, str(refund_id))
    for request_id in queries.captures_to_chase(now, after, BATCH):
        _try(_chase_capture, request_id)
    for event_id in queries.events_to_work(now, after, BATCH):
        _try(work_event, event_id)


def _try[Subject](act: Callable[[Subject], object], subject: Subject) -> None:
    """One poison row must not keep the others waiting: it is logged and comes again with the next round."""
    try:
        act(subject)
    except Exception:
        log.exception("chase_failed", act=getattr(act, "name", act), subject=str(subject))


def _chase_capture(request_id: uuid.UUID) -> None:
    request = PaymentRequest.objects.get(pk=request_id)
    order = Order.objects.filter(pk=request.subject_id).exclude(status=OrderStatus.CANCELLED).first()
    if order is None:
        return
    ask_gateway(order)


@app.periodic(cron="* * * * * */10")
@app.task(name="orders.expire", queue="orders", queueing_lock="orders.expire")
def expire_orders(timestamp: int) -> None:
    """Cancel the orders whose time to pay is over."""
    del timestamp
    now = clock.now()
    for order_id in cancellation.orders_to_expire(now, BATCH):
        cancellation.expire_order(order_id, now=now)


@app.periodic(cron="* * * * * */5")
@app.task(name="orders.send_notices", queue="mail", queueing_lock="orders.send_notices")
def send_notices(timestamp: int) -> None:
    """Send the mails that are due."""
    del timestamp
    while notifications.send_due() == notifications.BATCH:
        pass


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="orders.retry_stalled_jobs", queue="upkeep", queueing_lock="orders.retry_stalled_jobs", pass_context=True
)
async def retry_stalled_jobs(context, timestamp: int) -> None:  # type: ignore[no-untyped-def]
    """Put the jobs of a worker that died back into the queue."""
    del context, timestamp
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)
