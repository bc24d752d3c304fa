"""Every fault of a purchase is found, in the documented order, before anything is written."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Product, Variant
from orders.checks import Basket, DeliveryAddress, OrderRefused, WantedItem, Wish, check
from orders.models import PaymentTerms
from tests import shop as shops
from tests.shop import Article, Shop
from tests.statements import statements

UNKNOWN = uuid.UUID(int=7)


def wanted(article: Article, quantity: int = 1, **fields: Any) -> WantedItem:
    """One item by product and variant."""
    given: dict[str, Any] = {"variant_id": article.variant_id, "names_variant": True, **fields}
    return WantedItem(product_id=article.product_id, quantity=quantity, **given)


def check_on_delivery(shop: Shop, *items: WantedItem, country: str = "US", **fields: Any) -> Basket:
    """The basket of an order on delivery to the United States."""
    given: dict[str, Any] = {"delivery_method_id": shop.cash, "terms": PaymentTerms.ON_DELIVERY, "customer_id": UNKNOWN}
    address = DeliveryAddress("123 Main St", "New York", "NY", "10001", country)
    return check(Wish(items=items, address=address, **{**given, **fields}))


def faults(shop: Shop, *items: WantedItem, **fields: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    """Code and place of every fault."""
    with pytest.raises(OrderRefused) as refused:
        check_on_delivery(shop, *items, **fields)
    return [(fault.code, fault.at) for fault in refused.value.faults]


def test_a_good_basket_has_its_lines_at_todays_prices(shop: Shop) -> None:
    basket = check_on_delivery(shop, wanted(shop.headphones, 2), wanted(shop.cable), wanted(shop.cable, 3))
    assert [(line.offer.sku, line.quantity) for line in basket.lines] == [
        ("HEAD-1", 2),
        ("CABLE-1", 1),
        ("CABLE-1", 3),
    ]
    assert basket.quantities() == {shop.headphones.variant_id: 2, shop.cable.variant_id: 4}
    assert (basket.totals.products, basket.totals.delivery, basket.totals.total) == (43798, 500, 44298)


def test_all_faults_are_told_in_documented_order(shop: Shop) -> None:
    credit = shops.add_article("Ten dollars of credit", "CREDIT-10", 1000, kind="credit")
    assert faults(
        shop,
        wanted(shop.cable),
        WantedItem(None, None, False, 1),
        wanted(shop.headphones, variant_id=UNKNOWN),
        WantedItem(shop.shirt, None, False, 1),
        wanted(shop.cable, 0),
        wanted(shop.scarce, 2, unit_price=Decimal("99.99"), discount=Decimal("200.01")),
        wanted(credit),
        delivery_method_id=UNKNOWN,
        coupon_code="NO",
        use_credits=True,
    ) == [
        ("delivery_method_not_found", ("delivery_method",)),
        ("product_not_found", ("items", 1, "product")),
        ("variant_not_found", ("items", 2, "variant")),
        ("variant_missing", ("items", 3, "variant")),
        ("quantity_invalid", ("items", 4, "quantity")),
        ("price_moved", ("items", 5, "unit_price")),
        ("discount_invalid", ("items", 5, "discount")),
        ("stock_short", ("items", 5, "quantity")),
        ("credit_is_bought_alone", ("items",)),
        ("coupon_not_usable", ("coupon",)),
        ("credits_not_usable", ("credits",)),
        ("credit_is_prepaid", ("delivery_method",)),
    ]


def test_nothing_is_no_order(shop: Shop) -> None:
    assert faults(shop) == [("no_items", ("items",))]


def test_every_reason_why_a_method_does_not_fit_is_told(shop: Shop) -> None:
    method = shops.add_delivery("Bicycle", 100, countries=("NL",), max_weight_grams=100)
    with pytest.raises(OrderRefused) as refused:
        check_on_delivery(shop, wanted(shop.sari), wanted(shop.package), delivery_method_id=method)
    assert [(fault.code, fault.facts["why"]) for fault in refused.value.faults] == [
        ("delivery_unfit", why) for why in ("country", "weight", "currency", "kind", "cash_on_delivery")
    ]


def test_a_method_without_countries_goes_everywhere(shop: Shop) -> None:
    prepaid = {"delivery_method_id": shop.express, "terms": PaymentTerms.PREPAID}
    delivery = check_on_delivery(shop, wanted(shop.cable), country="NZ", **prepaid).delivery
    assert delivery is not None
    assert delivery.name == "Express"


def test_a_free_method_of_another_currency_carries_no_order_of_ours(shop: Shop) -> None:
    """One order has one currency, even where delivery costs nothing."""
    free = shops.add_delivery("Free", 0, "EUR", cash_on_delivery=True)
    assert faults(shop, wanted(shop.cable), delivery_method_id=free) == [("delivery_unfit", ("delivery_method",))]


@pytest.mark.parametrize("shown", ["199.99", "199.990", "199.99000"])
def test_a_price_is_the_same_however_many_zeros_it_has(shop: Shop, shown: str) -> None:
    assert check_on_delivery(shop, wanted(shop.headphones, unit_price=Decimal(shown)))


@pytest.mark.parametrize("shown", ["199.98", "200", "-199.99", "0", "19999"])
def test_any_other_price_has_moved(shop: Shop, shown: str) -> None:
    assert faults(shop, wanted(shop.headphones, unit_price=Decimal(shown))) == [
        ("price_moved", ("items", 0, "unit_price"))
    ]


def test_a_variant_without_a_stock_row_is_out_of_stock(shop: Shop) -> None:
    product = Product.objects.create(title="Idea")
    variant = Variant.objects.create(product=product, sku="IDEA", price_minor=1, currency="USD")
    article = Article(product.pk, variant.pk, "Idea", "IDEA", variant.price)
    assert faults(shop, wanted(article)) == [("stock_short", ("items", 0, "quantity"))]


def test_two_statements_however_many_items(shop: Shop) -> None:
    for items in ([wanted(shop.cable)], [wanted(shop.cable), wanted(shop.headphones), wanted(shop.shirt_large)] * 30):
        with statements() as told:
            check_on_delivery(shop, *items)
        assert len(told) == 2
