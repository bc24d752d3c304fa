"""What is on sale, edited by those who decide it; stock, counted and never typed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from catalog.models import DeliveryMethod, Product, Stock, StockMovement, Variant
from tests import shop
from tests.admin.conftest import SignIn, cash_order, messages_of
from tests.shop import Article, Shop, Shopper

ADD = "/admin/catalog/product/add/"


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who decides what is on sale."""
    return sign_in("catalogue")


def _variants(*rows: dict[str, Any], known: int = 0) -> dict[str, Any]:
    typed = {"variants-TOTAL_FORMS": len(rows), "variants-INITIAL_FORMS": known}
    for index, row in enumerate(rows):
        filled = {"title": "", "currency": "USD", "weight_grams": "100", "position": index, "active": "on", **row}
        typed |= {f"variants-{index}-{name}": value for name, value in filled.items()}
    return typed


def _product(**fields: Any) -> dict[str, Any]:
    product = {"title": "Mug", "description": "", "kind": "physical", "tax_category": "standard", "active": "on"}
    return {**product, **fields}


def _change(article: Article) -> str:
    return f"/admin/catalog/product/{article.product_id}/change/"


def test_a_product_comes_with_its_variants_and_their_stock(clerk: Client) -> None:
    rows = _variants({"sku": "MUG-R", "price": "12.50"}, {"sku": "MUG-B", "price": "1500", "currency": "JPY"})
    response = clerk.post(ADD, _product(**rows), follow=True)
    assert response.redirect_chain == [("/admin/catalog/product/", 302)], response.context["errors"]
    prices = {variant.sku: (variant.price_minor, variant.currency) for variant in Variant.objects.all()}
    assert prices == {"MUG-R": (1250, "USD"), "MUG-B": (1500, "JPY")}
    assert [(row.on_hand, row.reserved) for row in Stock.objects.all()] == [(0, 0), (0, 0)]
    assert LogEntry.objects.get().get_change_message() == ("Added. Added variant “MUG-R”. Added variant “MUG-B”.")


@pytest.mark.parametrize(
    ("price", "currency"),
    [
        ("1.234", "USD"),
        ("1.5", "JPY"),
        ("-1", "USD"),
        ("abc", "USD"),
        ("1e3", "USD"),
        ("NaN", "USD"),
        ("9" * 25, "USD"),
        ("", "USD"),
        ("1,50", "EUR"),
        ("1.00", "XXX"),
    ],
)
def test_a_price_that_its_currency_cannot_hold_is_refused(price: str, currency: str, clerk: Client) -> None:
    rows = _variants({"sku": "MUG", "price": price, "currency": currency})
    assert clerk.post(ADD, _product(**rows)).status_code == 200
    assert not Product.objects.exists()


def test_a_product_without_a_variant_is_refused(clerk: Client) -> None:
    assert clerk.post(ADD, _product(**_variants())).status_code == 200
    assert not Product.objects.exists()


