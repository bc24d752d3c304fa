"""What waits for a person is looked at again: what is no longer so goes away by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from orders.reconciliation import chasing, disputed, kept, paid, refunded
from orders.reconciliation.steps import Deed, Step, of_discrepancy
from orders.reconciliation.work import Work
from payments import gateways
from payments.reconciliation import discrepancies
from payments.reconciliation.models import PAYMENT_KINDS, Discrepancy, DiscrepancyKind

_REVIEWS: Mapping[str, Callable[[Work, Discrepancy], Iterator[Step]]] = {
    DiscrepancyKind.STUCK: chasing.review,
    DiscrepancyKind.NOT_BROUGHT_IN_LINE: chasing.review,
    DiscrepancyKind.NOT_SENT_BACK: kept.review,
    DiscrepancyKind.REFUND_UNKNOWN: refunded.review,
    DiscrepancyKind.REFUND_MISSING: refunded.review,
    DiscrepancyKind.DISPUTE_UNKNOWN: disputed.review,
    DiscrepancyKind.DISPUTE_DIFFERS: disputed.review,
}


def review_open(work: Work) -> Iterator[Step]:
    """Look again at what is open and was not met in this run."""
    for discrepancy in discrepancies.iter_open(PAYMENT_KINDS, work.name):
        if not work.has_found(discrepancy.kind, discrepancy.gateway_id):
            yield from _review(work, discrepancy)


def look_again(discrepancy: Discrepancy) -> bool:
    """Ask the gateway about one discrepancy and heal what can be healed; True if it is gone. Raises GatewayError.

    Only for those of `PAYMENT_KINDS`.
    """
    work = Work(discrepancy.gateway, gateways.online(discrepancy.gateway))
    return any(step.deed == Deed.CLEAR for step in _review(work, discrepancy))


def _review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    kind, thing = discrepancy.kind, discrepancy.gateway_id
    # A refund that differs is known by its own id, a payment's refunds by the payment's.
    is_refund = kind == DiscrepancyKind.REFUNDED_DIFFERS and "refund_reference" in discrepancy.theirs
    look = refunded.review if is_refund else _REVIEWS.get(kind, paid.review)
    yield from work.safely(look(work, discrepancy), or_file=discrepancies.finding_of(discrepancy))
    if work.has_found(kind, thing):
        return
    if not work.dry_run:
        discrepancies.clear(kind=DiscrepancyKind(kind), gateway=work.name, gateway_ids=[thing])
    yield of_discrepancy(Deed.CLEAR, discrepancy)
