"""Asking a gateway for money: create, cancel, capture.

The intent is a committed row before the gateway is called; the call happens outside any transaction and lock; what came
of it is recorded by `payments.recording`. Whoever is cut off in between is found by the chase (`payments.queries`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet

from kit import clock
from kit.crashpoints import Seam, crashpoint
from kit.money import Money
from payments import gateways, holding, recording
from payments.gateways import offline
from payments.gateways.base import Ask, Declined, GatewayError, OutcomeUnknown, PaymentState, Rejected, RequestReport
from payments.models import (
    AttemptState,
    GatewayName,
    OwedTo,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RequestState,
)

OPEN_REQUEST = """
INSERT INTO payments_paymentrequest
    (id, subject_id, owed_to, gateway, client_secret, amount_minor, currency, description, hold, state, times_asked)
SELECT %(request_id)s, %(request_subject)s, %(request_owed_to)s, %(request_gateway)s, '', %(request_amount)s::bigint,
       %(request_currency)s, {description}, %(request_hold)s, %(request_state)s, 0
WHERE %(request_amount)s::bigint > 0
"""
"""Writes down that an amount is asked for, if it is above zero. Part of the statement of whoever asks: the active
request of a subject comes into being with the subject. `description` is an SQL expression; the values are those of
`request_values`."""


_DONE = (RequestState.PAID, RequestState.CLOSED)


def refuse_transaction() -> None:
    """Raise when a transaction is open: a slow gateway must never hold our locks."""
    if connection.in_atomic_block:
        raise RuntimeError("a gateway is never called inside a database transaction")


def is_configured(gateway: GatewayName) -> bool:
    """Whether this installation has keys for an online gateway."""
    try:
        gateways.online(gateway)
    except KeyError:
        return False
    return True


def request_values(
    *,
    request_id: uuid.UUID,
    subject_id: uuid.UUID,
    gateway: GatewayName,
    amount: Money,
    hold: bool = False,
    owed_to: OwedTo = OwedTo.RECEIVABLE,
) -> dict[str, Any]:
    """The values of `OPEN_REQUEST`. A gateway is told after the commit; cash needs nobody to be told."""
    state = RequestState.OPEN if gateway == GatewayName.OFFLINE else RequestState.INITIATED
    return {
        "request_id": request_id,
        "request_subject": subject_id,
        "request_owed_to": owed_to.value,
        "request_gateway": gateway.value,
        "request_amount": amount.minor,
        "request_currency": amount.currency,
        "request_hold": hold,
        "request_state": state.value,
    }


def open_request(
    *,
    request_id: uuid.UUID,
    subject_id: uuid.UUID,
    gateway: GatewayName,
    amount: Money,
    description: str,
    hold: bool = False,
) -> bool:
    """Write down, in the caller's transaction, that a further amount is asked for; False if one is asked for already.

    Its gateway is told after the commit; a caller who is cut off before that is found by the chase.
    """
    values = request_values(request_id=request_id, subject_id=subject_id, gateway=gateway, amount=amount, hold=hold)
    with connection.cursor() as cursor:
        # The index that allows one active request answers a race of two.
        statement = OPEN_REQUEST.format(description="%(description)s") + "ON CONFLICT DO NOTHING"
        cursor.execute(statement, {**values, "description": description})
        return bool(cursor.rowcount)


def create_at_gateway(request_id: uuid.UUID, *, again: bool = False) -> PaymentRequest:
    """Tell the gateway of an initiated request; afterwards it is open, with its reference and client secret.

    With `again` somebody else may have told it before and was cut off: what the gateway has already is taken over.
    Raises GatewayError, after noting on the row whether the outcome is unknown or the gateway refused. Nobody is asked
    about a request that is open already or that nobody should pay any more.
    """
    refuse_transaction()
    request = PaymentRequest.objects.get(pk=request_id)
    if request.state not in (RequestState.INITIATED, RequestState.UNKNOWN) or request.cancel_wanted_at is not None:
        return request
    report = tell_gateway(request, again=again)
    _undecided(request_id).update(
        state=RequestState.OPEN, gateway_reference=report.reference, client_secret=report.client_secret
    )
    crashpoint(Seam.CREATE_RECORDED)
    request.refresh_from_db()
    return request


def tell_gateway(request: PaymentRequest, *, again: bool = False) -> RequestReport:
    """The same for a request whose row the caller has just written, and will write again: what the gateway answers.

    Raises GatewayError, after noting on the row whether the outcome is unknown or the gateway refused.
    """
    refuse_transaction()
    gateway, ask = gateways.online(request.gateway), ask_of(request)
    crashpoint(Seam.CREATE_INTENDED)
    try:
        report = (gateway.find(ask) if again else None) or gateway.create(ask)
    except GatewayError as error:
        state = RequestState.UNKNOWN if isinstance(error, OutcomeUnknown) else RequestState.REFUSED
        _undecided(request.pk).update(state=state)
        raise
    crashpoint(Seam.CREATE_ASKED)
    return report


def _undecided(request_id: uuid.UUID) -> QuerySet[PaymentRequest]:
    return PaymentRequest.objects.filter(pk=request_id, state__in=(RequestState.INITIATED, RequestState.UNKNOWN))


def ask_of(request: PaymentRequest) -> Ask:
    """What the gateway is told of a request, the same at every repetition."""
    return Ask(
        key=str(request.pk),
        amount=request.amount,
        description=request.description,
        since=request.created_at,
        hold=request.hold,
    )


def want_cancelled(subject_id: uuid.UUID) -> list[uuid.UUID]:
    """Note, in the caller's transaction, that nobody should pay for this any more.

    Cash is called off at once. Returns the ids of the requests that a gateway has to be told about; a job does that.
    Locks all requests of the subject.
    """
    requests = PaymentRequest.objects.filter(subject_id=subject_id)
    list(requests.select_for_update().order_by("pk").values_list("pk"))
    for request in requests.filter(gateway=GatewayName.OFFLINE, state=RequestState.OPEN):
        recording.record(request, gateways.cash_box().cancel(ask_of(request)))
    online = requests.exclude(gateway=GatewayName.OFFLINE)
    online.filter(cancel_wanted_at__isnull=True).exclude(state__in=_DONE).update(cancel_wanted_at=clock.now())
    active = (RequestState.INITIATED, RequestState.UNKNOWN, RequestState.OPEN)
    return list(online.filter(state__in=active).values_list("pk", flat=True))


def want_voided(request_id: uuid.UUID) -> None:
    """Note, in the caller's transaction, that nobody should pay this one request any more. A gateway is told next."""
    requests = PaymentRequest.objects.filter(pk=request_id, cancel_wanted_at__isnull=True)
    requests.exclude(state__in=_DONE).update(cancel_wanted_at=clock.now())


