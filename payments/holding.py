"""Money that is only held: which it is, and how much of it a person wants captured.

A wish to capture is a committed row before the gateway is asked; it is carried out, now or by the chase, by
`payments.collecting.capture_authorized`. Whoever writes a wish holds its subject locked; a gateway's final no takes the
wish back.
"""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from kit import clock
from kit.money import Money
from payments.gateways.base import PaymentState, RequestReport
from payments.models import AttemptState, GatewayName, PaymentAttempt, PaymentRequest, RequestState

CAPTURES_IN_PART = frozenset({GatewayName.STRIPE})
"""Who captures less than is held, and lets go of the rest. Razorpay captures all of it or nothing."""


def holds(subject_id: uuid.UUID) -> QuerySet[PaymentAttempt]:
    """The attempts of a subject whose money is held for a person to capture, and that nobody has let go."""
    attempts = PaymentAttempt.objects.filter(
        request__subject_id=subject_id,
        request__hold=True,
        request__state=RequestState.OPEN,
        request__cancel_wanted_at__isnull=True,
        state=AttemptState.AUTHORIZED,
    )
    return attempts.select_related("request").order_by("created_at", "pk")


def want_capture(attempt: PaymentAttempt, amount_minor: int) -> None:
    """Note, in the caller's transaction, that so much of a hold is to be captured."""
    attempts = PaymentAttempt.objects.filter(pk=attempt.pk, state=AttemptState.AUTHORIZED)
    attempts.update(capture_wanted_at=clock.now(), capture_wanted_minor=amount_minor)


def find_wanted(request: PaymentRequest, report: RequestReport) -> tuple[str, Money] | None:
    """Which of the payments that a report shows as held is to be captured, and how much of it."""
    held = [payment.payment_id for payment in report.payments if payment.state == PaymentState.AUTHORIZED]
    wanted = PaymentAttempt.objects.filter(
        request=request, gateway_payment_id__in=held, capture_wanted_minor__isnull=False
    ).first()
    if wanted is None or wanted.capture_wanted_minor is None:
        return None
    return wanted.gateway_payment_id, Money(wanted.capture_wanted_minor, wanted.currency)


def forget_wish(gateway: str, payment_id: str) -> None:
    """The gateway will not capture it: a person may want something else of it."""
    attempts = PaymentAttempt.objects.filter(gateway=gateway, gateway_payment_id=payment_id)
    attempts.filter(state=AttemptState.AUTHORIZED).update(capture_wanted_at=None, capture_wanted_minor=None)
