"""What an order costs: a pure function of what is bought. Nothing here reads the clock or the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.money import Money, MoneyError


@dataclass(frozen=True, slots=True)
class PricedItem:
    """One line to be priced. Minor units: what is taken off the whole line, and the tax that it bears after that."""

    unit_price: Money
    quantity: int
    discount_minor: int = 0
    tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """An order's amounts in minor units."""

    currency: str
    products: int
    discount: int
    tax: int
    delivery: int
    credits: int
    total: int


def price(
    items: Sequence[PricedItem],
    *,
    delivery: Money,
    delivery_tax_minor: int = 0,
    tax_is_included: bool = False,
    credits_minor: int = 0,
) -> Totals:
    """Totals of an order: products - discount + tax + delivery - credits, exact, none of them negative; the tax is left
    out where the prices include it.

    Credits never exceed what is left to pay. Raises MoneyError on mixed currencies, negative amounts, a line that is
    discounted by more than it costs, and sums that no bigint holds.
    """
    currency = delivery.currency
    amounts = [(item.unit_price * item.quantity).minor for item in items]
    if any(item.unit_price.currency != currency for item in items):
        raise MoneyError("one order has one currency")
    if not items or credits_minor < 0 or any(item.quantity < 1 for item in items):
        raise MoneyError("an order has lines of at least one piece, and no negative credits")
    if any(not 0 <= item.discount_minor <= amount for item, amount in zip(items, amounts, strict=True)):
        raise MoneyError("a line is discounted by what it costs at most")
    products = sum(amounts)
    discount = sum(item.discount_minor for item in items)
    tax = sum(item.tax_minor for item in items) + delivery_tax_minor
    due = Money(products - discount + (0 if tax_is_included else tax) + delivery.minor, currency).minor
    spent = min(credits_minor, due)
    return Totals(
        currency=currency,
        products=products,
        discount=discount,
        tax=tax,
        delivery=delivery.minor,
        credits=spent,
        total=due - spent,
    )