def call_off(request: PaymentRequest) -> None:
    """Note, in the caller's transaction, that another request takes the place of an open one. Cash is called off at
    once; a gateway is told next."""
    if request.gateway == GatewayName.OFFLINE:
        recording.record(request, gateways.cash_box().cancel(ask_of(request)))
    else:
        want_voided(request.pk)


def cancel_at_gateway(request: PaymentRequest) -> RequestReport | None:
    """Make an unwanted request unpayable; returns what the gateway then says of it, None if it never knew of it.

    Raises GatewayError; the row stays as it is and the chase comes back to it.
    """
    refuse_transaction()
    crashpoint(Seam.CANCEL_INTENDED)
    gateway = gateways.online(request.gateway)
    reference = request.gateway_reference
    if reference is None:
        found = gateway.find(ask_of(request), thorough=True)
        if found is None:
            return None
        reference = found.reference
    report = gateway.cancel(reference)
    crashpoint(Seam.CANCEL_ASKED)
    return report


def make_unpayable(request: PaymentRequest, settle: Callable[[RequestReport], object]) -> None:
    """Have an unwanted request cancelled at its gateway; `settle` is told what was paid of it by then.

    One that may still be on its way to the gateway is left to the chase. Raises GatewayError.
    """
    report = cancel_at_gateway(request)
    if report is not None:
        settle(report)
    elif clock.now() - request.created_at < settings.UNKNOWN_OUTCOME_ASK_AFTER:
        return
    mark_cancelled(request.pk)


