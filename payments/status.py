"""How the payment of something stands, in one word: a pure function of facts, and nothing is stored of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PaymentStatus(StrEnum):
    """How the payment of a subject stands, in the field's usual words."""

    UNPAID = "unpaid"  # nothing came in, and something is due
    AUTHORIZED = "authorized"  # nothing came in, and some is held and waits to be captured
    VOIDED = "voided"  # called off before anything came in
    PARTIALLY_PAID = "partially_paid"  # less came in than is due
    PAID = "paid"  # all that is due came in; of nothing, nothing
    OVERPAID = "overpaid"  # we hold more than is due, and nobody has promised it back
    REFUND_PENDING = "refund_pending"  # some is on its way back
    PARTIALLY_REFUNDED = "partially_refunded"  # some of what was due went back
    REFUNDED = "refunded"  # everything that came in went back
    DISPUTED = "disputed"  # a payer's bank questions some of it
    CHARGED_BACK = "charged_back"  # a payer's bank has taken some of it back for good


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """The money of a subject in its own currency. Minor units, none below zero.

    `due` is what it costs in all, zero once it is called off; `refunded` went back to the payer or became credit,
    `refunding` is promised and under way; `lessened` of these two was due, and is not any more; `disputed` is in
    question now, `charged_back` was taken back for good.
    """

    due: int
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    refunding: int = 0
    lessened: int = 0
    disputed: int = 0
    charged_back: int = 0
    is_called_off: bool = False


def payment_status(facts: PaymentFacts) -> PaymentStatus:
    """The one word for these facts. What a person has to look at comes before what takes its course."""
    if facts.disputed:
        return PaymentStatus.DISPUTED
    if facts.charged_back:
        return PaymentStatus.CHARGED_BACK
    return _of_received(facts) if facts.captured else _of_nothing_received(facts)


def _of_nothing_received(facts: PaymentFacts) -> PaymentStatus:
    if facts.is_called_off:
        return PaymentStatus.VOIDED
    if not facts.due:
        return PaymentStatus.PAID
    return PaymentStatus.AUTHORIZED if facts.authorized else PaymentStatus.UNPAID


def _of_received(facts: PaymentFacts) -> PaymentStatus:
    left = facts.captured - facts.refunded
    if left <= 0:
        return PaymentStatus.REFUNDED
    if left - facts.refunding > facts.due - facts.lessened:
        return PaymentStatus.OVERPAID
    if facts.refunding:
        return PaymentStatus.REFUND_PENDING
    if facts.captured < facts.due:
        return PaymentStatus.PARTIALLY_PAID
    return PaymentStatus.PARTIALLY_REFUNDED if left < facts.due else PaymentStatus.PAID
