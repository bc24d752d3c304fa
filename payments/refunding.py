"""Sending money back. The refund is a committed row before the gateway is asked; its id is the idempotency key.

Refunds are written under a lock on the payment request, so that two at once cannot promise more than was captured.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Sum

from kit import clock
from kit.crashpoints import Seam, crashpoint
from kit.money import Money
from payments import announcing, gateways, postings, recording
from payments.collecting import refuse_transaction
from payments.gateways.base import Declined, Rejected, Unavailable
from payments.models import (
    OPEN_DISPUTE_STATES,
    UNSENT_REFUND_STATES,
    AttemptState,
    GatewayName,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundDestination,
    RefundState,
)

# What the refunds of an attempt send back or promise of it. What went back twice counts once.
_PROMISED = Sum(
    F("refunds__amount_minor") - F("refunds__excess_minor"), filter=~Q(refunds__state=RefundState.FAILED), default=0
)

# Refunds of one attempt that a gateway gave up, after which no further one is promised by itself.
GIVE_UP_AFTER = 3


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """What is to go back, and by whose word. Minor units.

    `tax_minor` is the tax in it where somebody has settled that line by line; None lets the ledger say what share it
    has. `customer_id` is whose credit it becomes; without it the money goes back the way it came. A refund that needs
    no approval is approved as it is written.
    """

    amount_minor: int
    currency: str
    reason: str
    tax_minor: int | None = None
    customer_id: uuid.UUID | None = None
    requested_by: uuid.UUID | None = None
    needs_approval: bool = False
    cause_id: uuid.UUID | None = None


def request_refunds(subject_id: uuid.UUID, ask: RefundAsk) -> list[Refund]:
    """Write down, in the caller's transaction, that an amount goes back, from the newest captured attempts first.

    Returns the refunds, one per attempt that bears a share. What an attempt has no longer left is not promised, nor
    what a bank disputes or has taken back, nor what a gateway has failed to send back several times: a person has to
    look. Cash is handed back over the counter, and credit is given by us: such a refund has succeeded once it is
    approved.
    """
    list(PaymentRequest.objects.select_for_update().filter(subject_id=subject_id).order_by("pk"))
    refunds: list[Refund] = []
    asked_tax = ask.tax_minor or 0
    left, tax_left = ask.amount_minor, asked_tax
    for captured in _captured(subject_id, ask.currency):
        share = min(left, captured.refundable_minor)
        if share <= 0 or not captured.is_tried(ask):
            continue
        tax = tax_left if share == left else asked_tax * share // ask.amount_minor
        refunds.append(_write(captured.attempt, ask, share, tax))
        left, tax_left = left - share, tax_left - tax
    return refunds


def request_refund_of(attempt: PaymentAttempt, ask: RefundAsk) -> Refund:
    """The same for one payment and all of the amount, by somebody's word: who asks has seen, under the lock of the
    subject, that so much is left (`refundable_of`). Raises ValueError if it is not."""
    PaymentRequest.objects.select_for_update().get(pk=attempt.request_id)
    if ask.amount_minor > refundable_of(attempt).minor:
        raise ValueError("more than is left of the payment")
    return _write(attempt, ask, ask.amount_minor, ask.tax_minor or 0)


@dataclass(frozen=True, slots=True)
class Refundable:
    """What of a payment is neither back nor promised back, nor with the payer's bank, and whether a bank looks into it:
    then nothing of it can go back. Minor units."""

    minor: int
    is_disputed: bool


def refundable_of(attempt: PaymentAttempt) -> Refundable:
    """What of a captured payment may still go back. Three statements."""
    [captured] = _read(PaymentAttempt.objects.filter(pk=attempt.pk))
    disputes = captured.attempt.disputes.all()
    is_disputed = any(dispute.state in OPEN_DISPUTE_STATES for dispute in disputes)
    return Refundable(max(0, captured.refundable_minor), is_disputed)


def refundable_minor(subject_id: uuid.UUID, currency: str) -> int:
    """What of a subject's captured money is neither back nor promised back, nor disputed."""
    return sum(max(0, captured.refundable_minor) for captured in _captured(subject_id, currency))


@dataclass(frozen=True, slots=True)
class _Captured:
    """A captured attempt, what of it may still go back, how often a gateway has failed to send some of it, and whether
    a person has given that up."""

    attempt: PaymentAttempt
    refundable_minor: int
    failures: int
    is_given_up: bool

    def is_tried(self, ask: RefundAsk) -> bool:
        """Whether a refund of it is promised at all. Credit needs no gateway, and a person may try what another has
        given up."""
        if ask.customer_id is not None:
            return True
        return self.failures < GIVE_UP_AFTER and not (self.is_given_up and ask.requested_by is None)


