"""The taxes of a whole order by name and rate, as they are frozen on its lines and its delivery. Reads the lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orders.models import Order


@dataclass(frozen=True, slots=True)
class TaxSum:
    """One tax of one rate: what it is on, without tax, and what it comes to. Millionths and minor units."""

    name: str
    ppm: int
    base_minor: int
    amount_minor: int


def taxes_of(order: Order) -> tuple[TaxSum, ...]:
    """In the order in which they first come; those of zero say what is taxed at zero."""
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for net_minor, taxes in _taxed(order):
        for tax in taxes:
            key = (tax["name"], tax["rate_ppm"])
            base, amount = sums.get(key, (0, 0))
            sums[key] = (base + net_minor, amount + tax["amount_minor"])
    return tuple(TaxSum(name, ppm, base, amount) for (name, ppm), (base, amount) in sums.items())


def _taxed(order: Order) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """What each line, and the delivery, costs without tax, and its taxes."""
    included = order.prices_include_tax
    for line in order.lines.all():
        yield line.amount_minor - line.discount_minor - (line.tax_minor if included else 0), line.taxes
    yield order.delivery_minor - (order.delivery_tax_minor if included else 0), order.delivery_taxes
