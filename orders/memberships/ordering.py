"""Ordering an upgrade or a renewal: one package, judged before anything is written and again in the transaction that
places the order, under the customer's lock. Of two at once one is placed, and the other is refused.
"""

from __future__ import annotations

from catalog.packages import PackageOffer, find_package
from customers.memberships.acts import MembershipRefused
from customers.memberships.upgrades import begin_upgrade
from kit.errors import DomainError, Fault
from orders.checks import OrderRefused
from orders.memberships.judging import judge, judge_package
from orders.models import OrderType, PackageOrder
from orders.placement import PlacedOrder, Purchase, place_order


class PackageRefused(DomainError):
    """The customer may not order this package now; the faults are those of `judging`. Nothing was written."""


def order_package(purchase: Purchase) -> PlacedOrder:
    """The order is placed, and with it an upgrade is in progress until it is paid or called off.

    `purchase` has one item, of one piece, and is of type UPGRADE or RENEWAL. Raises PackageRefused with every fault of
    the first stage that has any, product before customer, and whatever `place_order` raises. Locks as that does.
    """
    package = _package(purchase)
    _demand(judge_package(purchase.customer_id, package, purchase.order_type))
    _demand(judge(purchase.customer_id, purchase.order_type))

    def judge_again(placed: PlacedOrder) -> None:
        # Whoever places a package has the customer locked. What the order gives is frozen by now.
        frozen = PackageOrder.objects.get(pk=placed.id)
        _demand(judge_package(purchase.customer_id, frozen, purchase.order_type))
        _demand(judge(purchase.customer_id, purchase.order_type, besides=placed.id))
        if purchase.order_type == OrderType.UPGRADE:
            try:
                begin_upgrade(purchase.customer_id, frozen, order_id=placed.id)
            except MembershipRefused:
                # The membership has ended since it was judged, this very moment.
                raise PackageRefused([Fault("tier_not_higher", at=("items", 0, "product"))]) from None

    return place_order(purchase, also=judge_again)


def _package(purchase: Purchase) -> PackageOffer:
    if purchase.order_type not in (OrderType.UPGRADE, OrderType.RENEWAL) or len(purchase.items) != 1:
        raise ValueError("an upgrade or a renewal is of one package")
    (item,) = purchase.items
    if item.quantity != 1:
        raise OrderRefused([Fault("quantity_invalid", {"product": ""}, at=("items", 0, "quantity"))])
    package = find_package(item.product_id) if item.product_id else None
    if package is None:
        raise OrderRefused([Fault("product_not_found", at=("items", 0, "product"))])
    return package


def _demand(faults: list[Fault]) -> None:
    if faults:
        raise PackageRefused(faults)
