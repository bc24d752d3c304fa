"""Everything that can be wrong with a purchase, found before anything is written. Reads only.

Every fault is reported, in the documented order: delivery method; for each item in turn product, variant, quantity,
price, stock; coupon; credits; then how the delivery method fits. A dialect that answers with one fault takes the first.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from catalog import offers
from catalog.offers import DeliveryOffer, Offer
from kit.errors import DomainError, Fault
from kit.money import Money, MoneyError
from orders import pricing
from orders.models import PaymentTerms


class OrderRefused(DomainError):
    """The order cannot be placed as asked; nothing was written."""


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One item as the buyer asks for it. What cannot be an id arrives as None and is then simply not found.

    `quantity` below 1 stands for anything that is not a whole number of at least one. `unit_price`, major units, is
    the price the buyer was shown, if they say so.
    """

    product_id: uuid.UUID | None
    variant_id: uuid.UUID | None
    names_variant: bool
    quantity: int
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAddress:
    """Where it goes; the country as ISO 3166 alpha-2."""

    street: str
    city: str
    state: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Basket:
    """A purchase that passed every check."""

    lines: tuple[tuple[Offer, int], ...]
    delivery: DeliveryOffer
    totals: pricing.Totals

    def quantities(self) -> dict[uuid.UUID, int]:
        """Pieces of each variant; the same variant in two lines adds up."""
        counter: Counter[uuid.UUID] = Counter()
        for offer, quantity in self.lines:
            counter[offer.variant_id] += quantity
        return dict(counter)


def check(
    items: tuple[WantedItem, ...],
    *,
    delivery_method_id: uuid.UUID | None,
    country: str,
    terms: PaymentTerms,
    coupon_code: str | None = None,
    use_credits: bool = False,
) -> Basket:
    """The basket at today's prices. Raises OrderRefused with every fault. Two statements, however many items."""
    delivery = offers.find_delivery(delivery_method_id) if delivery_method_id else None
    found = offers.find_offers({item.product_id for item in items if item.product_id})
    faults: list[Fault] = []
    if delivery is None:
        faults.append(Fault("delivery_method_not_found", at=("delivery_method",)))
    if not items:
        faults.append(Fault("no_items", at=("items",)))
    lines: list[tuple[Offer, int]] = []
    wanted: Counter[uuid.UUID] = Counter()
    for index, item in enumerate(items):
        offer, fault = _choose(item, found, index)
        if fault:
            faults.append(fault)
        if offer is None:
            continue
        item_faults = list(_item_faults(item, offer, index, wanted))
        faults += item_faults
        if not item_faults:
            lines.append((offer, item.quantity))
    # Neither coupons nor credits have been issued yet, so none can be used.
    if coupon_code is not None:
        faults.append(Fault("coupon_not_usable", {"code": coupon_code}, at=("coupon",)))
    if use_credits:
        faults.append(Fault("credits_not_usable", at=("credits",)))
    if delivery is not None:
        faults += _fit(delivery, lines, country=country, terms=terms)
    if faults or delivery is None:
        raise OrderRefused(faults)
    return Basket(tuple(lines), delivery, _totals(lines, delivery))


def _choose(item: WantedItem, found: dict[uuid.UUID, list[Offer]], index: int) -> tuple[Offer | None, Fault | None]:
    """The offer that an item means, or why there is none."""
    variants = found.get(item.product_id) if item.product_id else None
    if not variants:
        return None, Fault("product_not_found", at=("items", index, "product"))
    if item.names_variant:
        for offer in variants:
            if offer.variant_id == item.variant_id:
                return offer, None
        return None, Fault("variant_not_found", {"product": variants[0].product_title}, at=("items", index, "variant"))
    if len(variants) > 1:
        return None, Fault("variant_missing", {"product": variants[0].product_title}, at=("items", index, "variant"))
    return variants[0], None


def _item_faults(item: WantedItem, offer: Offer, index: int, wanted: Counter[uuid.UUID]) -> Iterator[Fault]:
    """What is wrong with one item; counts its pieces into `wanted`, because the same variant twice adds up."""
    product = offer.product_title
    if item.quantity < 1:
        yield Fault("quantity_invalid", {"product": product}, at=("items", index, "quantity"))
        return
    wanted[offer.variant_id] += item.quantity
    if item.unit_price is not None and item.unit_price != offer.price.major:
        yield Fault(
            "price_moved",
            {"product": product, "sent": item.unit_price, "now": offer.price},
            at=("items", index, "unit_price"),
        )
    if wanted[offer.variant_id] > offer.available:
        yield stock_short(offer, requested=wanted[offer.variant_id], available=offer.available, index=index)


def stock_short(offer: Offer, *, requested: int, available: int, index: int) -> Fault:
    """There are not enough pieces of one variant."""
    return Fault(
        "stock_short",
        {"product": offer.product_title, "sku": offer.sku, "available": max(available, 0), "requested": requested},
        at=("items", index, "quantity"),
    )


def _fit(
    delivery: DeliveryOffer, lines: list[tuple[Offer, int]], *, country: str, terms: PaymentTerms
) -> Iterator[Fault]:
    """Why the delivery method cannot carry these lines there, on these terms."""

    def misfit(why: str, **facts: object) -> Fault:
        return Fault("delivery_unfit", {"method": delivery.name, "why": why, **facts}, at=("delivery_method",))

    if delivery.countries and country not in delivery.countries:
        yield misfit("country", country=country)
    weight = sum(offer.weight_grams * quantity for offer, quantity in lines)
    if delivery.max_weight_grams is not None and weight > delivery.max_weight_grams:
        yield misfit("weight", weight_grams=weight, max_weight_grams=delivery.max_weight_grams)
    for currency in sorted({offer.price.currency for offer, _ in lines} - {delivery.price.currency}):
        yield misfit("currency", currency=currency, charged_in=delivery.price.currency)
    for kind in sorted({offer.kind for offer, _ in lines} - delivery.kinds):
        yield misfit("kind", kind=kind)
    if terms == PaymentTerms.ON_DELIVERY and not delivery.cash_on_delivery:
        yield misfit("cash_on_delivery")


def _totals(lines: list[tuple[Offer, int]], delivery: DeliveryOffer) -> pricing.Totals:
    try:
        totals = pricing.price(
            [pricing.PricedItem(offer.price, quantity) for offer, quantity in lines], delivery=delivery.price
        )
        Money(totals.total, totals.currency)
    except MoneyError:
        raise OrderRefused([Fault("amount_out_of_range", at=("items",))]) from None
    return totals
