"""What a gateway lists against what we have, in batches: a handful of statements for each, however long it is.

Judges and changes nothing. What differs can be healed where the gateway tells of something that our rows can still
become; the rest is for a person: amounts and currencies that are another's, money that we have and the gateway has not,
and what belongs to nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from kit.ids import parse_id
from payments.gateways.base import DisputeReport, ListedPayment, ListedRefund, PaymentState, RefundOutcome
from payments.models import (
    AttemptState,
    Dispute,
    DisputeState,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundDestination,
    RefundState,
    RequestState,
)
from payments.reconciliation import facts
from payments.reconciliation.discrepancies import Facts, Finding
from payments.reconciliation.models import DiscrepancyKind as Kind
from payments.reconciliation.models import ProposedAct

_ATTEMPT_STATES = [state.value for state in AttemptState]
_DISPUTE_STATES = [state.value for state in DisputeState]
# Whose money is neither back nor surely on its way.
_WITH_THE_GATEWAY = (RefundState.APPROVED, RefundState.UNKNOWN, RefundState.SENT)
# How long after a request was written down its payment may come about while its reference is still unknown to us.
_REFERENCE_LATE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something listed that our books do not say. `request` is ours that it belongs to, if it does; `reference` is what
    the gateway is asked by. It `can_heal` by recording what the gateway says now."""

    finding: Finding
    request: PaymentRequest | None
    reference: str
    can_heal: bool


def compare_payments(gateway: str, listed: Sequence[ListedPayment]) -> list[Difference]:
    """What of these payments is not in our books as the gateway tells it."""
    ids = [each.payment.payment_id for each in listed]
    attempts = PaymentAttempt.objects.filter(gateway=gateway, gateway_payment_id__in=ids).select_related("request")
    known = {attempt.gateway_payment_id: attempt for attempt in attempts}
    unknown = [each for each in listed if each.payment.payment_id not in known]
    requests = _Requests.of(gateway, unknown) if unknown else _Requests({}, {}, ())
    going_back = _going_back([known[each.payment.payment_id] for each in listed if _refunded_otherwise(each, known)])
    judged = (
        _known_payment(gateway, each, known[each.payment.payment_id], going_back)
        if each.payment.payment_id in known
        else _unknown_payment(gateway, each, requests)
        for each in listed
    )
    return [difference for difference in judged if difference is not None]


def _refunded_otherwise(listed: ListedPayment, known: Mapping[str, PaymentAttempt]) -> bool:
    attempt = known.get(listed.payment.payment_id)
    return attempt is not None and attempt.refunded_minor != listed.refunded_minor


def _going_back(attempts: Sequence[PaymentAttempt]) -> dict[str, int]:
    """What gateways have been asked to send back and may count already."""
    if not attempts:
        return {}
    asked = Refund.objects.filter(attempt__in=attempts, destination=RefundDestination.ORIGINAL)
    asked = asked.filter(state__in=_WITH_THE_GATEWAY, gateway_refund_id__isnull=False)
    sums = asked.order_by().values_list("attempt__gateway_payment_id").annotate(Sum("amount_minor"))
    return dict(sums)


def _known_payment(
    gateway: str, listed: ListedPayment, attempt: PaymentAttempt, going_back: Mapping[str, int]
) -> Difference | None:
    theirs, request = listed.payment, attempt.request

    def difference(
        kind: Kind, amount: int, *, can_heal: bool, act: ProposedAct = ProposedAct.CHECK_GATEWAY
    ) -> Difference:
        told = facts.of_attempt(attempt), facts.of_listed_payment(listed)
        finding = Finding(kind, gateway, theirs.payment_id, theirs.currency, amount, *told, act)
        return Difference(finding, request, request.gateway_reference or listed.reference, can_heal)

    if listed.reference and request.gateway_reference not in (None, listed.reference):
        return difference(Kind.REFERENCE_DIFFERS, theirs.captured_minor, can_heal=False)
    if theirs.currency != attempt.currency:
        return difference(Kind.CURRENCY_DIFFERS, theirs.captured_minor, can_heal=False)
    if theirs.amount_minor != attempt.amount_minor:
        return difference(Kind.AMOUNT_DIFFERS, theirs.amount_minor - attempt.amount_minor, can_heal=False)
    captured = theirs.captured_minor - attempt.captured_minor
    if captured or _ATTEMPT_STATES.index(theirs.state.value) > _ATTEMPT_STATES.index(attempt.state):
        return difference(Kind.CAPTURED_DIFFERS, captured, can_heal=captured >= 0)
    refunded = listed.refunded_minor - attempt.refunded_minor
    if not 0 <= refunded <= going_back.get(theirs.payment_id, 0):
        # Which refunds there are, and how they stand, the gateway says when it is asked for them.
        return difference(Kind.REFUNDED_DIFFERS, -refunded, can_heal=True)
    return None


