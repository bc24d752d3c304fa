"""Disputes about payments of a request."""

from __future__ import annotations

import structlog

from kit import clock
from payments import announcing, postings
from payments.gateways.base import DisputeReport
from payments.models import Dispute, DisputeState, OwedTo, PaymentAttempt, PaymentRequest

log = structlog.get_logger(__name__)

_STATES = [state.value for state in DisputeState]


def record_dispute(request: PaymentRequest, report: DisputeReport) -> Dispute | None:
    """Write down how a dispute about one of a request's payments stands; None for a payment that we do not have.

    What is lost is written off, until `payments.recasting` finds that we owed it anyway.
    """
    request = PaymentRequest.objects.select_for_update().get(pk=request.pk)
    attempt = PaymentAttempt.objects.filter(request=request, gateway_payment_id=report.payment_id).first()
    if attempt is None:
        log.error("gateway_dispute_of_unknown_payment", dispute=report.dispute_id, payment=report.payment_id)
        return None
    dispute = Dispute.objects.filter(gateway_dispute_id=report.dispute_id).first() or Dispute(
        attempt=attempt,
        gateway_dispute_id=report.dispute_id,
        amount_minor=report.amount_minor,
        currency=report.currency,
        state=report.outcome.value,
        opened_at=report.opened_at,
    )
    if dispute.attempt_id != attempt.pk or _STATES.index(report.outcome) < _STATES.index(dispute.state):
        return dispute
    news = dispute.state != report.outcome.value or dispute._state.adding
    dispute.state, dispute.reason = report.outcome.value, report.reason[:120]
    dispute.withdrawn_minor, dispute.respond_by = report.withdrawn_minor, report.respond_by
    if dispute.state in (DisputeState.WON, DisputeState.LOST):
        dispute.closed_at = dispute.closed_at or clock.now()
    if dispute.state == DisputeState.LOST:
        # What is lost of a merchant's money is the merchant's loss.
        is_anothers = attempt.currency != request.currency or request.owed_to == OwedTo.MERCHANT_FUNDS
        dispute.surplus_minor = (
            report.withdrawn_minor if is_anothers else min(dispute.surplus_minor, report.withdrawn_minor)
        )
    dispute.save()
    postings.post_dispute(dispute, attempt, request)
    if news:
        announcing.announce_dispute(dispute, attempt, request)
    return dispute
