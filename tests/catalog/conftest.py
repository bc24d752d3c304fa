"""A small catalogue."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from catalog import stock
from catalog.models import Product, Stock, Variant

MakeProduct = Callable[..., Product]


@pytest.fixture
def api() -> Client:
    """A client that sees what the wire carries: an error is an answer, not an exception."""
    return Client(raise_request_exception=False)


@pytest.fixture
def make_product(db: None) -> MakeProduct:
    """Makes a product from its title and its variants: SKU -> (minor units, currency, available)."""

    def make(title: str, variants: dict[str, tuple[int, str, int]], **fields: object) -> Product:
        product = Product.objects.create(title=title, **fields)
        product.refresh_from_db()
        for position, (sku, (price_minor, currency, available)) in enumerate(variants.items()):
            variant = Variant.objects.create(
                id=uuid.uuid4(),
                product=product,
                sku=sku,
                price_minor=price_minor,
                currency=currency,
                position=position,
                weight_grams=250,
            )
            Stock.objects.create(variant=variant)
            stock.count(variant_id=variant.pk, change=available, reason="delivery", source_id=uuid.uuid4())
        return product

    return make
