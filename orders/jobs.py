"""What happens in the background. Every job may run twice, and a lost one is found again by the periodic chase.

A job asks a gateway outside any transaction and then enters `orders.subjects`, like everybody else.

The queues keep slow parties apart, each in a worker process of its own (`runner.programs`): `events` are fresh webhooks
and nothing else; `money` is all that waits for a gateway without anybody waiting for it; `mail` waits for the mail
server; `orders` and `upkeep` wait for the database or make PDFs, and expiry for one gateway call an order. The runs of
a periodic job never overlap: `queueing_lock` allows one in the queue, `lock` one at work, but for the sender of
outgoing events.
"""

from __future__ import annotations

import uuid

import structlog
from django.conf import settings
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.jobs import Status

from kit import clock
from kit.crashpoints import Seam, crashpoint
from orders import actors, cancellation, events, expiry, notifications, subjects
from orders.campaigns import images
from orders.credits import ending, reminding
from orders.invoices import archive
from orders.models import Invoice
from payments import collecting, inbox, queries, queue, refunding
from payments.credits import expiring
from payments.gateways.base import GatewayError, OutcomeUnknown, Unavailable
from payments.models import CHASED_REFUND_STATES, EventState, PaymentRequest, Refund, RequestState, WebhookEvent

log = structlog.get_logger(__name__)

# How many rows of one kind a round of the chase takes on. What has a job already counts: with a gateway down the queue
# does not grow beyond this, and what is asked makes room for the rest by its pause.
BATCH = 100
GIVE_UP_EVENT_AFTER = 12
# A few quick tries; the periodic chase makes the others, with pauses that grow.
_RETRY = RetryStrategy(max_attempts=4, exponential_wait=2)
JOBS_KEPT_H = 24
FAILED_JOBS_KEPT_H = 24 * 30


@app.task(name=inbox.WORK_EVENT, queue="events", retry=_RETRY)
def work_event(event_id: int) -> None:
    """Bring what an event is about in line with what its gateway says now.

    Nothing of the event itself is believed but that something happened. A gateway that cannot be asked makes the job
    come again, however long that takes; an event that fails otherwise is put before a person after several tries.
    """
    event = WebhookEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).first()
    if event is None:
        return
    try:
        state = events.work(event)
    except (OutcomeUnknown, Unavailable):
        inbox.mark_tried(event, give_up_after=None)
        raise
    except Exception:
        inbox.mark_tried(event, give_up_after=GIVE_UP_EVENT_AFTER)
        raise
    crashpoint(Seam.EVENT_WORKED)
    inbox.mark(event, state)


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
    cut_off = request.state in (RequestState.INITIATED, RequestState.UNKNOWN, RequestState.REFUSED)
    if cut_off and request.cancel_wanted_at is None:
        # The caller was cut off before the shopper got what they need to pay.
        subjects.give_up(request)
        request.refresh_from_db()
        if request.state == RequestState.REFUSED or request.cancel_wanted_at is None:
            return
    collecting.make_unpayable(request, lambda report: subjects.settle(request, actor=actors.GATEWAY, report=report))


@app.task(name=queue.SEND_REFUND, queue="money")
def send_refund(refund_id: str) -> None:
    """Carry a refund to its gateway, or ask how far it is; then settle what it gives back of."""
    refund = Refund.objects.select_related("attempt__request").get(pk=uuid.UUID(refund_id))
    if refund.state not in CHASED_REFUND_STATES:
        return
    refunding.mark_asked(refund.pk)
    request = refund.attempt.request
    try:
        if refund.times_asked:
            # Whoever asked before may have been heard, and somebody may have sent the money back by hand.
            subjects.settle(request, actor=actors.GATEWAY, report=collecting.fetch(request))
        if refunding.send_refund(refund.pk):
            subjects.settle(request, actor=actors.GATEWAY, report=collecting.fetch(request))
    except GatewayError as error:
        log.warning("refund_without_answer", refund=refund_id, reason=error.reason)


@app.task(name=queue.CHASE_CAPTURE, queue="money")
def chase_capture(request_id: str) -> None:
    """Find out whether money that was held for us was captured; capture it if it is still waited for."""
    request = PaymentRequest.objects.get(pk=uuid.UUID(request_id))
    collecting.mark_asked(request.pk)
    try:
        subjects.ask_gateway(request)
    except GatewayError as error:
        log.warning("capture_without_answer", request=request_id, reason=error.reason)


