"""The refunds of an attempt, whoever made them.

The gateway's word is always booked. Promises of ours that it does not know give way to money that went back without
us, and what went back although it had been given as credit before is the refund's excess. A refund that a gateway is
being asked for at this moment is in flight: its outcome is awaited before anything is decided about it.
"""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db.models import F, Q, Sum

from kit import clock
from kit.ids import parse_id
from payments import announcing, ledger, postings
from payments.gateways.base import RefundOutcome, RefundReport
from payments.models import (
    UNSENT_REFUND_STATES,
    OwedTo,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundDestination,
    RefundState,
)

log = structlog.get_logger(__name__)

MADE_ELSEWHERE = "Made at the gateway"
_STATES = [state.value for state in RefundState]


def record_refunds(attempt: PaymentAttempt, reports: tuple[RefundReport, ...]) -> None:
    """Write down what a gateway says of the refunds of an attempt, and what of it is therefore back with the payer.

    What failed is with us again before the rest is booked, and what is ours is known before anything gives way.
    """
    new = []
    for report in sorted(reports, key=lambda each: each.outcome != RefundOutcome.FAILED):
        known = _find(attempt, report)
        if known is None:
            new.append(report)
        else:
            _move(known, attempt, report)
    for report in new:
        _book(attempt, report)
    add_up(attempt)


def add_up(attempt: PaymentAttempt) -> None:
    """Copy onto an attempt what its refunds have sent back of it. The caller holds the payment request locked."""
    done = Refund.objects.filter(attempt=attempt, state=RefundState.SUCCEEDED)
    sums = done.aggregate(
        refunded=Sum("amount_minor", filter=Q(destination=RefundDestination.ORIGINAL), default=0),
        credited=Sum("amount_minor", filter=Q(destination=RefundDestination.CREDIT), default=0),
        excess=Sum("excess_minor", default=0),
    )
    attempt.refunded_minor, attempt.credited_minor = sums["refunded"], sums["credited"]
    attempt.excess_minor = sums["excess"]
    attempt.save(update_fields=["refunded_minor", "credited_minor", "excess_minor", "changed_at"])


def withdraw(refund: Refund, *, because: str, though_in_flight: bool = False) -> bool:
    """A refund that no gateway has accepted will not happen; False, and nothing is written, if one has, or may at this
    moment."""
    unsent = Q(state__in=UNSENT_REFUND_STATES)
    if not though_in_flight:
        asked_long_ago = clock.now() - settings.UNKNOWN_OUTCOME_ASK_AFTER
        unsent &= Q(told_at__isnull=True) | Q(told_at__lt=asked_long_ago)
    return _fail(refund, unsent, because)


def _fail(refund: Refund, condition: Q, because: str) -> bool:
    """Its row says why it will not happen, and what was posted of it is undone. What a job has written of it meanwhile,
    without our lock, is not overwritten."""
    row = Refund.objects.filter(condition, pk=refund.pk)
    if not row.update(state=RefundState.FAILED, failed_because=because[:200]):
        return False
    refund.refresh_from_db(fields=["state", "failed_because", "gateway_refund_id"])
    postings.post_refund_failed(refund)
    announcing.announce_refund(refund, refund.attempt, refund.attempt.request)
    return True


def promise(refund: Refund, attempt: PaymentAttempt, request: PaymentRequest, *, tax_is_settled: bool = False) -> None:
    """A refund is to happen: how much of it was never due to us, and how much tax the rest has, is settled by how its
    subject stands in the ledger now. With `tax_is_settled` the tax on the row was settled line by line, be it none."""
    once = refund.amount_minor - refund.excess_minor
    if attempt.currency != request.currency or request.owed_to == OwedTo.MERCHANT_FUNDS:
        # No sale of ours is lessened by it.
        refund.surplus_minor = once
    else:
        stands = ledger.sale_balances(request.subject_id, refund.currency)
        settled = refund.tax_minor if tax_is_settled else None
        refund.surplus_minor = min(once - (settled or 0), stands.surplus)
        refund.tax_minor = stands.tax_share(once - refund.surplus_minor, settled_minor=settled)
    refund.save(update_fields=["surplus_minor", "tax_minor"])
    postings.post_promise(refund, attempt, request)


def _find(attempt: PaymentAttempt, report: RefundReport) -> Refund | None:
    """Our row of a gateway's refund. One that was withdrawn is not it: should the gateway have sent it after all, that
    is another refund."""
    found = Refund.objects.filter(gateway_refund_id=report.refund_id).first()
    key = parse_id(report.key)
    if found is None and key is not None:
        ours = Refund.objects.filter(pk=key, attempt=attempt, gateway_refund_id__isnull=True)
        found = ours.exclude(state=RefundState.FAILED).first()
    return found


def _move(refund: Refund, attempt: PaymentAttempt, report: RefundReport) -> None:
    """A refund that succeeded may fail later; one that failed stays failed."""
    if (refund.attempt_id, refund.amount_minor) != (attempt.pk, report.amount_minor):
        log.error("gateway_refund_differs", refund=str(refund.pk), reference=report.refund_id)
        return
    earlier = Q(state__in=_STATES[: _STATES.index(report.outcome.value)])
    rows = Refund.objects.filter(earlier, pk=refund.pk)
    if report.outcome == RefundOutcome.FAILED:
        if rows.update(gateway_refund_id=report.refund_id):
            _fail(refund, earlier, "The gateway could not send it back")
    elif rows.update(state=report.outcome.value, gateway_refund_id=report.refund_id):
        refund.state = report.outcome.value
        if report.outcome == RefundOutcome.SUCCEEDED:
            postings.post_refund(refund, attempt, attempt.request)
            announcing.announce_refund(refund, attempt, attempt.request)


def _book(attempt: PaymentAttempt, report: RefundReport) -> None:
    """A refund that we did not know, in one of our rows."""
    fails = report.outcome == RefundOutcome.FAILED
    excess = 0 if fails else _make_way(attempt, report.amount_minor)
    if excess is None:
        log.warning("gateway_refund_waits_for_one_in_flight", reference=report.refund_id, attempt=str(attempt.pk))
        return
    refund = Refund.objects.create(
        attempt=attempt,
        amount_minor=report.amount_minor,
        excess_minor=excess,
        currency=attempt.currency,
        state=report.outcome.value,
        reason=MADE_ELSEWHERE,
        gateway_refund_id=report.refund_id,
    )
    if not fails:
        promise(refund, attempt, attempt.request)
    if report.outcome == RefundOutcome.SUCCEEDED:
        postings.post_refund(refund, attempt, attempt.request)
    announcing.announce_refund(refund, attempt, attempt.request)


def _make_way(attempt: PaymentAttempt, amount_minor: int) -> int | None:
    """What went back by another way cannot go back once more: promises that no gateway has accepted give way to it,
    the newest first, as far as they must.

    Returns how much of the amount is even so more than there was to send back; None while a refund in flight may make
    room for it. Minor units.
    """
    live = Refund.objects.filter(attempt=attempt).exclude(state=RefundState.FAILED)
    promised = live.aggregate(sum=Sum(F("amount_minor") - F("excess_minor"), default=0))["sum"]
    too_much: int = promised + amount_minor - attempt.captured_minor
    unsent = live.filter(state__in=UNSENT_REFUND_STATES).select_related("attempt__request")
    for refund in unsent.order_by("-created_at", "-pk") if too_much > 0 else ():
        if too_much > 0 and withdraw(refund, because="The money went back by another way"):
            too_much -= refund.amount_minor
    if too_much > 0 and unsent.exists():
        return None
    return min(max(0, too_much), amount_minor)
