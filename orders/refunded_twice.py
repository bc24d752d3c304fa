"""Money that went back at a gateway although its payer had been given it as credit: put before a person."""

from __future__ import annotations

from orders.models import Order
from payments.models import Refund, RefundState
from payments.reconciliation import discrepancies, resolving
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct

_FAILED = "The refund has failed after all"


def tell_of(order: Order) -> None:
    """Every refund of the order that gave back something twice waits for a person, or has been dealt with; one that
    failed after all waits no more, and nothing of it stays written off. The caller holds the order locked."""
    twice = Refund.objects.filter(attempt__request__subject_id=order.pk, excess_minor__gt=0)
    refunds = list(twice.select_related("attempt").order_by("created_at", "pk"))
    discrepancies.file_all([_finding(order, refund) for refund in refunds if refund.state != RefundState.FAILED])
    for refund in refunds:
        if refund.state == RefundState.FAILED:
            kind, gateway = DiscrepancyKind.REFUNDED_TWICE, refund.attempt.gateway
            gateway_ids = [refund.gateway_refund_id or ""]
            discrepancies.clear(kind=kind, gateway=gateway, gateway_ids=gateway_ids)
            resolving.undo_write_offs(kind=kind, gateway=gateway, gateway_ids=gateway_ids, because=_FAILED)


def _finding(order: Order, refund: Refund) -> Finding:
    attempt = refund.attempt
    return Finding(
        kind=DiscrepancyKind.REFUNDED_TWICE,
        gateway=attempt.gateway,
        gateway_id=refund.gateway_refund_id or "",
        currency=refund.currency,
        # The gateway has so much less than it would without the credit.
        amount_minor=-refund.excess_minor,
        # Nothing here ever changes: what a person has dealt with is not filed again, and not written off twice.
        ours={"order": order.number, "payment": attempt.gateway_payment_id},
        theirs={"refund": refund.gateway_refund_id, "amount_minor": refund.amount_minor},
        proposed=ProposedAct.WRITE_OFF,
    )
