"""Discounts, taxes, credits and refunds of random orders sum to the cent: 10,000 by the pure functions alone, some
hundreds of them through the database, the ledger and back.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import date
from random import Random
from typing import Any

import pytest

from catalog.models import TaxRate
from catalog.taxes import Rate
from kit import clock
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders import actors, pricing
from orders.cash import collect_cash
from orders.coupons.finding import CouponDiscount, CouponLine, CouponOffer, discount_of
from orders.models import Coupon, CouponCode, CouponKind, Order, OrderRefund, RefundKind
from orders.pricing import PricedItem, Totals
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.returns.shares import LineRest, Parts, cut_down, line_share
from orders.taxes.arithmetic import Levy, TaxRounding, levy
from payments import ledger
from payments.ledger import SaleBalances
from tests import shop as shops
from tests.orders.credits.wallet import booked, grant, spendable
from tests.shop import Article, Shop, Shopper, place

ORDERS, PLACED, SEED, SHARDS = 10_000, 240, 2026, 4
CURRENCIES = ("USD", "JPY", "KWD", "INR")


# --- by the pure functions ------------------------------------------------------------------------------------------


def offer(random: Random, currency: str) -> CouponOffer:
    """Some coupon, for anybody and anything."""
    kind = random.choice(list(CouponKind))
    return CouponOffer(
        coupon_id=new_id(),
        code_id=1,
        code="RANDOM",
        kind=kind,
        percent_ppm=random.randint(1, 1_000_000) if kind == CouponKind.PERCENT else None,
        amount_minor=random.randint(1, 50_000) if kind == CouponKind.AMOUNT else None,
        currency=currency,
        frees_delivery=random.random() < 0.3,
        minimum_minor=0,
        kinds=frozenset(random.sample(["physical", "flyer"], random.randint(0, 1))),
        products=frozenset(),
        starts_at=None,
        ends_at=None,
        active=True,
        left=None,
        left_of_code=None,
        left_for_customer=None,
        budget_left_minor=None,
    )


class Priced:
    """A random order as placing it works it out."""

    def __init__(self, random: Random) -> None:
        self.currency = random.choice(CURRENCIES)
        self.included = random.random() < 0.5
        count = random.randint(1, 6)
        self.quantities = [random.randint(1, 5) for _ in range(count)]
        self.prices = [random.choice([0, 1, 7, 99, 950, 19_999, random.randint(0, 300_000)]) for _ in range(count)]
        amounts = [price * pieces for price, pieces in zip(self.prices, self.quantities, strict=True)]
        lines = [CouponLine(new_id(), random.choice(["physical", "flyer"]), amount) for amount in amounts]
        charge = Money(random.choice([0, 500, random.randint(1, 9_999)]), self.currency)
        taken = discount_of(offer(random, self.currency), lines, delivery=charge, now=clock.now())
        self.coupon = taken if isinstance(taken, CouponDiscount) else None
        self.discounts = list(self.coupon.lines) if self.coupon else [0] * count
        self.delivery = charge.minor - (self.coupon.delivery if self.coupon else 0)
        rates = tuple(Rate(f"Tax {n}", random.randint(0, 280_000)) for n in range(random.randint(0, 3)))
        paid = [amount - less for amount, less in zip(amounts, self.discounts, strict=True)]
        rounding = random.choice(list(TaxRounding))
        self.levies = levy([*paid, self.delivery], [rates] * (count + 1), included=self.included, rounding=rounding)
        *self.taxes, self.delivery_tax = [_sum(one) for one in self.levies]
        self.totals: Totals = pricing.price(
            [
                PricedItem(Money(price, self.currency), pieces, less, tax)
                for price, pieces, less, tax in zip(
                    self.prices, self.quantities, self.discounts, self.taxes, strict=True
                )
            ],
            delivery=Money(self.delivery, self.currency),
            delivery_tax_minor=self.delivery_tax,
            tax_is_included=self.included,
            credits_minor=random.choice([0, random.randint(0, 400_000)]),
        )
        self.amounts = amounts

    @property
    def worth(self) -> int:
        """What it was paid with, in money and credits."""
        return self.totals.total + self.totals.credits


def _sum(levies: tuple[Levy, ...]) -> int:
    return sum(one.amount_minor for one in levies)


def give_all_back(random: Random, order: Priced) -> tuple[int, int]:
    """What goes back in all, and the tax in it, if an order is given back in random pieces, some for less than they are
    worth, and then the rest."""
    left = {
        index: LineRest(pieces, price, less, tax, order.included)
        for index, (pieces, price, less, tax) in enumerate(
            zip(order.quantities, order.prices, order.discounts, order.taxes, strict=True)
        )
    }
    delivery = order.delivery + (0 if order.included else order.delivery_tax)
    money, tax = order.worth, order.totals.tax
    back = taxed = 0
    while left:
        index = random.choice(list(left))
        rest = left[index]
        pieces = random.randint(1, rest.quantity)
        share = line_share(rest, pieces)
        whole = share.amount_minor
        given = random.randint(0, whole) if random.random() < 0.2 else whole
        parts = cut_down(Parts((whole,), 0, share.tax_minor), given)
        assert parts.amount == given
        part = SaleBalances(surplus=0, sale=money, tax=tax).tax_share(given, settled_minor=parts.tax)
        assert 0 <= part <= given or not tax
        money, tax, back, taxed = money - given, tax - part, back + given, taxed + part
        if pieces == rest.quantity:
            del left[index]
        else:
            left[index] = LineRest(
                rest.quantity - pieces,
                rest.unit_price_minor,
                rest.discount_minor - share.discount_minor,
                rest.tax_minor - share.tax_minor,
                order.included,
            )
    assert money >= delivery
    part = SaleBalances(surplus=0, sale=money, tax=tax).tax_share(money)
    return back + money, taxed + part


@pytest.mark.parametrize("shard", range(SHARDS))
def test_ten_thousand_orders_sum_to_the_cent(shard: int) -> None:
    random = Random(SEED + shard)
    discounted = taxed = covered = 0
    for _ in range(ORDERS // SHARDS):
        order = Priced(random)
        totals = order.totals
        tax = sum(order.taxes) + order.delivery_tax
        assert totals.products == sum(order.amounts)
        assert totals.discount == sum(order.discounts)
        assert (totals.tax, totals.delivery) == (tax, order.delivery)
        added = 0 if order.included else tax
        assert totals.total + totals.credits == totals.products - totals.discount + added + totals.delivery
        assert min(totals.total, totals.credits, totals.delivery, *order.taxes, *order.discounts) >= 0
        if order.coupon is not None:
            assert order.coupon.total == sum(order.discounts) + order.coupon.delivery
            assert all(less <= for_it for less, for_it in zip(order.discounts, order.coupon.eligible, strict=True))
        assert give_all_back(random, order) == (order.worth, totals.tax if order.worth else 0)
        discounted += totals.discount > 0
        taxed += tax > 0
        covered += order.worth > 0 == totals.total
    # The orders are of all kinds.
    assert min(discounted, taxed, covered) > ORDERS // SHARDS // 50


# --- through the database -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shard", range(SHARDS))
def test_orders_that_are_placed_paid_and_given_back_leave_nothing(
    shop: Shop, ada: Shopper, shard: int, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = {}
    random = Random(SEED + shard)
    for name, ppm in (("State", 62_500), ("City", 8_875)):
        TaxRate.objects.create(
            name=name, country="US", state="NY", rate_ppm=ppm, valid_from=date(2020, 1, 1), category="standard"
        )
    goods: list[Article] = [shop.headphones, shop.cable, shop.shirt_small, shop.shirt_large]
    coupon = Coupon.objects.create(name="Third", kind="percent", percent_ppm=333_333)
    CouponCode.objects.create(coupon=coupon, code="THIRD")
    delivery = shops.add_delivery("Cheap", 799, cash_on_delivery=True)
    given = 0
    for number in range(PLACED // SHARDS):
        if random.random() < 0.6:
            grant(ada, amount := random.randint(1, 20_000), days=random.choice([None, 9]))
            given += amount
        order = place(
            ada,
            delivery,
            *((article, random.randint(1, 3)) for article in random.sample(goods, random.randint(1, 4))),
            coupon_code=random.choice([None, "THIRD"]),
            use_credits=random.random() < 0.7,
            prices_include_tax=bool(number % 2),
        )
        if order.total_minor:
            collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
        _give_all_back(random, order)
        order.refresh_from_db()
        assert (order.status, order.refunded_minor, order.credits_returned_minor) == (
            "refunded",
            order.total_minor,
            order.credits_minor,
        )
        _assert_nothing_is_left(order)
        _assert_each_refund_has_its_note(order)
    assert spendable(ada) == given


def _give_all_back(random: Random, order: Order) -> None:
    """By pieces, amounts, and then the rest."""
    lines = {line.position: line.quantity for line in order.lines.all()}
    for _ in range(random.randint(0, 3)):
        position = random.choice(list(lines))
        wish = RefundWish(RefundKind.LINES, "returned", lines=(LineWish(position, 1),), delivery=random.random() < 0.3)
        if random.random() < 0.4:
            wish = RefundWish(RefundKind.PARTIAL, "late", Money(random.randint(1, 3000), "USD"))
        # What is not left is refused, and tried no more.
        with suppress(DomainError):
            request_refund(order.pk, wish, actor=actors.SYSTEM)
    if Order.objects.get(pk=order.pk).status != "refunded":
        request_refund(order.pk, RefundWish(RefundKind.FULL, "all"), actor=actors.SYSTEM)


def _assert_nothing_is_left(order: Order) -> None:
    """Income less what was given back of it is nothing, and no tax of it is owed."""
    stands = booked(order.pk)
    income = sum(stands.pop(name.value, 0) for name in ledger.SALE_ACCOUNTS if name.value not in ("tax_payable",))
    assert (income, stands) == (0, {})


def _assert_each_refund_has_its_note(order: Order) -> None:
    """The notes come to the invoice, with its tax; and are as many as the refunds, whatever these were paid in."""
    invoice = order.invoices.get(kind="invoice")
    notes = list(order.invoices.filter(kind="credit_note").values_list("total_minor", "tax_minor"))
    assert (invoice.total_minor, invoice.tax_minor) == (order.total_minor + order.credits_minor, order.tax_minor)
    assert (sum(total for total, _ in notes), sum(tax for _, tax in notes)) == (invoice.total_minor, invoice.tax_minor)
    assert len(notes) == OrderRefund.objects.filter(order=order).count() == order.invoices.count() - 1
