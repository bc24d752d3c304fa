"""What an order means in the ledger: ordered, earned, called off.

An order is deferred revenue while nobody knows whether it will be paid; it is earned once it is paid in full or its
goods have left. Called with every move of an order that matters, under the order's lock; harmless to repeat.
"""

from __future__ import annotations

from orders.models import Fulfilment, Order
from payments import ledger, recasting, refunding
from payments.models import Account


def is_given_up(order: Order) -> bool:
    """Whether nobody owes the rest of an order whose money is all back now: it was never paid in full, nor sent. The
    order remembers it as `given_up`, whatever is paid for it later.
    """
    return order.fulfilment == Fulfilment.UNFULFILLED and order.collected_minor < order.total_minor


def post_revived(order: Order) -> None:
    """A cancelled order lives again, under the reservation that it has now."""
    ledger.post_ordered(
        source_id=order.reservation_id,
        subject_id=order.pk,
        customer_id=order.customer_id,
        currency=order.currency,
        total=order.total_minor,
        credits=order.credits_minor,
    )


def post_earned(order: Order) -> None:
    """What was ordered is revenue, and its tax is owed."""
    # What is included in a price is no revenue.
    in_products, in_delivery = (0, 0)
    if order.prices_include_tax:
        in_products, in_delivery = order.tax_minor - order.delivery_tax_minor, order.delivery_tax_minor
    is_news = ledger.post_earned(
        source_id=order.reservation_id,
        subject_id=order.pk,
        currency=order.currency,
        amounts={
            Account.REVENUE: order.products_minor - in_products,
            Account.DELIVERY_REVENUE: order.delivery_minor - in_delivery,
            Account.TAX_PAYABLE: order.tax_minor,
            Account.DISCOUNTS: -order.discount_minor,
        },
    )
    if is_news:
        recasting.tax_earlier_refunds(order.pk, order.currency)


def post_called_off(order: Order) -> None:
    """Nothing is due for the order any more."""
    refunding.recast(order.pk)
    ledger.post_called_off(source_id=order.reservation_id, subject_id=order.pk, currency=order.currency)
