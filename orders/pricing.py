"""What an order costs: a pure function of what is bought. Nothing here reads the clock or the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.money import Money, MoneyError, allocate


@dataclass(frozen=True, slots=True)
class PricedItem:
    """One line to be priced; tax is what the line bears in all, minor units, added to its price."""

    unit_price: Money
    quantity: int
    tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """An order's amounts in minor units; `discounts` is the discount of each line, in the lines' order."""

    currency: str
    products: int
    discount: int
    tax: int
    delivery: int
    credits: int
    total: int
    discounts: tuple[int, ...]


def price(items: Sequence[PricedItem], *, delivery: Money, discount_minor: int = 0, credits_minor: int = 0) -> Totals:
    """Totals of an order: products - discount + tax + delivery - credits, exact, none of them negative.

    The discount is spread over the lines by their amounts, to the last unit, and never exceeds them. Credits never
    exceed what is left. Raises MoneyError on mixed currencies, negative amounts and sums that no bigint holds.
    """
    currency = delivery.currency
    amounts = [(item.unit_price * item.quantity).minor for item in items]
    if any(item.unit_price.currency != currency for item in items):
        raise MoneyError("one order has one currency")
    if not items or discount_minor < 0 or credits_minor < 0 or any(item.quantity < 1 for item in items):
        raise MoneyError("an order has lines of at least one piece, and no negative discount or credits")
    products = sum(amounts)
    discount = min(discount_minor, products)
    tax = sum(item.tax_minor for item in items)
    due = Money(products - discount + tax + delivery.minor, currency).minor
    spent = min(credits_minor, due)
    return Totals(
        currency=currency,
        products=products,
        discount=discount,
        tax=tax,
        delivery=delivery.minor,
        credits=spent,
        total=due - spent,
        discounts=tuple(allocate(discount, amounts)),
    )