def test_a_price_changes_for_the_future_and_the_kind_never(clerk: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    row = {
        "id": str(goods.cable.variant_id),
        "product": str(goods.cable.product_id),
        "sku": "CABLE-1",
        "price": "10.25",
    }
    typed = _product(title="Long cable", kind="flyer", **_variants(row, known=1))
    assert clerk.post(_change(goods.cable), typed).status_code == 302
    product = Product.objects.get(pk=goods.cable.product_id)
    assert (product.title, product.kind) == ("Long cable", "physical")
    assert Variant.objects.get(sku="CABLE-1").price_minor == 1025
    line = order.lines.get()
    assert (line.title, line.unit_price_minor) == ("Cable", 950)
    assert shop.left(goods.cable) == 999


def test_a_variant_is_not_deleted_but_switched_off(clerk: Client, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    row = {"id": str(goods.cable.variant_id), "product": str(goods.cable.product_id), "sku": "CABLE-1", "price": "9.50"}
    row |= {"DELETE": "on", "active": ""}
    assert clerk.post(_change(goods.cable), _product(**_variants(row, known=1))).status_code == 302
    assert Variant.objects.get(sku="CABLE-1").active is False


def test_those_who_may_only_look_change_nothing(sign_in: SignIn, goods: Shop) -> None:
    row = {"id": str(goods.cable.variant_id), "product": str(goods.cable.product_id), "sku": "CABLE-1", "price": "0.01"}
    typed = _product(**_variants(row, known=1))
    assert sign_in("support").post(_change(goods.cable), typed).status_code == 403
    assert Variant.objects.get(sku="CABLE-1").price_minor == 950


def test_products_are_found_by_word_sku_and_number(clerk: Client, goods: Shop) -> None:
    product = Product.objects.get(pk=goods.headphones.product_id)
    for text in ("premium", "Headph", "HEAD-1", str(product.number)):
        rows = clerk.get("/admin/catalog/product/", {"q": text}).context["cl"].result_list
        assert [row.pk for row in rows] == [product.pk], text
    for text in ("HEAD", "premium headphones"):
        rows = clerk.get("/admin/catalog/stock/", {"q": text}).context["cl"].result_list
        assert [row.pk for row in rows] == [goods.headphones.variant_id], text


# --- stock ----------------------------------------------------------------------------------------------------------


def _count(article: Article) -> str:
    return f"/admin/catalog/stock/{article.variant_id}/count/"


def test_a_count_is_recorded_once_with_its_reason_and_by_whom(clerk: Client, goods: Shop) -> None:
    receipt = clerk.get(_count(goods.cable)).context["form"]["receipt"].value()
    typed = {"change": "-3", "reason": "Water damage", "receipt": str(receipt)}
    first, second = (clerk.post(_count(goods.cable), typed, follow=True) for _ in range(2))
    assert messages_of(first) == ["The count is recorded: -3 of CABLE-1."]
    assert messages_of(second) == ["This count was recorded already."]
    assert shop.left(goods.cable) == 997
    movement = StockMovement.objects.get(source_id=receipt)
    assert (movement.kind, movement.on_hand_change, movement.reason) == ("written_off", -3, "Water damage")
    entry = LogEntry.objects.select_related("user").get()
    assert (entry.user.email, entry.change_message) == ("catalogue@example.com", "Counted -3: Water damage")


@pytest.mark.parametrize(
    "typed",
    [
        {"change": "0", "reason": "x"},
        {"change": "1", "reason": ""},
        {"change": "", "reason": "x"},
        {"change": "1.5", "reason": "x"},
        {"change": "9999999999", "reason": "x"},
        {"change": "-1001", "reason": "x"},
        {"change": "1", "reason": "x", "receipt": "nonsense"},
        {"change": "1", "reason": "a\0b"},
    ],
)
def test_a_count_that_cannot_be_is_refused(typed: dict[str, str], clerk: Client, goods: Shop) -> None:
    before = shop.written()
    assert clerk.post(_count(goods.cable), {"receipt": str(uuid.uuid4()), **typed}).status_code == 200
    assert shop.written() == before
    assert not LogEntry.objects.exists()


def test_what_orders_have_reserved_is_not_written_off(clerk: Client, ada: Shopper, goods: Shop) -> None:
    shop.place(ada, goods.cash, (goods.scarce, 1))
    typed = {"change": "-1", "reason": "Broken", "receipt": str(uuid.uuid4())}
    response = clerk.post(_count(goods.scarce), typed)
    assert "More would be gone than is free" in response.content.decode()
    assert Stock.objects.get(pk=goods.scarce.variant_id).on_hand == 1


# --- delivery -------------------------------------------------------------------------------------------------------


def _method(**fields: Any) -> dict[str, Any]:
    method = {"name": "Bicycle", "price": "3.20", "currency": "EUR", "countries": "Germany, at; FR", "position": "0"}
    return {**method, "kinds": ["physical"], "tax_category": "standard", "active": "on", **fields}


def test_a_delivery_method_takes_countries_as_people_write_them(clerk: Client) -> None:
    assert clerk.post("/admin/catalog/deliverymethod/add/", _method()).status_code == 302
    method = DeliveryMethod.objects.get()
    assert (method.price_minor, method.currency, method.countries) == (320, "EUR", ["DE", "AT", "FR"])
    content = clerk.get(f"/admin/catalog/deliverymethod/{method.pk}/change/").content.decode()
    assert 'value="DE, AT, FR"' in content
    assert 'value="3.20"' in content


@pytest.mark.parametrize(
    "fields",
    [
        {"countries": "Atlantis"},
        {"price": "3.201"},
        {"price": "-1"},
        {"kinds": []},
        {"kinds": ["boats"]},
        {"currency": "XXX"},
        {"name": ""},
        {"max_weight_grams": "-1"},
        {"countries": "DE\0"},
    ],
)
def test_a_delivery_method_that_cannot_be_is_refused(fields: dict[str, Any], clerk: Client) -> None:
    assert clerk.post("/admin/catalog/deliverymethod/add/", _method(**fields)).status_code == 200
    assert not DeliveryMethod.objects.exists()
