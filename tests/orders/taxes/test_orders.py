"""Orders with taxes, from the table of rates to the ledger."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError

from catalog.models import DeliveryMethod, Product, TaxRate
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors
from orders.cash import collect_cash
from orders.checks import DeliveryAddress, OrderRefused
from orders.models import Order, RefundKind
from orders.placement import Buyer, place_order
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.taxes.service import TaxAnswer, TaxQuestion, TaxServiceUnavailable
from payments import ledger
from payments.models import Account
from tests import shop as shops
from tests.shop import Article, Shop, Shopper, purchase, send, text_of, written

LONG_AGO = date(2020, 1, 1)


def rate(name: str, country: str, ppm: int, **fields: Any) -> TaxRate:
    """A rate in force."""
    return TaxRate.objects.create(name=name, country=country, rate_ppm=ppm, **{"valid_from": LONG_AGO, **fields})


def buy(
    shopper: Shopper,
    shop: Shop,
    *wanted: tuple[Article, int],
    to: tuple[str, str, str] = ("US", "NY", "10001"),
    **fields: Any,
) -> Order:
    """An order to a country, state and postcode."""
    country, state, postcode = to
    tax_number = fields.pop("tax_number", "")
    anywhere = DeliveryMethod.objects.filter(name="Anywhere").first()
    method = (
        anywhere.pk if anywhere else shops.add_delivery("Anywhere", 1000, cash_on_delivery=True, kinds=shops.ALL_KINDS)
    )
    wish = dataclasses.replace(
        purchase(shopper, method, *wanted, **fields),
        address=DeliveryAddress("1 Main St", "Town", state, postcode, country),
        buyer=Buyer(shopper.user.email, tax_number=tax_number),
    )
    return Order.objects.get(pk=place_order(wish).id)


def levied(order: Order) -> list[list[tuple[str, int]]]:
    """The taxes on each line, then on the delivery."""
    lines = [line.taxes for line in order.lines.order_by("position")]
    return [[(one["name"], one["amount_minor"]) for one in due] for due in (*lines, order.delivery_taxes)]


def test_a_state_a_county_and_a_city_tax_what_goes_to_them_and_nothing_else(shop: Shop, ada: Shopper) -> None:
    rate("New York", "US", 40_000, state="NY")
    rate("New York City", "US", 45_000, state="NY", postcodes="100*")
    rate("California", "US", 72_500, state="CA")
    order = buy(ada, shop, (shop.headphones, 2), to=("US", "New York", "10001"))
    assert levied(order) == [[("New York", 1600), ("New York City", 1800)], [("New York", 40), ("New York City", 45)]]
    assert (order.tax_minor, order.delivery_tax_minor) == (3485, 85)
    assert order.total_minor == 39998 + 3485 + 1000
    assert levied(buy(ada, shop, (shop.cable, 1), to=("US", "ny", "14201"))) == [[("New York", 38)], [("New York", 40)]]
    untaxed = buy(ada, shop, (shop.cable, 1), to=("US", "OR", "97035"))
    assert (untaxed.tax_minor, untaxed.lines.get().zero_reason, untaxed.delivery_zero_reason) == (
        0,
        "not_taxed",
        "not_taxed",
    )


def test_the_most_specific_rate_of_a_name_counts_and_of_one_place_the_latest(shop: Shop, ada: Shopper) -> None:
    rate("Sales tax", "US", 10_000)
    rate("Sales tax", "US", 20_000, state="NY")
    rate("Sales tax", "US", 30_000, state="NY", postcodes="10*")
    rate("Sales tax", "US", 40_000, state="NY", postcodes="100*")
    rate("Sales tax", "US", 50_000, state="NY", postcodes="100*", valid_from=date(2021, 1, 1))
    rate("Sales tax", "US", 60_000, state="NY", postcodes="100*", valid_from=date(2999, 1, 1))
    rate("Sales tax", "US", 70_000, state="NY", postcodes="10001", valid_until=date(2021, 1, 1))
    places = {
        ("US", "NY", "10001"): 50_000,
        ("US", "NY", "10999"): 30_000,
        ("US", "NY", "14201"): 20_000,
        ("US", "TX", "1"): 10_000,
    }
    for to, ppm in places.items():
        assert [one["rate_ppm"] for one in buy(ada, shop, (shop.cable, 1), to=to).lines.get().taxes] == [ppm]


def test_a_rate_ends_with_the_shops_own_day(shop: Shop, ada: Shopper, settings: Any) -> None:
    today = clock.day_in(settings.SHOP_TIME_ZONE)
    rate("Old", "US", 10_000, valid_until=today)
    rate("New", "US", 20_000, valid_from=today)
    assert [one["name"] for one in buy(ada, shop, (shop.cable, 1)).lines.get().taxes] == ["New"]


def test_each_category_has_its_own_rate(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, country="DE")
    rate("VAT", "DE", 190_000)
    rate("VAT", "DE", 70_000, category="reduced")
    rate("VAT", "DE", 0, category="medical", zero_reason="exempt")
    Product.objects.filter(pk=shop.cable.product_id).update(tax_category="reduced")
    Product.objects.filter(pk=shop.flyer.product_id).update(tax_category="medical")
    order = buy(ada, shop, (shop.headphones, 1), (shop.cable, 2), (shop.flyer, 1), to=("DE", "", "10115"))
    assert levied(order) == [[("VAT", 3800)], [("VAT", 133)], [("VAT", 0)], [("VAT", 190)]]
    assert [line.zero_reason for line in order.lines.order_by("position")] == ["", "", "exempt"]


def test_a_business_in_another_member_state_pays_its_tax_itself(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, country="DE")
    rate("VAT", "FR", 200_000)
    order = buy(ada, shop, (shop.headphones, 1), to=("FR", "", "75001"), tax_number="FR40303265045")
    assert (order.tax_minor, order.lines.get().zero_reason, order.delivery_zero_reason) == (0, *["reverse_charge"] * 2)
    assert order.tax_number == "FR40303265045"
    assert buy(ada, shop, (shop.headphones, 1), to=("FR", "", "75001")).tax_minor == 4000 + 200


def test_india_is_taxed_by_the_place_of_supply(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, country="IN", state="KA")
    rate("GST", "IN", 180_000)
    Product.objects.filter(pk=shop.cable.product_id).update(hsn_code="85444299")
    at_home = buy(ada, shop, (shop.cable, 1), to=("IN", "Karnataka", "560001"))
    elsewhere = buy(ada, shop, (shop.cable, 1), to=("IN", "Maharashtra", "400001"))
    assert levied(at_home) == [[("CGST", 86), ("SGST", 86)], [("CGST", 90), ("SGST", 90)]]
    assert levied(elsewhere) == [[("IGST", 171)], [("IGST", 180)]]
    assert at_home.lines.get().hsn_code == "85444299"


def test_a_price_that_has_its_tax_is_the_price(shop: Shop, ada: Shopper) -> None:
    """The tax is no revenue, and what comes back of a line is its price."""
    rate("VAT", "US", 190_000)
    order = buy(ada, shop, (shop.headphones, 2), prices_include_tax=True)
    assert (order.tax_minor, order.delivery_tax_minor, order.total_minor) == (6386 + 160, 160, 39998 + 1000)
    collect_cash(order.pk, amount=order.total, receipt=new_id(), actor=actors.SYSTEM)
    earned = [
        -ledger.balance(order.pk, "USD", account)
        for account in (Account.REVENUE, Account.DELIVERY_REVENUE, Account.TAX_PAYABLE)
    ]
    assert earned == [39998 - 6386, 1000 - 160, 6546]
    refund = request_refund(
        order.pk, RefundWish(RefundKind.LINES, "broken", lines=(LineWish(1, 1),), delivery=True), actor=actors.SYSTEM
    )
    assert (refund.amount_minor, refund.tax_minor, refund.delivery_minor) == (19999 + 1000, 3193 + 160, 1000)
    request_refund(order.pk, RefundWish(RefundKind.LINES, "broken", lines=(LineWish(1, 1),)), actor=actors.SYSTEM)
    order.refresh_from_db()
    assert (order.status, ledger.balance(order.pk, "USD", Account.TAX_PAYABLE)) == ("refunded", 0)


def test_what_was_taxed_stays_as_it_was_taxed(shop: Shop, ada: Shopper) -> None:
    rate("VAT", "US", 190_000)
    order = buy(ada, shop, (shop.cable, 1))
    TaxRate.objects.update(rate_ppm=10)
    order.refresh_from_db()
    assert (order.tax_minor, order.tax_rounding) == (181 + 190, "line_half_up")
    changes: list[dict[str, Any]] = [{"tax_rounding": "total_half_up"}, {"delivery_taxes": []}, {"tax_number": "X"}]
    for change in changes:
        with pytest.raises(IntegrityError):
            Order.objects.filter(pk=order.pk).update(**change)


class Nobody:
    """A service that is down."""

    def quote(self, question: TaxQuestion) -> tuple[TaxAnswer, ...]:
        """Nothing."""
        raise TaxServiceUnavailable


def test_nothing_is_sold_while_nobody_knows_the_taxes(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.TAX_SERVICE = f"{__name__}.Nobody"
    before = written()
    with pytest.raises(TaxServiceUnavailable):
        buy(ada, shop, (shop.cable, 1))
    body = shops.order_body(ada, shop.cash, shops.item(shop.cable))
    response = send("POST", "/api/orders", body, by=ada)
    text = "The taxes of the order cannot be worked out right now, please try again"
    assert (response.status_code, text_of(response), response["Retry-After"]) == (503, text, "5")
    assert Order.objects.count() == 0
    assert {**written(), "catalog_deliverymethod": 0} == {**before, "catalog_deliverymethod": 0}


def test_a_tax_that_no_account_holds_is_refused(shop: Shop, ada: Shopper) -> None:
    rate("Confiscation", "US", 1_000_000)
    dear = shops.add_article("Palace", "PALACE", Money(2**62, "USD").minor, weight_grams=0)
    with pytest.raises(OrderRefused) as refused:
        buy(ada, shop, (dear, 1))
    assert refused.value.first.code == "amount_out_of_range"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_ppm": 1_000_001},
        {"country": "in", "rate_ppm": 2},
        {"country": "IN", "rate_ppm": 1},
        {"rate_ppm": 5, "zero_reason": "exempt"},
        {"valid_until": LONG_AGO},
    ],
)
def test_the_database_refuses_a_rate_that_is_none(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        TaxRate.objects.create(**{"name": "VAT", "country": "DE", "rate_ppm": 2, "valid_from": LONG_AGO, **wrong})