def awaits_capture(listed: ListedPayment, request: PaymentRequest) -> bool:
    """Whether a payment is only held that was meant to be taken at once."""
    wanted = request.state == RequestState.OPEN and not request.hold and request.cancel_wanted_at is None
    asked = (request.amount_minor, request.currency)
    held = listed.payment.state == PaymentState.AUTHORIZED
    return held and wanted and (listed.payment.amount_minor, listed.payment.currency) == asked


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests of ours that payments name, by reference and by key, and when those were written down whose reference
    we do not know."""

    by_reference: Mapping[str, PaymentRequest]
    by_key: Mapping[str, PaymentRequest]
    unheard: Sequence[datetime]

    @classmethod
    def of(cls, gateway: str, listed: Sequence[ListedPayment]) -> _Requests:
        of_gateway = PaymentRequest.objects.filter(gateway=gateway).defer("client_secret")
        references = {each.reference for each in listed if each.reference}
        by_reference = {
            request.gateway_reference or "": request for request in of_gateway.filter(gateway_reference__in=references)
        }
        keys = {key for each in listed if (key := parse_id(each.key)) is not None}
        by_key = {str(request.pk): request for request in of_gateway.filter(pk__in=keys)}
        first, last = min(each.created_at for each in listed), max(each.created_at for each in listed)
        unheard = of_gateway.filter(
            gateway_reference__isnull=True,
            created_at__gt=first - _REFERENCE_LATE,
            created_at__lt=last + timedelta(days=1),
        )
        return cls(by_reference, by_key, list(unheard.values_list("created_at", flat=True)[:1]))

    def find(self, listed: ListedPayment) -> PaymentRequest | None:
        return self.by_reference.get(listed.reference) or self.by_key.get(listed.key)


def _unknown_payment(gateway: str, listed: ListedPayment, requests: _Requests) -> Difference | None:
    theirs, request = listed.payment, requests.find(listed)
    ours: Facts = facts.of_request(request) if request else {}
    money = theirs.captured_minor - listed.refunded_minor
    if request is not None and listed.reference and request.gateway_reference in (None, listed.reference):
        finding = Finding(
            kind=Kind.CAPTURED_DIFFERS,
            gateway=gateway,
            gateway_id=theirs.payment_id,
            currency=theirs.currency,
            amount_minor=theirs.captured_minor,
            ours=ours,
            theirs=facts.of_listed_payment(listed),
            proposed=ProposedAct.CHECK_GATEWAY,
        )
        return Difference(finding, request, listed.reference, can_heal=True)
    if money <= 0 and theirs.state != PaymentState.AUTHORIZED:
        # Somebody else's try that came to nothing.
        return None
    finding = Finding(
        kind=Kind.PAYMENT_UNKNOWN,
        gateway=gateway,
        gateway_id=theirs.payment_id,
        currency=theirs.currency,
        amount_minor=money,
        ours=ours,
        theirs=facts.of_listed_payment(listed),
        proposed=ProposedAct.SEND_BACK,
    )
    # Its request may be one of those that we never learned the reference of: the gateway knows which.
    may_be_ours = request is None and bool(requests.unheard)
    return Difference(finding, None, listed.reference if may_be_ours else "", can_heal=False)


def compare_refunds(gateway: str, listed: Sequence[ListedRefund]) -> list[Difference]:
    """What of these refunds is not in our books as the gateway tells it."""
    keys = {key for each in listed if (key := parse_id(each.refund.key)) is not None}
    found: QuerySet[Refund] = Refund.objects.filter(attempt__gateway=gateway).select_related("attempt__request")
    named = found.filter(gateway_refund_id__in=[each.refund.refund_id for each in listed])
    refunds = {refund.gateway_refund_id: refund for refund in named}
    asked = {str(refund.pk): refund for refund in found.filter(pk__in=keys, gateway_refund_id__isnull=True)}
    unknown = [each for each in listed if each.refund.refund_id not in refunds]
    attempts = PaymentAttempt.objects.filter(
        gateway=gateway, gateway_payment_id__in={each.payment_id for each in unknown}
    ).select_related("request")
    payments = {attempt.gateway_payment_id: attempt for attempt in attempts}
    judged = (
        _judge_refund(gateway, each, refund, payments.get(each.payment_id))
        for each in listed
        for refund in (refunds.get(each.refund.refund_id) or asked.get(each.refund.key),)
    )
    return [difference for difference in judged if difference is not None]


def _judge_refund(
    gateway: str, listed: ListedRefund, refund: Refund | None, attempt: PaymentAttempt | None
) -> Difference | None:
    attempt = refund.attempt if refund is not None else attempt
    ours: Facts = {} if attempt is None else facts.of_attempt(attempt)
    if refund is not None:
        ours = facts.of_refund(refund)
        same = (refund.amount_minor, refund.currency, refund.attempt.gateway_payment_id)
        differs = same != (listed.refund.amount_minor, listed.currency, listed.payment_id)
        if not differs and refund.gateway_refund_id and refund.state == listed.refund.outcome.value:
            return None
        # A refund that has failed never comes back to life.
        can_heal = not differs and refund.state != RefundState.FAILED
    else:
        if attempt is None and listed.refund.outcome == RefundOutcome.FAILED:
            return None
        can_heal = attempt is not None
    kind = Kind.REFUND_UNKNOWN if attempt is None else Kind.REFUNDED_DIFFERS
    back = 0 if listed.refund.outcome == RefundOutcome.FAILED else listed.refund.amount_minor
    counted = refund.amount_minor if refund is not None and refund.state == RefundState.SUCCEEDED else 0
    finding = Finding(
        kind=kind,
        gateway=gateway,
        gateway_id=listed.refund.refund_id,
        currency=listed.currency,
        amount_minor=counted - back,
        ours=ours,
        theirs=facts.of_listed_refund(listed),
        proposed=ProposedAct.CHECK_GATEWAY,
    )
    request = attempt.request if attempt is not None else None
    return Difference(finding, request, (request and request.gateway_reference) or "", can_heal)


def compare_disputes(gateway: str, reports: Sequence[DisputeReport]) -> list[Difference]:
    """What of these disputes is not in our books as the gateway tells it."""
    named = Dispute.objects.filter(
        attempt__gateway=gateway, gateway_dispute_id__in=[each.dispute_id for each in reports]
    )
    disputes = {dispute.gateway_dispute_id: dispute for dispute in named.select_related("attempt__request")}
    attempts = PaymentAttempt.objects.filter(
        gateway=gateway, gateway_payment_id__in={each.payment_id for each in reports}
    ).select_related("request")
    payments = {attempt.gateway_payment_id: attempt for attempt in attempts}
    judged = (
        _judge_dispute(gateway, each, disputes.get(each.dispute_id), payments.get(each.payment_id)) for each in reports
    )
    return [difference for difference in judged if difference is not None]


def _judge_dispute(
    gateway: str, report: DisputeReport, dispute: Dispute | None, attempt: PaymentAttempt | None
) -> Difference | None:
    ours: Facts = facts.of_attempt(attempt) if attempt is not None else {}
    can_heal, withdrawn = attempt is not None, 0
    if dispute is not None:
        ours, withdrawn = facts.of_dispute(dispute), dispute.withdrawn_minor
        told = (dispute.state, dispute.withdrawn_minor, dispute.amount_minor, dispute.currency)
        if told == (report.outcome.value, report.withdrawn_minor, report.amount_minor, report.currency):
            return None
        forward = _DISPUTE_STATES.index(report.outcome.value) >= _DISPUTE_STATES.index(dispute.state)
        same = (dispute.amount_minor, dispute.currency) == (report.amount_minor, report.currency)
        same = same and dispute.attempt == attempt
        can_heal = forward and same
    kind = Kind.DISPUTE_UNKNOWN if attempt is None else Kind.DISPUTE_DIFFERS
    finding = Finding(
        kind=kind,
        gateway=gateway,
        gateway_id=report.dispute_id,
        currency=report.currency,
        amount_minor=withdrawn - report.withdrawn_minor,
        ours=ours,
        theirs=facts.of_dispute_report(report),
        proposed=ProposedAct.CHECK_GATEWAY,
    )
    request = attempt.request if attempt is not None else None
    return Difference(finding, request, (request and request.gateway_reference) or report.reference, can_heal)