@app.task(name=archive.RENDER_INVOICE, queue="upkeep", retry=_RETRY)
def render_invoice(invoice_id: str) -> None:
    """Make the PDF of an invoice, unless somebody has asked for it already."""
    archive.pdf_of(Invoice.objects.get(pk=uuid.UUID(invoice_id)))


@app.periodic(cron="* * * * * */10")
@app.task(name="orders.chase", queue="orders", queueing_lock="orders.chase", lock="orders.chase")
def chase(timestamp: int) -> None:
    """Find what was cut off or lost: requests, captures, refunds and events whose job did not finish.

    It asks nobody itself: each row gets a job of its own, so that a slow gateway or a poison row holds up no other.
    """
    del timestamp
    now, after = clock.now(), settings.UNKNOWN_OUTCOME_ASK_AFTER
    queue.chase_later(queue.CHASE_REQUEST, queries.requests_to_chase(now, after, BATCH))
    queue.chase_later(queue.SEND_REFUND, queries.refunds_to_chase(now, after, BATCH))
    queue.chase_later(queue.CHASE_CAPTURE, queries.captures_to_chase(now, after, BATCH))
    queue.chase_later(inbox.WORK_EVENT, queries.events_to_work(now, after, BATCH))


@app.periodic(cron="* * * * *")
@app.task(
    name="orders.match_orphans", queue="orders", queueing_lock="orders.match_orphans", lock="orders.match_orphans"
)
def match_orphans(timestamp: int) -> None:
    """Have events worked again that were about nothing we knew, and whose payment request is known by now."""
    del timestamp
    queue.chase_later(inbox.WORK_EVENT, inbox.match_orphans(settings.UNKNOWN_OUTCOME_ASK_AFTER, BATCH))


@app.periodic(cron="* * * * * */10")
@app.task(name="orders.expire", queue="orders", queueing_lock="orders.expire", lock="orders.expire")
def expire_orders(timestamp: int) -> None:
    """Cancel the orders whose time to pay is over, a round at a time."""
    del timestamp
    now = clock.now()
    for _ in expiry.expire(cancellation.orders_to_expire(now, expiry.BATCH), now=now):
        pass


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="orders.expire_credits", queue="upkeep", queueing_lock="orders.expire_credits", lock="orders.expire_credits"
)
def expire_credits(timestamp: int) -> None:
    """End the credit whose term is over."""
    del timestamp
    now = clock.now()
    for found in expiring.rounds(now):
        for _ in ending.end(found, now=now):
            pass


@app.periodic(cron="41 * * * *")
@app.task(
    name="orders.remind_of_credit",
    queue="mail",
    queueing_lock="orders.remind_of_credit",
    lock="orders.remind_of_credit",
)
def remind_of_credit(timestamp: int) -> None:
    """Write to the customers whose credit will end soon."""
    del timestamp
    reminding.remind()


@app.periodic(cron="* * * * * */5")
@app.task(name="orders.send_notices", queue="mail", queueing_lock="orders.send_notices", lock="orders.send_notices")
def send_notices(timestamp: int) -> None:
    """Send the mails that are due."""
    del timestamp
    while notifications.send_due() == notifications.BATCH:
        pass


@app.periodic(cron="23 4 * * *")
@app.task(
    name="orders.forget_images", queue="upkeep", queueing_lock="orders.forget_images", lock="orders.forget_images"
)
def forget_images(timestamp: int) -> None:
    """Delete uploaded images that no campaign has ever shown."""
    del timestamp
    while images.forget_unused():
        pass


@app.periodic(cron="* * * * * */20")
@app.task(
    name="orders.retry_stalled_jobs", queue="upkeep", queueing_lock="orders.retry_stalled_jobs", pass_context=True
)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Put the jobs of a worker that died back into the queue; a periodic one comes again by itself.

    A periodic job without a lock: if it died itself, nobody else would ever free that, nor any other.
    """
    del timestamp
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        if job.queueing_lock is None:
            await manager.retry_job(job)
        else:
            await manager.finish_job(job, Status.FAILED, delete_job=True)


@app.periodic(cron="17 * * * *")
@app.task(
    name="orders.forget_old_jobs",
    queue="upkeep",
    queueing_lock="orders.forget_old_jobs",
    lock="orders.forget_old_jobs",
    pass_context=True,
)
async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
    """Delete jobs that were done some time ago; those that failed stay longer, for whoever asks why."""
    del timestamp
    manager = context.app.job_manager
    await manager.delete_old_jobs(nb_hours=JOBS_KEPT_H)
    await manager.delete_old_jobs(
        nb_hours=FAILED_JOBS_KEPT_H, include_failed=True, include_cancelled=True, include_aborted=True
    )
