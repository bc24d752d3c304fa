"""Packages as they are sold: what tier they make somebody a member of, for how long and for how much. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from catalog.models import Package, Product
from kit.money import Money

# The price is that of the default variant: a package is bought by its product alone.
_PACKAGES = """
SELECT DISTINCT ON (k.tier, p.id) p.id, p.number, p.title, k.tier, k.validity_days, v.price_minor, v.currency
FROM catalog_package k
JOIN catalog_product p ON p.id = k.product_id AND p.active
JOIN catalog_variant v ON v.product_id = p.id AND v.active
{where} ORDER BY k.tier, p.id, v.position, v.sku
"""


@dataclass(frozen=True, slots=True)
class PackageOffer:
    """A package on sale, at today's price."""

    product_id: uuid.UUID
    product_number: int
    title: str
    tier: int
    validity_days: int
    price: Money


def package_of(product: Product) -> Package | None:
    """What the product makes of its buyer, on sale or not; None for a product that makes nobody a member."""
    return Package.objects.filter(pk=product.pk).first()


def find_package(key: uuid.UUID | int) -> PackageOffer | None:
    """The package on sale whose product has that id or number."""
    column = "number" if isinstance(key, int) else "id"
    found = _offers(f"WHERE p.{column} = %s", [key])
    return found[0] if found else None


def packages_on_sale() -> list[PackageOffer]:
    """All that are on sale, the lowest tier first."""
    return _offers("", [])


def _offers(where: str, values: Sequence[Any]) -> list[PackageOffer]:
    with connection.cursor() as cursor:
        cursor.execute(_PACKAGES.format(where=where), values)
        return [
            PackageOffer(id_, number, title, tier, days, Money(price, currency))
            for id_, number, title, tier, days, price, currency in cursor.fetchall()
        ]
