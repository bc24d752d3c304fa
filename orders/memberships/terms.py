"""What an order with packages will give, written down when it is placed: later changes of a package change no order."""

from __future__ import annotations

import uuid
from collections import defaultdict

from catalog.models import Package, ProductKind
from orders.checks import Basket, BasketLine
from orders.models import PackageOrder

# The most that one order gives: ten years. What goes beyond is as good as a second package.
MOST_DAYS = 3660


def has_package(basket: Basket) -> bool:
    """Whether somebody becomes a member by it."""
    return any(line.offer.kind == ProductKind.PACKAGE for line in basket.lines)


def write_down(order_id: uuid.UUID, basket: Basket) -> None:
    """The order gives so many days of the highest of its packages; what is paid for others is kept apart.

    Two statements. The caller holds the customer locked.
    """
    lines: dict[uuid.UUID, list[BasketLine]] = defaultdict(list)
    for line in basket.lines:
        if line.offer.kind == ProductKind.PACKAGE:
            lines[line.offer.product_id].append(line)
    packages = {package.pk: package for package in Package.objects.filter(pk__in=lines)}
    chosen = max(lines, key=lambda key: (packages[key].tier if key in packages else 0, str(key)))
    package = packages.get(chosen)
    pieces = sum(line.quantity for line in lines[chosen])
    given = min(pieces, max(1, MOST_DAYS // package.validity_days)) if package else 0
    paid = sum(_paid(line, basket) for line in lines[chosen])
    value = paid * given // pieces
    everything = sum(_paid(line, basket) for several in lines.values() for line in several)
    PackageOrder.objects.create(
        order_id=order_id,
        product_id=chosen,
        tier=package.tier if package else 0,
        validity_days=package.validity_days * given if package else 0,
        value_minor=value,
        extra_minor=everything - value,
    )


def _paid(line: BasketLine, basket: Basket) -> int:
    tax = 0 if basket.prices_include_tax else line.tax.amount_minor
    return line.offer.price.minor * line.quantity - line.discount_minor + tax
