"""What a buyer is offered right now: prices, stock and ways of delivery, read in one statement each.

This is the hot path of placing an order, hence plain SQL into plain values: building model instances for the same rows
costs several times the query.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from kit.money import Money


@dataclass(frozen=True, slots=True)
class Offer:
    """An active variant of an active product, at today's price."""

    product_id: uuid.UUID
    product_title: str
    kind: str
    variant_id: uuid.UUID
    variant_title: str
    sku: str
    price: Money
    weight_grams: int
    available: int


@dataclass(frozen=True, slots=True)
class DeliveryOffer:
    """An active way of delivery."""

    id: uuid.UUID
    name: str
    price: Money
    countries: frozenset[str]
    max_weight_grams: int | None
    cash_on_delivery: bool
    kinds: frozenset[str]


_OFFERS = """
SELECT p.id, p.title, p.kind, v.id, v.title, v.sku, v.price_minor, v.currency, v.weight_grams,
       coalesce(s.on_hand - s.reserved, 0)
FROM (VALUES {wanted}) AS wanted (id)
JOIN catalog_product p ON p.id = wanted.id AND p.active
JOIN catalog_variant v ON v.product_id = p.id AND v.active
LEFT JOIN catalog_stock s ON s.variant_id = v.id
ORDER BY v.position, v.sku
"""

_DELIVERY = """
SELECT id, name, price_minor, currency, countries, max_weight_grams, cash_on_delivery, kinds
FROM catalog_deliverymethod WHERE id = %s AND active
"""

_AVAILABLE = "SELECT variant_id, on_hand - reserved FROM catalog_stock WHERE variant_id = ANY(%s)"


def find_offers(product_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Offer]]:
    """The active variants of each active product, the default one first. A product without any is not in the answer."""
    offers: dict[uuid.UUID, list[Offer]] = {}
    wanted = list(product_ids)
    if not wanted:
        return offers
    # Not an array: see `catalog.stock.reserve`.
    statement = _OFFERS.format(wanted=", ".join(["(%s::uuid)"] * len(wanted)))
    with connection.cursor() as cursor:
        cursor.execute(statement, wanted)
        for product_id, title, kind, variant_id, variant, sku, price, currency, weight, available in cursor.fetchall():
            offer = Offer(product_id, title, kind, variant_id, variant, sku, Money(price, currency), weight, available)
            offers.setdefault(product_id, []).append(offer)
    return offers


def find_delivery(method_id: uuid.UUID) -> DeliveryOffer | None:
    """The delivery method if it exists and is active."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERY, [method_id])
        row = cursor.fetchone()
    if row is None:
        return None
    id_, name, price, currency, countries, max_weight, cash, kinds = row
    return DeliveryOffer(id_, name, Money(price, currency), frozenset(countries), max_weight, cash, frozenset(kinds))


def available(variant_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many of each variant can still be sold, as committed now."""
    with connection.cursor() as cursor:
        cursor.execute(_AVAILABLE, [list(variant_ids)])
        return dict(cursor.fetchall())
