"""Questions about money, for the apps above."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from kit import clock
from payments.models import (
    CHASED_REFUND_STATES,
    OPEN_DISPUTE_STATES,
    OPEN_REFUND_STATES,
    AttemptState,
    CreditTerm,
    Dispute,
    EventState,
    GatewayName,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
    WebhookEvent,
)
from payments.status import PaymentFacts

_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class MoneyTotals:
    """What came in for a subject, what went back, to the payer or as credit, and what is on its way, of which `waiting`
    for a second person's word. What went back twice counts once. `lessened` of what went back, or is promised back, was
    due: by so much less is due now. Minor units."""

    collected: int
    refunded: int
    refunding: int
    waiting: int
    lessened: int

    @property
    def kept(self) -> int:
        """What stays with us once every refund under way has arrived."""
        return self.collected - self.refunded - self.refunding


def totals(subject_id: uuid.UUID, currency: str) -> MoneyTotals:
    """The money of a subject in its own currency; money in another never counts towards it. Two statements."""
    attempts = PaymentAttempt.objects.filter(request__subject_id=subject_id, currency=currency)
    sums = attempts.aggregate(
        collected=Sum("captured_minor", default=0),
        refunded=Sum(F("refunded_minor") + F("credited_minor") - F("excess_minor"), default=0),
    )
    refunds = Refund.objects.filter(attempt__request__subject_id=subject_id, currency=currency)
    once = F("amount_minor") - F("excess_minor")
    sums |= refunds.aggregate(
        refunding=Sum(once, filter=Q(state__in=OPEN_REFUND_STATES), default=0),
        waiting=Sum(once, filter=Q(state=RefundState.REQUESTED), default=0),
        lessened=Sum(
            once - F("surplus_minor"), filter=~Q(state__in=(RefundState.REQUESTED, RefundState.FAILED)), default=0
        ),
    )
    return MoneyTotals(**sums)


_FACTS = """
WITH mine AS (
    SELECT a.id, a.amount_minor, a.captured_minor,
           a.refunded_minor + a.credited_minor - a.excess_minor AS refunded_minor,
           a.state = 'authorized' AND r.state = 'open' AND r.cancel_wanted_at IS NULL AS is_held
    FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
    WHERE r.subject_id = %s AND a.currency = %s
)
SELECT coalesce(sum(amount_minor) FILTER (WHERE is_held), 0)::bigint, coalesce(sum(captured_minor), 0)::bigint,
       coalesce(sum(refunded_minor), 0)::bigint,
       (SELECT coalesce(sum(amount_minor - excess_minor), 0)::bigint FROM payments_refund
        WHERE attempt_id IN (SELECT id FROM mine) AND state = ANY(%s)),
       (SELECT coalesce(sum(amount_minor - surplus_minor - excess_minor), 0)::bigint FROM payments_refund
        WHERE attempt_id IN (SELECT id FROM mine) AND state NOT IN ('requested', 'failed')),
       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments_dispute
        WHERE attempt_id IN (SELECT id FROM mine) AND state = ANY(%s)),
       (SELECT coalesce(sum(withdrawn_minor), 0)::bigint FROM payments_dispute
        WHERE attempt_id IN (SELECT id FROM mine) AND state = 'lost')
FROM mine
"""


def facts(subject_id: uuid.UUID, currency: str, *, due: int, is_called_off: bool) -> PaymentFacts:
    """The money of a subject as `payments.status` judges it. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [subject_id, currency, list(OPEN_REFUND_STATES), list(OPEN_DISPUTE_STATES)])
        authorized, captured, refunded, refunding, lessened, disputed, charged_back = cursor.fetchone()
    return PaymentFacts(due, authorized, captured, refunded, refunding, lessened, disputed, charged_back, is_called_off)


def credit_minor(customer_id: uuid.UUID, currency: str) -> int:
    """What a customer can spend of credit now: what is over already does not count. One statement."""
    good = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    terms = CreditTerm.objects.filter(good, customer_id=customer_id, currency=currency, left_minor__gt=0)
    return int(terms.aggregate(sum=Sum("left_minor", default=0))["sum"])


def find_request(gateway: str, reference: str) -> PaymentRequest | None:
    """A gateway's payment request, if it is one of ours."""
    return PaymentRequest.objects.filter(gateway=gateway, gateway_reference=reference).first()


def find_attempt(gateway: str, payment_id: str) -> PaymentAttempt | None:
    """A gateway's payment with its request, if it is one of ours."""
    attempts = PaymentAttempt.objects.filter(gateway=gateway, gateway_payment_id=payment_id)
    return attempts.select_related("request").first()


