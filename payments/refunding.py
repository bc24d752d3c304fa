"""Sending money back. The refund is a committed row before the gateway is asked; its id is the idempotency key.

Refunds are written under a lock on the payment request, so that two at once cannot promise more than was captured.
"""

from __future__ import annotations

import uuid

from django.db.models import Count, F, Q, Sum

from kit import clock
from kit.money import Money
from payments import gateways, recording
from payments.collecting import refuse_transaction
from payments.gateways.base import GatewayError, OutcomeUnknown
from payments.models import AttemptState, GatewayName, PaymentAttempt, PaymentRequest, Refund, RefundState

# Refunds of one attempt that a gateway gave up, after which no further one is promised by itself.
GIVE_UP_AFTER = 3


def request_refunds(*, subject_id: uuid.UUID, currency: str, amount_minor: int, reason: str) -> list[Refund]:
    """Write down, in the caller's transaction, that an amount goes back, from the newest captured attempts first.

    Returns the refunds, one per attempt that bears a share. What an attempt has no longer left is not promised, nor
    what a gateway has failed to send back several times: a person has to look. Cash is handed back over the counter:
    its refund has succeeded once it is written.
    """
    list(PaymentRequest.objects.select_for_update().filter(subject_id=subject_id).order_by("pk"))
    attempts = PaymentAttempt.objects.filter(
        request__subject_id=subject_id, currency=currency, state=AttemptState.CAPTURED
    ).annotate(
        promised=Sum("refunds__amount_minor", filter=~Q(refunds__state=RefundState.FAILED), default=0),
        failures=Count("refunds", filter=Q(refunds__state=RefundState.FAILED)),
    )
    refunds: list[Refund] = []
    left = amount_minor
    for attempt in attempts.order_by("-created_at", "-pk"):
        share = min(left, attempt.captured_minor - attempt.promised)
        if share <= 0 or attempt.failures >= GIVE_UP_AFTER:
            continue
        refund = Refund.objects.create(attempt=attempt, amount_minor=share, currency=currency, reason=reason)
        if attempt.gateway == GatewayName.OFFLINE:
            report = gateways.cash_box().refund(refund.amount, key=str(refund.pk))
            recording.record_refunds(attempt, (report,))
            refund.refresh_from_db()
        refunds.append(refund)
        left -= share
    return refunds


def kept_in_other_currencies(subject_id: uuid.UUID, currency: str) -> list[Money]:
    """What was captured for a subject in other currencies than its own and is neither back nor promised back."""
    strange = PaymentAttempt.objects.filter(request__subject_id=subject_id, captured_minor__gt=0)
    strange = strange.exclude(currency=currency).annotate(
        promised=Sum("refunds__amount_minor", filter=~Q(refunds__state=RefundState.FAILED), default=0)
    )
    kept = [Money(attempt.captured_minor - attempt.promised, attempt.currency) for attempt in strange.order_by("pk")]
    return [amount for amount in kept if amount.minor > 0]


def mark_asked(refund_id: uuid.UUID) -> None:
    """A job asks about this refund now; the pause before it asks again grows."""
    Refund.objects.filter(pk=refund_id).update(asked_at=clock.now(), times_asked=F("times_asked") + 1)


def send_refund(refund_id: uuid.UUID) -> bool:
    """Ask the gateway for a refund that it has not accepted yet; True if it was asked.

    What has become of a refund is not decided here: `recording` reads it off the gateway's own list. Raises
    GatewayError: after OutcomeUnknown nobody knows what became of it, the row says so, and whoever asks again looks
    first; after any other nothing happened, and it stays requested.
    """
    refuse_transaction()
    refund = Refund.objects.select_related("attempt__request").get(pk=refund_id)
    if refund.state not in (RefundState.REQUESTED, RefundState.UNKNOWN):
        return False
    attempt, request = refund.attempt, refund.attempt.request
    try:
        report = gateways.online(attempt.gateway).refund(
            request.gateway_reference or "", attempt.gateway_payment_id, refund.amount, key=str(refund.pk)
        )
    except OutcomeUnknown:
        Refund.objects.filter(pk=refund_id, state=RefundState.REQUESTED).update(state=RefundState.UNKNOWN)
        raise
    except GatewayError:
        Refund.objects.filter(pk=refund_id, state=RefundState.UNKNOWN).update(state=RefundState.REQUESTED)
        raise
    Refund.objects.filter(pk=refund_id, state__in=(RefundState.REQUESTED, RefundState.UNKNOWN)).update(
        state=RefundState.SENT, gateway_refund_id=report.refund_id
    )
    return True
