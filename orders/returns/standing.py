"""How far the money of refunds has come: a pure function of what payments say of their parts, and one look at those."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import models

from orders.models import OrderRefund
from payments.models import Refund, RefundState


class RefundStep(models.TextChoices):
    """How far a refund has come."""

    REQUESTED = "requested", "Waits for approval"  # a second person has to agree
    REFUSED = "refused", "Refused"
    APPROVED = "approved", "Approved"  # the gateway is asked next
    UNKNOWN = "unknown", "Outcome unknown"  # the gateway gave no usable answer, and is asked again
    SENT = "sent", "Sent"  # the gateway works on it
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"  # the money is with us, and can be given back anew


@dataclass(frozen=True, slots=True)
class Standing:
    """The step of a refund as a whole; `back_minor` of it has arrived, `failed_minor` will not. Minor units."""

    step: RefundStep
    back_minor: int = 0
    failed_minor: int = 0


_STATES = [state.value for state in RefundState]


def standing(*, is_refused: bool, parts: Iterable[tuple[str, int]]) -> Standing:
    """How a refund stands whose parts, one for each payment that it goes back to, have these states and amounts.

    It is as far as the least of its parts that have not failed.
    """
    parts = list(parts)
    if is_refused:
        return Standing(RefundStep.REFUSED)
    going = [state for state, _ in parts if state != RefundState.FAILED]
    step = RefundStep(min(going, key=_STATES.index)) if going else RefundStep.FAILED
    return Standing(
        step,
        back_minor=sum(amount for state, amount in parts if state == RefundState.SUCCEEDED),
        failed_minor=sum(amount for state, amount in parts if state == RefundState.FAILED),
    )


def credits_of(refund: OrderRefund) -> list[tuple[str, int]]:
    """The part of a refund that comes back in credits, as a part of its money would stand; none where it has none."""
    state = RefundState.REQUESTED if refund.is_pending else RefundState.SUCCEEDED
    return [(state.value, refund.credits_minor)] if refund.credits_minor else []


def standings(refunds: Sequence[OrderRefund]) -> dict[uuid.UUID, Standing]:
    """How each of these refunds stands. One statement."""
    parts: dict[uuid.UUID, list[tuple[str, int]]] = {refund.pk: credits_of(refund) for refund in refunds}
    rows = Refund.objects.filter(cause_id__in=parts).order_by("created_at", "pk")
    for cause, state, amount in rows.values_list("cause_id", "state", "amount_minor"):
        if cause is not None:
            parts[cause].append((state, amount))
    return {refund.pk: standing(is_refused=refund.is_refused, parts=parts[refund.pk]) for refund in refunds}