def last_captured(subject_id: uuid.UUID) -> PaymentAttempt | None:
    """The newest payment of a subject that money came in by, whatever went back since. One statement."""
    attempts = PaymentAttempt.objects.filter(request__subject_id=subject_id, captured_minor__gt=0)
    return attempts.order_by("-created_at", "-pk").first()


def online_requests(subject_id: uuid.UUID) -> QuerySet[PaymentRequest]:
    """The requests of a subject that a gateway knows, the newest first."""
    requests = PaymentRequest.objects.filter(subject_id=subject_id, gateway_reference__isnull=False)
    return requests.exclude(gateway=GatewayName.OFFLINE).order_by("-created_at")


def requests_of(subject_id: uuid.UUID) -> QuerySet[PaymentRequest]:
    """All requests of a subject with their attempts and refunds, the newest first."""
    return PaymentRequest.objects.filter(subject_id=subject_id).prefetch_related("attempts__refunds")


def disputes_of(subject_id: uuid.UUID) -> QuerySet[Dispute]:
    """The disputes about the payments of a subject, the newest first."""
    return Dispute.objects.filter(attempt__request__subject_id=subject_id)


def _due(
    now: datetime, after: timedelta, *, born: str = "created_at", last: str = "asked_at", times: str = "times_asked"
) -> Q:
    """Not asked about yet and older than `after`, or last asked longer ago than a pause that doubles up to an hour."""
    condition = Q(**{f"{last}__isnull": True, f"{born}__lt": now - after})
    for count in range(10):
        pause = min(after * 2**count, _LONGEST_PAUSE)
        condition |= Q(**{times: count, f"{last}__lt": now - pause})
    return condition | Q(**{f"{times}__gte": 10, f"{last}__lt": now - _LONGEST_PAUSE})


def unclear_requests() -> QuerySet[PaymentRequest]:
    """Requests cut off, of unknown outcome or refused while nobody called off what they were for; open ones that should
    be cancelled, and refused ones that their gateway has after all."""
    return PaymentRequest.objects.exclude(gateway=GatewayName.OFFLINE).filter(
        Q(state__in=(RequestState.INITIATED, RequestState.UNKNOWN))
        | Q(state=RequestState.OPEN, cancel_wanted_at__isnull=False)
        | Q(state=RequestState.REFUSED, cancel_wanted_at__isnull=True)
        | Q(state=RequestState.REFUSED, gateway_reference__isnull=False)
    )


def requests_to_chase(now: datetime, after: timedelta, limit: int) -> list[uuid.UUID]:
    """Unclear requests that it is time to ask about."""
    due = unclear_requests().filter(_due(now, after)).order_by("created_at")
    return list(due.values_list("id", flat=True)[:limit])


def refunds_to_chase(now: datetime, after: timedelta, limit: int) -> list[uuid.UUID]:
    """Refunds that are approved and not done."""
    chased = Refund.objects.filter(state__in=CHASED_REFUND_STATES)
    due = chased.filter(_due(now, after)).order_by("created_at")
    return list(due.values_list("id", flat=True)[:limit])


def captures_to_chase(now: datetime, after: timedelta, limit: int) -> list[uuid.UUID]:
    """Open requests with an authorized attempt whose capture was wanted and is not known to have happened.

    Not those that nobody should pay any more: they are chased as such, and their holds lapse. With pauses that grow,
    since some holds can never be captured.
    """
    wanted = PaymentAttempt.objects.filter(
        state=AttemptState.AUTHORIZED,
        capture_wanted_at__lt=now - after,
        request__state=RequestState.OPEN,
        request__cancel_wanted_at__isnull=True,
    )
    due = wanted.filter(
        _due(now, after, born="capture_wanted_at", last="request__asked_at", times="request__times_asked")
    )
    # Each request once, whatever it has of attempts.
    return list(dict.fromkeys(due.order_by("capture_wanted_at").values_list("request_id", flat=True)[:limit]))


def events_to_work(now: datetime, after: timedelta, limit: int) -> list[int]:
    """Events that were received a while ago and that nobody has worked, or not with success."""
    waiting = WebhookEvent.objects.filter(state=EventState.RECEIVED)
    due = waiting.filter(_due(now, after, born="received_at", last="tried_at", times="times_tried"))
    return list(due.order_by("received_at").values_list("pk", flat=True)[:limit])
