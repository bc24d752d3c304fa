"""Credits that paid for an order and come back: with a refund, or because it is called off. Under the order's lock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Sum

from orders.models import Fulfilment, Order, OrderRefund, OrderStatus
from payments import ledger
from payments.credits import terms
from payments.ledger import Leg
from payments.models import Account, Refund, RefundState, TransferKind


def kept_minor(order: Order) -> int:
    """What of its credits an order keeps that a refund could give back, minor units: nothing once it is cancelled, nor
    while it is neither paid in full nor sent, for calling it off gives all of them back."""
    is_earned = order.collected_minor >= order.total_minor or order.fulfilment != Fulfilment.UNFULFILLED
    if order.status == OrderStatus.CANCELLED or not is_earned:
        return 0
    return order.credits_minor - order.credits_returned_minor


def returned_minor(order: Order) -> int:
    """What refunds have given back of its credits, minor units. One statement, and none for an order without any."""
    if not order.credits_minor:
        return 0
    given = OrderRefund.objects.in_force().filter(order=order)
    return int(given.aggregate(sum=Sum("credits_minor", default=0))["sum"])


def post_returned(order: Order, refund: OrderRefund) -> None:
    """The credits of a refund that nobody has to agree to any more are the customer's again, and lessen the sale and
    its tax. Once the money of the same refund is promised: its tax is what that has left. Locks the customer's credit.
    """
    if not refund.credits_minor:
        return
    in_money = Refund.objects.filter(cause_id=refund.pk).exclude(state=RefundState.FAILED)
    settled = refund.tax_minor - in_money.aggregate(sum=Sum("tax_minor", default=0))["sum"]
    stands = ledger.sale_balances(order.pk, order.currency)
    tax = stands.tax_share(refund.credits_minor, settled_minor=max(0, settled))
    source = returned_source(refund)
    ledger.post(
        source=source,
        kind=TransferKind.CREDIT_RETURNED,
        currency=order.currency,
        legs=(
            Leg(Account.REFUNDS, refund.credits_minor - tax, order.pk),
            Leg(Account.TAX_PAYABLE, tax, order.pk),
            Leg(Account.CUSTOMER_CREDIT, -refund.credits_minor, order.pk, customer_id=order.customer_id),
        ),
    )
    terms.prolong(source)


def returned_source(refund: OrderRefund) -> str:
    """The source of the posting that gives a refund's credits back."""
    return f"credits-returned:{refund.pk}"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The credits of one refund, and the tax of the sale that went with them. Minor units."""

    amount_minor: int
    tax_minor: int
    reason: str


def given_back(order: Order) -> dict[uuid.UUID, GivenBack]:
    """The refunds that have given back some of an order's credits, the oldest first. Two statements, and none for an
    order without any."""
    if not order.credits_minor:
        return {}
    refunds = list(OrderRefund.objects.in_force().filter(order=order, credits_minor__gt=0).order_by("pk"))
    taxes = ledger.moved([returned_source(refund) for refund in refunds], Account.TAX_PAYABLE)
    return {
        refund.pk: GivenBack(refund.credits_minor, taxes.get(returned_source(refund), 0), refund.reason)
        for refund in refunds
    }


def sources_of(order: Order) -> list[str]:
    """The postings that have given back some of an order's credits."""
    if not order.credits_minor:
        return []
    given = OrderRefund.objects.in_force().filter(order=order, credits_minor__gt=0)
    return [returned_source(refund) for refund in given.order_by("pk")]