def _captured(subject_id: uuid.UUID, currency: str) -> list[_Captured]:
    """The newest first. Two statements."""
    attempts = PaymentAttempt.objects.filter(request__subject_id=subject_id, currency=currency)
    return _read(attempts.filter(state=AttemptState.CAPTURED))


def _read(attempts: QuerySet[PaymentAttempt]) -> list[_Captured]:
    attempts = attempts.annotate(
        promised=_PROMISED,
        failures=Count(
            "refunds", filter=Q(refunds__state=RefundState.FAILED, refunds__gateway_refund_id__isnull=False)
        ),
        given_up=Count("refunds", filter=Q(refunds__given_up_by__isnull=False)),
    )
    newest = attempts.select_related("request").prefetch_related("disputes").order_by("-created_at", "-pk")
    return [
        _Captured(
            attempt,
            attempt.captured_minor - attempt.promised - _disputed(attempt),
            attempt.failures,
            bool(attempt.given_up),
        )
        for attempt in newest
    ]


def _disputed(attempt: PaymentAttempt) -> int:
    """What cannot go back: all of it while a bank looks into it, for the gateways refuse it and money would go back
    twice; afterwards what the bank has taken."""
    disputes = attempt.disputes.all()
    if any(dispute.state in OPEN_DISPUTE_STATES for dispute in disputes):
        return attempt.captured_minor
    return sum(dispute.withdrawn_minor for dispute in disputes)


def _write(attempt: PaymentAttempt, ask: RefundAsk, amount_minor: int, tax_minor: int) -> Refund:
    refund = Refund.objects.create(
        attempt=attempt,
        amount_minor=amount_minor,
        tax_minor=tax_minor,
        currency=ask.currency,
        reason=ask.reason,
        state=RefundState.REQUESTED if ask.needs_approval else RefundState.APPROVED,
        destination=RefundDestination.ORIGINAL if ask.customer_id is None else RefundDestination.CREDIT,
        customer_id=ask.customer_id,
        requested_by_id=ask.requested_by,
        cause_id=ask.cause_id,
    )
    announcing.announce_refund(refund, attempt, attempt.request)
    if not ask.needs_approval:
        _promise(refund, attempt, tax_is_settled=ask.tax_minor is not None)
    return refund


def _promise(refund: Refund, attempt: PaymentAttempt, *, tax_is_settled: bool) -> None:
    """An approved refund is owed; what needs no gateway is paid at once."""
    recording.promise(refund, attempt, attempt.request, tax_is_settled=tax_is_settled)
    if refund.destination == RefundDestination.CREDIT:
        Refund.objects.filter(pk=refund.pk).update(state=RefundState.SUCCEEDED)
        refund.state = RefundState.SUCCEEDED
        postings.post_refund(refund, attempt, attempt.request)
        recording.add_up(attempt)
        announcing.announce_refund(refund, attempt, attempt.request)
    elif attempt.gateway == GatewayName.OFFLINE:
        report = gateways.cash_box().refund(refund.amount, key=str(refund.pk))
        recording.record_refunds(attempt, (report,))
    refund.refresh_from_db()


def approve(refund_ids: list[uuid.UUID], *, approved_by: uuid.UUID, tax_is_settled: bool = False) -> list[Refund]:
    """Approve requested refunds, in the caller's transaction, under the lock of their payment requests; returns those
    that are approved by this very call. That it is a second person is checked above, and held by the database.

    With `tax_is_settled` the tax that was asked for counts, be it none.
    """
    approved = []
    for refund in _requested(refund_ids):
        refund.state, refund.approved_by_id = RefundState.APPROVED, approved_by
        refund.save(update_fields=["state", "approved_by"])
        _promise(refund, refund.attempt, tax_is_settled=tax_is_settled)
        approved.append(refund)
    return approved


def refuse(refund_ids: list[uuid.UUID], *, because: str) -> list[Refund]:
    """Requested refunds are not approved, and will not happen; returns those that this very call has ended."""
    return [refund for refund in _requested(refund_ids) if recording.withdraw(refund, because=because)]


def give_up(refund_id: uuid.UUID, *, by: uuid.UUID, because: str) -> Refund | None:
    """A person has decided that a promised refund is not tried again, nor another in its place by itself: the refund,
    failed; None, and nothing is written, if a gateway has accepted it or is being asked for it.

    In the caller's transaction, once the gateway's own list has been recorded.
    """
    refund = Refund.objects.select_related("attempt__request").get(pk=refund_id)
    PaymentRequest.objects.select_for_update().get(pk=refund.attempt.request_id)
    if refund.state == RefundState.REQUESTED or not recording.withdraw(refund, because=because):
        return None
    refund.given_up_by_id = by
    refund.save(update_fields=["given_up_by"])
    return refund


