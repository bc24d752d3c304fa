"""What a buyer is offered right now: prices, stock and ways of delivery, read in one statement each.

This is the hot path of placing an order, hence plain SQL into plain values: building model instances for the same rows
costs several times the query.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from catalog.models import Product, ProductKind
from catalog.taxes import RATES_AT, Place, Rate, rates_of, rates_values
from kit.money import Money


@dataclass(frozen=True, slots=True)
class Offer:
    """An active variant of an active product, at today's price. `rates` are the taxes on it where it is to go."""

    product_id: uuid.UUID
    product_title: str
    kind: str
    variant_id: uuid.UUID
    variant_title: str
    sku: str
    price: Money
    weight_grams: int
    available: int
    tax_category: str
    hsn_code: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class DeliveryOffer:
    """An active way of delivery. `rates` are the taxes on it where it delivers to."""

    id: uuid.UUID
    name: str
    price: Money
    countries: frozenset[str]
    max_weight_grams: int | None
    cash_on_delivery: bool
    kinds: frozenset[str]
    tax_category: str
    rates: tuple[Rate, ...]


_OFFERS = f"""
SELECT p.id, p.title, p.kind, v.id, v.title, v.sku, v.price_minor, v.currency, v.weight_grams,
       coalesce(s.on_hand - s.reserved, 0), p.tax_category, p.hsn_code, {RATES_AT.format(category="p.tax_category")}
FROM (VALUES {{wanted}}) AS wanted (id)
JOIN catalog_product p ON p.id = wanted.id AND p.active
JOIN catalog_variant v ON v.product_id = p.id AND v.active
LEFT JOIN catalog_stock s ON s.variant_id = v.id
ORDER BY v.position, v.sku
"""  # noqa: S608 - constants

_DELIVERY = f"""
SELECT d.id, d.name, d.price_minor, d.currency, d.countries, d.max_weight_grams, d.cash_on_delivery, d.kinds,
       d.tax_category, {RATES_AT.format(category="d.tax_category")}
FROM catalog_deliverymethod d WHERE d.id = %(method)s AND d.active
"""  # noqa: S608 - constants

_AVAILABLE = "SELECT variant_id, on_hand - reserved FROM catalog_stock WHERE variant_id = ANY(%s)"


def find_offers(product_ids: Iterable[uuid.UUID], place: Place) -> dict[uuid.UUID, list[Offer]]:
    """The active variants of each active product, the default one first, with the taxes at a place. A product without
    any is not in the answer."""
    offers: dict[uuid.UUID, list[Offer]] = {}
    wanted = list(product_ids)
    if not wanted:
        return offers
    # Not an array: see `catalog.stock.reserve`.
    rows = ", ".join(f"(%(product{index})s::uuid)" for index in range(len(wanted)))
    values = {**rates_values(place), **{f"product{index}": product_id for index, product_id in enumerate(wanted)}}
    with connection.cursor() as cursor:
        cursor.execute(_OFFERS.format(wanted=rows), values)
        for product_id, title, kind, variant_id, variant, sku, price, currency, *rest in cursor.fetchall():
            weight, available, category, hsn_code, rates = rest
            offer = Offer(
                product_id,
                title,
                kind,
                variant_id,
                variant,
                sku,
                Money(price, currency),
                weight,
                available,
                category,
                hsn_code,
                rates_of(rates),
            )
            offers.setdefault(product_id, []).append(offer)
    return offers


def find_delivery(method_id: uuid.UUID, place: Place) -> DeliveryOffer | None:
    """The delivery method if it exists and is active, with the taxes on it at a place."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERY, {**rates_values(place), "method": method_id})
        row = cursor.fetchone()
    if row is None:
        return None
    id_, name, price, currency, countries, max_weight, cash, kinds, category, rates = row
    return DeliveryOffer(
        id_,
        name,
        Money(price, currency),
        frozenset(countries),
        max_weight,
        cash,
        frozenset(kinds),
        category,
        rates_of(rates),
    )


def are_goods(product_ids: Iterable[uuid.UUID]) -> bool:
    """Whether any of these products has to be carried somewhere. One statement."""
    return Product.objects.filter(pk__in=list(product_ids), kind=ProductKind.PHYSICAL).exists()


def available(variant_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many of each variant can still be sold, as committed now."""
    with connection.cursor() as cursor:
        cursor.execute(_AVAILABLE, [list(variant_ids)])
        return dict(cursor.fetchall())
