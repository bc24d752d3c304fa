"""Asking a gateway for money: create, cancel, capture.

The intent is a committed row before the gateway is called; the call happens outside any transaction and lock; what came
of it is recorded by `payments.recording`. Whoever is cut off in between is found by the chase (`payments.queries`).
"""

from __future__ import annotations

import uuid

from django.db import connection
from django.db.models import F

from kit import clock
from kit.ids import new_id
from kit.money import Money
from payments import gateways
from payments.gateways.base import Ask, GatewayError, OutcomeUnknown, PaymentState, RequestReport
from payments.models import AttemptState, GatewayName, PaymentAttempt, PaymentRequest, RequestState

_OPEN_REQUEST = """
INSERT INTO payments_paymentrequest
    (id, subject_id, gateway, client_secret, amount_minor, currency, description, state, times_asked)
VALUES (%s, %s, %s, '', %s, %s, %s, %s, 0)
"""


def refuse_transaction() -> None:
    """Raise when a transaction is open: a slow gateway must never hold our locks."""
    if connection.in_atomic_block:
        raise RuntimeError("a gateway is never called inside a database transaction")


def open_request(*, subject_id: uuid.UUID, gateway: GatewayName, amount: Money, description: str) -> uuid.UUID:
    """Write down, in the caller's transaction, that an amount is asked for; returns the request's id.

    A gateway is told after the commit; cash needs nobody to be told. Raises IntegrityError while the subject still has
    an active request.
    """
    state = RequestState.OPEN if gateway == GatewayName.OFFLINE else RequestState.INITIATED
    request_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN_REQUEST,
            [request_id, subject_id, gateway.value, amount.minor, amount.currency, description, state.value],
        )
    return request_id


def create_at_gateway(request_id: uuid.UUID) -> PaymentRequest:
    """Tell the gateway of an initiated request; afterwards it is open, with its reference and client secret.

    Raises GatewayError, after noting on the row whether the outcome is unknown or the gateway refused. Repeating it
    for a request that is open already asks nobody.
    """
    refuse_transaction()
    request = PaymentRequest.objects.get(pk=request_id)
    if request.state not in (RequestState.INITIATED, RequestState.UNKNOWN):
        return request
    try:
        report = gateways.online(request.gateway).create(ask_of(request))
    except GatewayError as error:
        state = RequestState.UNKNOWN if isinstance(error, OutcomeUnknown) else RequestState.REFUSED
        _undecided(request_id).update(state=state)
        raise
    _undecided(request_id).update(
        state=RequestState.OPEN, gateway_reference=report.reference, client_secret=report.client_secret
    )
    request.refresh_from_db()
    return request


def _undecided(request_id: uuid.UUID):  # type: ignore[no-untyped-def]
    return PaymentRequest.objects.filter(pk=request_id, state__in=(RequestState.INITIATED, RequestState.UNKNOWN))


def ask_of(request: PaymentRequest) -> Ask:
    """What the gateway is told of a request, the same at every repetition."""
    return Ask(key=str(request.pk), amount=request.amount, description=request.description)


def want_cancelled(subject_id: uuid.UUID) -> list[uuid.UUID]:
    """Note, in the caller's transaction, that nobody should pay for this any more.

    Cash is called off at once. Returns the ids of the requests that a gateway has to be told about; a job does that.
    """
    requests = PaymentRequest.objects.filter(subject_id=subject_id)
    requests.filter(gateway=GatewayName.OFFLINE, state=RequestState.OPEN).update(state=RequestState.CANCELLED)
    online = requests.exclude(gateway=GatewayName.OFFLINE)
    online.filter(cancel_wanted_at__isnull=True).exclude(state=RequestState.PAID).update(cancel_wanted_at=clock.now())
    active = (RequestState.INITIATED, RequestState.UNKNOWN, RequestState.OPEN)
    return list(online.filter(state__in=active).values_list("pk", flat=True))


def cancel_at_gateway(request: PaymentRequest) -> RequestReport | None:
    """Make an unwanted request unpayable; returns what the gateway then says of it, None if it never knew of it.

    Raises GatewayError; the row stays as it is and the chase comes back to it.
    """
    refuse_transaction()
    gateway = gateways.online(request.gateway)
    reference = request.gateway_reference
    if reference is None:
        found = gateway.find(ask_of(request))
        if found is None:
            return None
        reference = found.reference
    return gateway.cancel(reference)


def mark_cancelled(request_id: uuid.UUID) -> None:
    """What was not paid by now is cancelled for us; money that arrives all the same is late money."""
    requests = PaymentRequest.objects.filter(pk=request_id)
    requests.exclude(state__in=(RequestState.PAID, RequestState.REFUSED)).update(state=RequestState.CANCELLED)


def mark_asked(request_id: uuid.UUID) -> None:
    """A job asks about this request now; the pause before it asks again grows."""
    PaymentRequest.objects.filter(pk=request_id).update(asked_at=clock.now(), times_asked=F("times_asked") + 1)


def fetch(request: PaymentRequest) -> RequestReport:
    """What the gateway says of a request now. Raises GatewayError."""
    refuse_transaction()
    if request.gateway_reference is None:
        raise LookupError("the gateway does not know this request yet")
    return gateways.online(request.gateway).fetch(request.gateway_reference)


def capture_authorized(request: PaymentRequest, report: RequestReport) -> RequestReport:
    """Capture what a report shows as authorized; returns what the gateway says afterwards.

    Only the amount that was asked for is captured; a hold of another amount or currency is left for a person. The wish
    is committed first. Raises GatewayError: whether the money was taken is then asked about again, never assumed.
    """
    refuse_transaction()
    gateway = gateways.online(request.gateway)
    held = [
        payment
        for payment in report.payments
        if payment.state == PaymentState.AUTHORIZED
        and (payment.amount_minor, payment.currency) == (request.amount_minor, request.currency)
    ]
    if not held or any(payment.state == PaymentState.CAPTURED for payment in report.payments):
        return report
    payment = held[0]
    attempts = PaymentAttempt.objects.filter(gateway=request.gateway, gateway_payment_id=payment.payment_id)
    attempts.filter(state=AttemptState.AUTHORIZED).update(capture_wanted_at=clock.now())
    gateway.capture(report.reference, payment.payment_id, request.amount, key=str(request.pk))
    return gateway.fetch(report.reference)


def record_cash(*, subject_id: uuid.UUID, amount: Money, receipt: uuid.UUID) -> PaymentAttempt:
    """Write down cash that staff took for a subject, in the caller's transaction.

    `receipt` names the act: the same receipt twice is recorded once. Raises PaymentRequest.DoesNotExist when the
    subject has no open request for cash.
    """
    request = PaymentRequest.objects.select_for_update().get(subject_id=subject_id, gateway=GatewayName.OFFLINE)
    attempt, _ = PaymentAttempt.objects.get_or_create(
        gateway=GatewayName.OFFLINE,
        gateway_payment_id=f"cash_{receipt.hex}",
        defaults={
            "request": request,
            "state": AttemptState.CAPTURED,
            "amount_minor": amount.minor,
            "captured_minor": amount.minor,
            "currency": amount.currency,
            "method": "cash",
        },
    )
    attempts = PaymentAttempt.objects.filter(request=request, currency=request.currency)
    if sum(attempts.values_list("captured_minor", flat=True)) >= request.amount_minor:
        request.state = RequestState.PAID
        request.save(update_fields=["state"])
    return attempt
