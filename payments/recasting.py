"""What went back for a sale, told anew once the sale itself is another: earned, or called off, or overpaid.

In the caller's transaction, under the lock of the subject.
"""

from __future__ import annotations

import uuid

from django.db.models import F

from payments import ledger, postings
from payments.ledger import SaleBalances
from payments.models import Dispute, DisputeState, PaymentRequest, Refund, RefundState


def absorb_lost(subject_id: uuid.UUID, currency: str) -> None:
    """What a payer's bank has taken for good settles what we owe the payer, as far as we owe anything.

    Called once the refunds that are due are promised, and again whenever what is due may have changed.
    """
    lost = Dispute.objects.filter(
        attempt__request__subject_id=subject_id,
        attempt__currency=currency,
        state=DisputeState.LOST,
        surplus_minor__lt=F("withdrawn_minor"),
    )
    disputes = list(lost.select_related("attempt__request").order_by("opened_at", "pk"))
    left = ledger.sale_balances(subject_id, currency).surplus if disputes else 0
    for dispute in disputes:
        share = min(left, dispute.withdrawn_minor - dispute.surplus_minor)
        if share > 0:
            dispute.surplus_minor += share
            dispute.save(update_fields=["surplus_minor"])
            postings.post_dispute(dispute, dispute.attempt, dispute.attempt.request)
            left -= share


def tax_earlier_refunds(subject_id: uuid.UUID, currency: str) -> None:
    """Refunds that lessened a sale before it was earned bear their share of its tax, now that there is any.

    Called once, as the sale is earned.
    """
    list(PaymentRequest.objects.select_for_update().filter(subject_id=subject_id).order_by("pk"))
    lessening = Refund.objects.filter(
        attempt__request__subject_id=subject_id,
        currency=currency,
        surplus_minor__lt=F("amount_minor") - F("excess_minor"),
        tax_minor=0,
    ).exclude(state__in=(RefundState.REQUESTED, RefundState.FAILED))
    refunds = list(lessening.select_related("attempt__request").order_by("created_at", "pk"))
    if not refunds:
        return
    stands = ledger.sale_balances(subject_id, currency)
    # As it would stand had none of them been promised.
    sale, tax = stands.sale + sum(refund.allowance_minor for refund in refunds), stands.tax
    for refund in refunds:
        allowance = refund.allowance_minor
        share = SaleBalances(surplus=0, sale=sale, tax=tax).tax_share(allowance)
        sale, tax = sale - allowance, tax - share
        if share:
            postings.post_refund_taxed(refund, refund.attempt.request, share)
            refund.tax_minor = share
            refund.save(update_fields=["tax_minor"])
