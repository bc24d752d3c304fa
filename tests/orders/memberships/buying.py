"""Packages ordered, paid for and given back."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalog.packages import PackageOffer
from customers.genealogy.placing import place
from kit import clock
from orders.checks import WantedItem
from orders.memberships.ordering import order_package
from orders.models import Order, OrderType, PackageOrder, PaymentTerms
from orders.placement import Purchase, place_order
from tests.members import on_day
from tests.orders.invoices.test_issuing import pay
from tests.shop import Shopper, purchase


def place_in_tree(*people: Shopper) -> None:
    """They stand at the top of the genealogy, one below the other."""
    above: uuid.UUID | None = None
    for one in people:
        with on_day(0):
            place(one.customer.pk, sponsor_id=above, by_id=None)
        above = one.customer.pk


def wish(
    shopper: Shopper,
    *packages: tuple[PackageOffer, int],
    order_type: OrderType = OrderType.PURCHASE,
    terms: PaymentTerms = PaymentTerms.ON_DELIVERY,
    **fields: Any,
) -> Purchase:
    """What a dialect hands over for packages: nothing is delivered."""
    items = tuple(WantedItem(package.product_id, None, False, pieces) for package, pieces in packages)
    asked = purchase(shopper, uuid.uuid4(), terms=terms, delivers=False, order_type=order_type, **fields)
    return replace(asked, delivery_method_id=None, items=items)


def ordered(shopper: Shopper, package: PackageOffer, order_type: OrderType, **fields: Any) -> Order:
    """An upgrade or a renewal, not paid yet."""
    return Order.objects.get(pk=order_package(wish(shopper, (package, 1), order_type=order_type, **fields)).id)


def bought(shopper: Shopper, *packages: tuple[PackageOffer, int], **fields: Any) -> Order:
    """Packages bought with an ordinary order, and paid."""
    return pay(Order.objects.get(pk=place_order(wish(shopper, *packages, **fields)).id))


def outcome(order: Order) -> tuple[str, int]:
    """What the order's package has come to, and what stands as credit for it."""
    package = PackageOrder.objects.get(pk=order.pk)
    return package.outcome, package.credit_minor


def on(day: float) -> Any:
    """Within the block it is so many days later; what is done there commits by itself."""
    return clock.turned(timedelta(days=day))
