"""Placing: all rows of an order, or none."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from catalog.models import Product, StockMovement, Variant
from customers.models import Customer
from orders.checks import OrderRefused
from orders.models import Notice, Order, PaymentTerms
from orders.placement import place_order
from payments.models import PaymentRequest
from tests import shop as shops
from tests.shop import Shop, Shopper, place, purchase, written
from tests.statements import statements


def test_an_order_is_written_with_everything_that_belongs_to_it(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.headphones, 2), (shop.shirt_large, 1), notes="ring twice")
    assert (order.status, order.fulfilment, order.payment_terms) == ("payment_pending", "unfulfilled", "on_delivery")
    assert (order.products_minor, order.delivery_minor, order.total_minor) == (42198, 500, 42698)
    assert (order.email, order.delivery_name, order.dialect) == ("ada@example.com", "Cash on delivery", "storefront")
    assert (order.reservation_id, order.expires_at) == (order.pk, None)
    lines = order.lines.values_list("position", "sku", "title", "variant_title", "quantity", "unit_price_minor")
    assert list(lines) == [
        (1, "HEAD-1", "Premium Headphones", "", 2, 19999),
        (2, "SHIRT-L", "T-Shirt", "SHIRT-L", 1, 2200),
    ]
    (placed,) = order.history.all()
    assert (placed.event, placed.from_status, placed.to_status) == ("placed", "", "payment_pending")
    assert (placed.actor_kind, placed.actor_id) == ("customer", ada.user.pk)
    request = PaymentRequest.objects.get(subject_id=order.pk)
    assert (request.gateway, request.state, request.amount_minor, request.currency) == ("offline", "open", 42698, "USD")
    moved = StockMovement.objects.filter(source_id=order.pk).values_list("kind", "reserved_change")
    assert sorted(moved) == [("reserved", 1), ("reserved", 2)]
    assert (shops.left(shop.headphones), shops.left(shop.shirt_large), shops.left(shop.shirt_small)) == (998, 999, 1000)
    assert Notice.objects.get().order_id == order.pk


def test_a_prepaid_order_waits_for_its_payment_and_no_mail_is_due(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    assert order.expires_at == order.placed_at + settings.ORDER_EXPIRES_AFTER
    assert PaymentRequest.objects.get().state == "initiated"
    assert not Notice.objects.exists()


def test_numbers_go_up(shop: Shop, ada: Shopper) -> None:
    numbers = [place(ada, shop.cash, (shop.cable, 1)).number for _ in range(3)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_what_the_shop_says_later_changes_no_order(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    Variant.objects.update(price_minor=1, sku=Concat(F("sku"), Value("-OLD")))
    Product.objects.update(title="Renamed")
    Customer.objects.update(first_name="Eve")
    order.refresh_from_db()
    assert (order.total_minor, order.lines.get().title, order.lines.get().sku) == (1450, "Cable", "CABLE-1")


@pytest.mark.parametrize(
    "change",
    [{"delivery_method_id": None}, {"items": ()}, {"coupon_code": "X"}],
    ids=["no delivery method", "no items", "coupon"],
)
def test_a_refusal_writes_nothing(shop: Shop, ada: Shopper, change: dict[str, Any]) -> None:
    before = written()
    with pytest.raises(OrderRefused):
        place_order(dataclasses.replace(purchase(ada, shop.cash, (shop.cable, 1)), **change))
    assert written() == before


def test_what_is_sold_while_we_look_is_told_and_takes_everything_back(shop: Shop, ada: Shopper) -> None:
    """Between check and reservation somebody else buys: the trigger plays that other buyer."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION sell_meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE catalog_stock SET on_hand = 0 WHERE variant_id = '{shop.scarce.variant_id}'; RETURN NULL; END $$;
            CREATE TRIGGER sell_meanwhile AFTER INSERT ON orders_order EXECUTE FUNCTION sell_meanwhile()
            """
        )
    try:
        before = written()
        with pytest.raises(OrderRefused) as refused:
            place(ada, shop.cash, (shop.cable, 5), (shop.scarce, 1))
        (fault,) = refused.value.faults
        assert (fault.code, fault.at) == ("stock_short", ("items", 1, "quantity"))
        # The sale by the trigger was rolled back with the order; still nobody is told that there is enough.
        assert (fault.facts["available"], fault.facts["requested"]) == (0, 1)
        assert written() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER sell_meanwhile ON orders_order; DROP FUNCTION sell_meanwhile()")


def test_one_placement_key_places_one_order(shop: Shop, ada: Shopper) -> None:
    key = uuid.uuid4()
    place(ada, shop.cash, (shop.cable, 1), placement_key=key)
    before = written()
    with pytest.raises(IntegrityError):
        place(ada, shop.cash, (shop.cable, 1), placement_key=key)
    assert written() == before


def test_an_error_on_the_way_leaves_nothing(shop: Shop, ada: Shopper) -> None:
    before = written()
    with pytest.raises(DatabaseError):
        place(ada, shop.express, (shop.cable, 1), country="not a country", terms=PaymentTerms.PREPAID)
    assert written() == before


def test_placing_is_no_part_of_another_transaction(shop: Shop, ada: Shopper) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        place(ada, shop.cash, (shop.cable, 1))
    assert not Order.objects.exists()


def test_placing_is_six_statements(shop: Shop, ada: Shopper) -> None:
    """Two checks, BEGIN, the order with its payment request, its stock, COMMIT."""
    for lines in (1, 40):
        wanted = purchase(ada, shop.cash, *[(shop.cable, 1)] * lines)
        with statements() as told:
            place_order(wanted)
        assert len(told) == 6, told
