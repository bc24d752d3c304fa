"""What the facts of payments mean in the ledger: captures, refunds, disputes, debts that are given up.

Each function is told of one fact in the transaction that writes it, under the lock of the payment request, and is
harmless to repeat.
"""

from __future__ import annotations

import uuid

from django.conf import settings

from kit.money import Money
from payments import ledger
from payments.credits import terms
from payments.ledger import Leg
from payments.models import (
    Account,
    Dispute,
    DisputeState,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundDestination,
    TransferKind,
)


def _owner(attempt: PaymentAttempt, request: PaymentRequest) -> Account:
    """Where money of an attempt is owed: to the order's receivable or to the merchant, or, in a currency that nobody
    asked for, nowhere known."""
    return Account(request.owed_to) if attempt.currency == request.currency else Account.SUSPENSE


def post_capture(attempt: PaymentAttempt, request: PaymentRequest, *, before_minor: int) -> None:
    """The gateway has collected what the attempt has now beyond `before_minor`."""
    collected = attempt.captured_minor - before_minor
    ledger.post(
        source=f"capture:{attempt.pk}:{attempt.captured_minor}",
        kind=TransferKind.CAPTURE,
        currency=attempt.currency,
        legs=(
            Leg(ledger.clearing(attempt.gateway), collected, request.subject_id, attempt.pk),
            Leg(_owner(attempt, request), -collected, request.subject_id),
        ),
    )


def post_promise(refund: Refund, attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """A refund is approved: we owe it. Its surplus was never ours, its excess is back already; the rest lessens the
    sale and its tax."""
    allowance = refund.allowance_minor
    subject = request.subject_id
    ledger.post(
        source=f"refund-promised:{refund.pk}",
        kind=TransferKind.REFUND_PROMISED,
        currency=refund.currency,
        legs=(
            Leg(_owner(attempt, request), refund.surplus_minor, subject),
            Leg(Account.REFUNDS, allowance - refund.tax_minor, subject),
            Leg(Account.TAX_PAYABLE, refund.tax_minor, subject),
            Leg(Account.SUSPENSE, refund.excess_minor, subject),
            Leg(Account.REFUNDS_PAYABLE, -refund.amount_minor, subject),
        ),
    )


def post_recast(refund: Refund, request: PaymentRequest) -> None:
    """The order that a refund lessened is called off: the sale is whole for a moment, and the refund pays back what is
    not due any more."""
    allowance = refund.allowance_minor
    subject = request.subject_id
    ledger.post(
        source=f"refund-recast:{refund.pk}",
        kind=TransferKind.REFUND_RECAST,
        currency=refund.currency,
        legs=(
            Leg(Account.RECEIVABLE, allowance, subject),
            Leg(Account.REFUNDS, refund.tax_minor - allowance, subject),
            Leg(Account.TAX_PAYABLE, -refund.tax_minor, subject),
        ),
    )


def post_refund(refund: Refund, attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """A refund has succeeded: the money has left the gateway's balance, or is the customer's credit."""
    subject = request.subject_id
    if refund.destination == RefundDestination.CREDIT:
        good_until = terms.good_until(settings.CREDIT_REFUNDED_GOOD_FOR_DAYS)
        whose = refund.customer_id
        to = Leg(Account.CUSTOMER_CREDIT, -refund.amount_minor, subject, customer_id=whose, expires_at=good_until)
    else:
        to = Leg(ledger.clearing(attempt.gateway), -refund.amount_minor, subject, attempt.pk)
    ledger.post(
        source=f"refund:{refund.pk}",
        kind=TransferKind.REFUND,
        currency=refund.currency,
        legs=(Leg(Account.REFUNDS_PAYABLE, refund.amount_minor, subject), to),
    )


def post_refund_failed(refund: Refund) -> None:
    """A refund has failed: whatever was posted of it is undone."""
    sources = [f"{what}:{refund.pk}" for what in ("refund-promised", "refund-taxed", "refund-recast", "refund")]
    ledger.reverse(source=f"refund-failed:{refund.pk}", of=sources, kind=TransferKind.REFUND_FAILED)


def post_refund_taxed(refund: Refund, request: PaymentRequest, tax_minor: int) -> None:
    """The sale that a refund lessened before it was earned is earned now, and so much of the refund is its tax."""
    ledger.post(
        source=f"refund-taxed:{refund.pk}",
        kind=TransferKind.REFUND_RECAST,
        currency=refund.currency,
        legs=(
            Leg(Account.TAX_PAYABLE, tax_minor, request.subject_id),
            Leg(Account.REFUNDS, -tax_minor, request.subject_id),
        ),
    )


def post_written_off(write_off_id: uuid.UUID, subject_id: uuid.UUID, amount: Money, *, memo: str) -> None:
    """A person has given up so much of what is owed for a subject."""
    ledger.post(
        source=f"write-off:{write_off_id}",
        kind=TransferKind.WRITTEN_OFF,
        currency=amount.currency,
        legs=(Leg(Account.WRITE_OFF, amount.minor, subject_id), Leg(Account.RECEIVABLE, -amount.minor, subject_id)),
        memo=memo,
    )


def post_written_off_paid(subject_id: uuid.UUID, amount: Money) -> None:
    """So much of what was given up for a subject has come after all. Told once for each payment that it came with; the
    caller holds the subject locked."""
    name = f"written-off-paid:{subject_id}:"
    ledger.post(
        source=f"{name}{ledger.standing(name).transfers + 1}",
        kind=TransferKind.WRITTEN_OFF_PAID,
        currency=amount.currency,
        legs=(Leg(Account.RECEIVABLE, amount.minor, subject_id), Leg(Account.WRITE_OFF, -amount.minor, subject_id)),
    )


def post_dispute(dispute: Dispute, attempt: PaymentAttempt, request: PaymentRequest) -> None:
    """What a dispute has withdrawn stands where it belongs now, whatever stood there before: kept back while it may
    come back; once it is lost, its surplus settles what we owed the payer, and the rest is written off."""
    is_lost = dispute.state == DisputeState.LOST
    due = {
        ledger.clearing(attempt.gateway): -dispute.withdrawn_minor,
        Account.DISPUTED: 0 if is_lost else dispute.withdrawn_minor,
        Account.WRITE_OFF: dispute.withdrawn_minor - dispute.surplus_minor if is_lost else 0,
        _owner(attempt, request): dispute.surplus_minor,
    }
    name = f"dispute:{dispute.pk}:"
    stands = ledger.standing(name)
    ledger.post(
        source=f"{name}{stands.transfers + 1}",
        kind=TransferKind.DISPUTE,
        currency=dispute.currency,
        legs=[
            Leg(
                account,
                amount - stands.balances.get(account, 0),
                request.subject_id,
                attempt.pk if account == ledger.clearing(attempt.gateway) else None,
            )
            for account, amount in due.items()
        ],
    )
