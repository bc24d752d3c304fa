"""The walls of the database behind the catalogue's rules."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.models import DeliveryMethod, Product, Stock, StockMovement, Variant
from kit.money import Money
from tests.catalog.conftest import MakeProduct


@pytest.fixture
def movement(make_product: MakeProduct) -> StockMovement:
    """Goods that came in."""
    make_product("Tea", {"TEA": (1200, "JPY", 5)})
    return StockMovement.objects.get()


@pytest.mark.parametrize(
    ("statement", "act"),
    [
        ("UPDATE catalog_stockmovement SET reason = 'x'", "UPDATE"),
        ("DELETE FROM catalog_stockmovement", "DELETE"),
        ("TRUNCATE catalog_stockmovement", "TRUNCATE"),
    ],
)
def test_a_movement_of_stock_is_written_once_and_stays(movement: StockMovement, statement: str, act: str) -> None:
    before = StockMovement.objects.values().get()
    refused = pytest.raises(IntegrityError, match=f"catalog_stockmovement is append-only: {act} is refused")
    with connection.cursor() as cursor, refused:
        cursor.execute(statement)
    assert StockMovement.objects.values().get() == before


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "received", "on_hand_change": -1, "reserved_change": 0},
        {"kind": "received", "on_hand_change": 0, "reserved_change": 0},
        {"kind": "written_off", "on_hand_change": 1, "reserved_change": 0},
        {"kind": "reserved", "on_hand_change": 1, "reserved_change": 1},
        {"kind": "released", "on_hand_change": 0, "reserved_change": 1},
        {"kind": "sent", "on_hand_change": -1, "reserved_change": -2},
        {"kind": "lost", "on_hand_change": -1, "reserved_change": 0},
    ],
)
def test_a_movement_moves_what_its_kind_says(movement: StockMovement, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StockMovement.objects.create(variant=movement.variant, source_id=uuid.uuid4(), **values)
    assert StockMovement.objects.count() == 1


def test_one_source_moves_a_variant_once_in_each_way(movement: StockMovement) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StockMovement.objects.create(
            variant=movement.variant,
            kind="received",
            on_hand_change=1,
            reserved_change=0,
            source_id=movement.source_id,
        )
    assert StockMovement.objects.count() == 1


@pytest.mark.parametrize(("on_hand", "reserved"), [(-1, 0), (0, -1), (1, 2)])
def test_stock_is_never_negative_and_never_oversold(make_product: MakeProduct, on_hand: int, reserved: int) -> None:
    stock = Stock.objects.get(variant=make_product("Tea", {"TEA": (1200, "JPY", 1)}).variants.get())
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.filter(pk=stock.pk).update(on_hand=on_hand, reserved=reserved)
    stock.refresh_from_db()
    assert stock.available == 1


def test_products_variants_and_methods_have_sane_values(make_product: MakeProduct) -> None:
    product = make_product("Tea", {"TEA": (1200, "JPY", 1)})
    bad = (
        lambda: Product.objects.create(title=""),
        lambda: Product.objects.create(title="x", kind="gas"),
        lambda: Variant.objects.create(product=product, sku="N", price_minor=-1, currency="JPY"),
        lambda: Variant.objects.create(product=product, sku="C", price_minor=1, currency="jpy"),
        lambda: Variant.objects.create(product=product, sku="TEA", price_minor=1, currency="JPY"),
        lambda: DeliveryMethod.objects.create(name="x", price_minor=-1, currency="USD", kinds=["physical"]),
        lambda: DeliveryMethod.objects.create(name="x", price_minor=1, currency="USD", kinds=[]),
    )
    for act in bad:
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    assert (Product.objects.count(), Variant.objects.count(), DeliveryMethod.objects.count()) == (1, 1, 0)


def test_a_price_is_money(make_product: MakeProduct) -> None:
    assert make_product("Tea", {"TEA": (1200, "JPY", 1)}).variants.get().price == Money(1200, "JPY")


def test_stock_rows_leave_room_for_their_next_version(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'catalog_stock'")
        assert cursor.fetchone() == (["fillfactor=70"],)