def mark_cancelled(request_id: uuid.UUID) -> None:
    """What was not paid by now is cancelled for us; money that arrives all the same is late money."""
    requests = PaymentRequest.objects.filter(pk=request_id).exclude(state__in=_DONE)
    never_known = Q(state=RequestState.REFUSED, gateway_reference__isnull=True)
    requests.exclude(never_known).update(state=RequestState.CANCELLED)
    crashpoint(Seam.CANCEL_RECORDED)


def mark_asked(request_id: uuid.UUID) -> None:
    """A job asks about this request now; the pause before it asks again grows."""
    PaymentRequest.objects.filter(pk=request_id).update(asked_at=clock.now(), times_asked=F("times_asked") + 1)


def fetch(request: PaymentRequest) -> RequestReport:
    """What the gateway says of a request now, with its refunds once there are any. Raises GatewayError."""
    refuse_transaction()
    if request.gateway_reference is None:
        raise LookupError("the gateway does not know this request yet")
    refunds = Refund.objects.filter(attempt__request=request).exists()
    return gateways.online(request.gateway).fetch(request.gateway_reference, refunds=refunds)


def capture_authorized(request: PaymentRequest, report: RequestReport, *, unasked: bool = True) -> RequestReport:
    """Capture what a report shows as authorized; returns what the gateway says afterwards.

    Only the amount that was asked for is captured, and of what was asked to be held, or where nothing is captured
    `unasked`, only what somebody wants captured (`payments.holding`); a hold of another amount or currency is left for
    a person. The wish is committed first. Raises GatewayError: whether the money was taken is then asked about again,
    never assumed.
    """
    refuse_transaction()
    if any(payment.state == PaymentState.CAPTURED for payment in report.payments):
        return report
    waits = request.hold or not unasked
    wanted = holding.find_wanted(request, report) if waits else _want_all(request, report)
    if wanted is None:
        return report
    payment_id, amount = wanted
    gateway = gateways.online(request.gateway)
    crashpoint(Seam.CAPTURE_INTENDED)
    try:
        gateway.capture(report.reference, payment_id, amount)
    except (Declined, Rejected):
        # Nothing happened, and asking once more would not change that; what is asked for is captured at every look.
        if waits:
            holding.forget_wish(request.gateway, payment_id)
        raise
    crashpoint(Seam.CAPTURE_ASKED)
    return gateway.fetch(report.reference)


def _want_all(request: PaymentRequest, report: RequestReport) -> tuple[str, Money] | None:
    """Note that an authorized payment of just what was asked for is to be captured; its id and amount."""
    for payment in report.payments:
        asked = (payment.amount_minor, payment.currency) == (request.amount_minor, request.currency)
        if asked and payment.state == PaymentState.AUTHORIZED:
            attempts = PaymentAttempt.objects.filter(gateway=request.gateway, gateway_payment_id=payment.payment_id)
            attempts.filter(state=AttemptState.AUTHORIZED).update(capture_wanted_at=clock.now())
            return payment.payment_id, request.amount
    return None


def find_cash(receipt: uuid.UUID) -> PaymentAttempt | None:
    """What was recorded under a receipt, with its request."""
    attempts = PaymentAttempt.objects.select_related("request")
    return attempts.filter(gateway=GatewayName.OFFLINE, gateway_payment_id=offline.payment_id(receipt)).first()


def cash_received(*, subject_id: uuid.UUID, amount: Money, receipt: uuid.UUID) -> RequestReport:
    """What the cash box says once staff have taken an amount for a subject; to be recorded like any gateway's word.

    `receipt` names the act: the same receipt twice is one payment. Raises PaymentRequest.DoesNotExist when the subject
    has no request for cash.
    """
    request = PaymentRequest.objects.get(subject_id=subject_id, gateway=GatewayName.OFFLINE)
    return gateways.cash_box().received(ask_of(request), receipt, amount)