def end_refunds_of(attempt: PaymentAttempt, *, because: str) -> list[Refund]:
    """The money of an attempt is gone for good: what no gateway is known to have accepted of its refunds will not
    happen; returns the refunds that this very call has ended.

    In the caller's transaction, under the lock of the payment request. Should a gateway have sent one back after all,
    its list says so, and that is booked anew.
    """
    waiting = Refund.objects.filter(attempt=attempt, state__in=UNSENT_REFUND_STATES)
    ordered = waiting.select_related("attempt__request").order_by("created_at", "pk")
    return [refund for refund in ordered if recording.withdraw(refund, because=because, though_in_flight=True)]


def _requested(refund_ids: list[uuid.UUID]) -> list[Refund]:
    requests = PaymentRequest.objects.filter(attempts__refunds__in=refund_ids).order_by("pk")
    list(PaymentRequest.objects.select_for_update().filter(pk__in=requests.values("pk")).order_by("pk"))
    refunds = Refund.objects.filter(pk__in=refund_ids, state=RefundState.REQUESTED)
    return list(refunds.select_related("attempt__request").order_by("created_at", "pk"))


def recast(subject_id: uuid.UUID) -> None:
    """The sale of a subject is called off: what was promised back of it pays back what is not due any more.

    In the caller's transaction, under the lock of the subject and before its sale is undone.
    """
    lessening = Refund.objects.filter(
        attempt__request__subject_id=subject_id, surplus_minor__lt=F("amount_minor") - F("excess_minor")
    ).exclude(state__in=(RefundState.REQUESTED, RefundState.FAILED))
    for refund in lessening.select_related("attempt__request").order_by("created_at", "pk"):
        postings.post_recast(refund, refund.attempt.request)
        refund.surplus_minor, refund.tax_minor = refund.amount_minor - refund.excess_minor, 0
        refund.save(update_fields=["surplus_minor", "tax_minor"])


def kept_in_other_currencies(subject_id: uuid.UUID, currency: str) -> list[Money]:
    """What was captured for a subject in other currencies than its own and is neither back nor promised back."""
    strange = PaymentAttempt.objects.filter(request__subject_id=subject_id, captured_minor__gt=0)
    strange = strange.exclude(currency=currency).annotate(promised=_PROMISED)
    kept = [Money(attempt.captured_minor - attempt.promised, attempt.currency) for attempt in strange.order_by("pk")]
    return [amount for amount in kept if amount.minor > 0]


def mark_asked(refund_id: uuid.UUID) -> None:
    """A job asks about this refund now; the pause before it asks again grows."""
    Refund.objects.filter(pk=refund_id).update(asked_at=clock.now(), times_asked=F("times_asked") + 1)


def send_refund(refund_id: uuid.UUID) -> bool:
    """Ask the gateway for a refund that it has not accepted yet; True if it was asked.

    What has become of a refund is not decided here: `recording` reads it off the gateway's own list. Raises
    GatewayError: after OutcomeUnknown nobody knows what became of it, the row says so, and whoever asks again looks
    first; after any other nothing happened, and it stays as it was. That it may be in flight is committed first, so
    that nobody withdraws it meanwhile.
    """
    refuse_transaction()
    refund = Refund.objects.select_related("attempt__request").get(pk=refund_id)
    attempt, request = refund.attempt, refund.attempt.request
    crashpoint(Seam.REFUND_INTENDED)
    unsent = Refund.objects.filter(pk=refund_id, state__in=(RefundState.APPROVED, RefundState.UNKNOWN))
    if not unsent.update(state=RefundState.UNKNOWN, told_at=clock.now()):
        return False
    try:
        report = gateways.online(attempt.gateway).refund(
            request.gateway_reference or "", attempt.gateway_payment_id, refund.amount, key=str(refund.pk)
        )
    except (Declined, Rejected):
        # With this key nothing has happened, nor will it.
        unsent.update(state=RefundState.APPROVED, told_at=None)
        raise
    except Unavailable:
        unsent.update(state=refund.state, told_at=refund.told_at)
        raise
    crashpoint(Seam.REFUND_ASKED)
    unsent.update(state=RefundState.SENT, gateway_refund_id=report.refund_id)
    crashpoint(Seam.REFUND_RECORDED)
    return True
