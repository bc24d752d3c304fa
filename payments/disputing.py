"""What disputes mean beyond their rows: what people write down about them, of which nothing is unsaid, and how much of
the money is not ours to send back.
"""

from __future__ import annotations

import uuid

from django.db.models import F, Q, Sum

from payments.models import OPEN_DISPUTE_STATES, AttemptState, Dispute, DisputeNote, PaymentAttempt, RefundState


def add_note(dispute_id: uuid.UUID, *, text: str, author_id: uuid.UUID) -> DisputeNote:
    """A note on a dispute, open or over. Raises Dispute.DoesNotExist and ValueError for a note that says nothing."""
    if not text.strip():
        raise ValueError("a note says something")
    return DisputeNote.objects.create(dispute=Dispute.objects.get(pk=dispute_id), text=text, author_id=author_id)


def withheld_minor(subject_id: uuid.UUID, currency: str) -> int:
    """What of a subject's money a bank disputes or has taken back. One statement.

    While a dispute is open that is all that is left of its payment, and no less than what was withdrawn for it: the
    gateway sends nothing of it back. Afterwards it is what was withdrawn.
    """
    promised = Sum(
        F("attempt__refunds__amount_minor") - F("attempt__refunds__excess_minor"),
        filter=~Q(attempt__refunds__state=RefundState.FAILED),
        default=0,
    )
    disputes = Dispute.objects.filter(
        attempt__request__subject_id=subject_id, attempt__currency=currency, attempt__state=AttemptState.CAPTURED
    ).annotate(promised=promised)
    withheld: dict[uuid.UUID, int] = {}
    left: dict[uuid.UUID, int] = {}
    for dispute in disputes.select_related("attempt"):
        key = dispute.attempt_id
        withheld[key] = withheld.get(key, 0) + dispute.withdrawn_minor
        if dispute.state in OPEN_DISPUTE_STATES:
            left[key] = dispute.attempt.captured_minor - dispute.promised
    return sum(max(amount, left.get(key, 0)) for key, amount in withheld.items())


def is_overdrawn(attempt: PaymentAttempt) -> bool:
    """Whether more was withdrawn from a payment and promised back of it than was captured."""
    refunds = attempt.refunds.exclude(state=RefundState.FAILED)
    promised = refunds.aggregate(sum=Sum(F("amount_minor") - F("excess_minor"), default=0))["sum"]
    withdrawn = attempt.disputes.aggregate(sum=Sum("withdrawn_minor", default=0))["sum"]
    return bool(promised + withdrawn > attempt.captured_minor)
