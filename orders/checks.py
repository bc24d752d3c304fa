"""Everything that can be wrong with a purchase, found before anything is written. Reads only.

Every fault is reported, in the documented order: delivery method; for each item in turn product, variant, quantity,
price, discount, stock; flyers; coupon; credits; then how the delivery method fits. A dialect that answers with one
fault takes the first.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings

from catalog import offers
from catalog.models import ProductKind
from catalog.offers import DeliveryOffer, Offer
from catalog.regions import region_code
from catalog.taxes import Place
from kit import clock
from kit.errors import DomainError, Fault
from kit.money import Money, MoneyError
from orders import pricing
from orders.campaigns.checking import check_flyers
from orders.campaigns.content import FlyerContent
from orders.campaigns.creating import FlyerLine
from orders.coupons.finding import CouponDiscount, CouponLine, WhyNot, discount_of, find_coupon
from orders.models import FlyerImage, PaymentTerms
from orders.taxes.arithmetic import TaxRounding
from orders.taxes.rules import Party, ZeroReason
from orders.taxes.service import TaxAnswer, TaxedThing, TaxQuestion, tax_service
from payments import queries


class OrderRefused(DomainError):
    """The order cannot be placed as asked; nothing was written."""


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One item as the buyer asks for it. What cannot be an id arrives as None and is then simply not found.

    `quantity` below 1 stands for anything that is not a whole number of at least one. `unit_price`, major units, is
    the price the buyer was shown, if they say so. An item that names no variant means the only one, or, if it
    `takes_default`, the product's default. `discount`, major units, is what is taken off the whole line. `flyer` is
    what each of a flyer's pieces says to begin with, if the buyer says so with the order.
    """

    product_id: uuid.UUID | None
    variant_id: uuid.UUID | None
    names_variant: bool
    quantity: int
    unit_price: Decimal | None = None
    takes_default: bool = False
    discount: Decimal = Decimal(0)
    flyer: FlyerContent | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAddress:
    """Where it goes, or, where nothing is delivered, where the buyer is; the country as ISO 3166 alpha-2."""

    street: str
    city: str
    state: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Wish:
    """All that is checked of a purchase.

    Without `delivers` nothing is delivered, and the delivery method is not looked at. `tax_number` is the buyer's.
    What is on sale in its own way alone, such as entries in events, is only found where `enters` says so.
    """

    customer_id: uuid.UUID
    items: tuple[WantedItem, ...]
    delivery_method_id: uuid.UUID | None
    address: DeliveryAddress
    terms: PaymentTerms
    delivers: bool = True
    coupon_code: str | None = None
    use_credits: bool = False
    prices_include_tax: bool = False
    tax_number: str = ""
    enters: bool = False


@dataclass(frozen=True, slots=True)
class BasketLine:
    """A line that passed every check: what is bought, what is taken off its price, and the taxes on the rest."""

    offer: Offer
    quantity: int
    discount_minor: int
    tax: TaxAnswer


@dataclass(frozen=True, slots=True)
class Basket:
    """A purchase that passed every check. `delivery` is None where nothing is delivered."""

    lines: tuple[BasketLine, ...]
    delivery: DeliveryOffer | None
    delivery_tax: TaxAnswer
    coupon: CouponDiscount | None
    prices_include_tax: bool
    tax_rounding: TaxRounding
    totals: pricing.Totals
    flyers: tuple[FlyerLine, ...] = ()

    @property
    def buys_credit(self) -> bool:
        """Whether it is credit that is bought, which is bought alone."""
        return _is_credit(self.lines)

    def quantities(self) -> dict[uuid.UUID, int]:
        """Pieces of each variant; the same variant in two lines adds up."""
        counter: Counter[uuid.UUID] = Counter()
        for line in self.lines:
            counter[line.offer.variant_id] += line.quantity
        return dict(counter)


@dataclass(slots=True)
class _Line:
    """A line on its way through the checks."""

    offer: Offer
    quantity: int
    discount_minor: int

    @property
    def paid_minor(self) -> int:
        return self.offer.price.minor * self.quantity - self.discount_minor


def check(wish: Wish) -> Basket:
    """The basket at today's prices and taxes. Raises OrderRefused with every fault, and TaxServiceUnavailable.

    Two statements, however many items; one more each with a coupon, with credits, and with images of flyers.
    """
    address = wish.address
    place = Place(
        address.country,
        region_code(address.country, address.state),
        address.postal_code,
        clock.day_in(settings.SHOP_TIME_ZONE),
    )
    method_id = wish.delivery_method_id if wish.delivers else None
    delivery = offers.find_delivery(method_id, place) if method_id else None
    found = offers.find_offers({item.product_id for item in wish.items if item.product_id}, place)
    faults: list[Fault] = []
    if wish.delivers and delivery is None:
        faults.append(Fault("delivery_method_not_found", at=("delivery_method",)))
    if not wish.enters:
        found = {key: them for key, them in found.items() if them[0].kind != ProductKind.ENTRY}
    lines, item_faults = _check_items(wish.items, found)
    faults += item_faults
    contents = {index: item.flyer for index, item in enumerate(wish.items) if item.flyer}
    pieces = sum(line.quantity for line in lines if line.offer.kind == ProductKind.FLYER)
    images, flyer_faults = check_flyers(contents, pieces=pieces, customer_id=wish.customer_id)
    faults += flyer_faults
    coupon, coupon_faults = _check_coupon(wish, lines, delivery, complete=not faults)
    faults += coupon_faults
    if _is_credit(lines):
        faults += _credit_faults(wish)
        # There is nothing to deliver, and nothing to pay for that.
        delivery = None
    if delivery is not None:
        faults += _fit(delivery, lines, country=address.country, terms=wish.terms)
    elif len({line.offer.price.currency for line in lines}) > 1:
        faults.append(Fault("currencies_mixed", at=("items",)))
    if faults:
        raise OrderRefused(faults)
    try:
        basket = _basket(wish, lines, delivery, coupon, place)
    except MoneyError:
        raise OrderRefused([Fault("amount_out_of_range", at=("items",))]) from None
    return replace(basket, flyers=_flyers(wish.items, lines, images))


def _flyers(items: tuple[WantedItem, ...], lines: list[_Line], images: dict[str, FlyerImage]) -> tuple[FlyerLine, ...]:
    """What is known of each line that is a flyer."""
    flyers = []
    for position, (item, line) in enumerate(zip(items, lines, strict=True), start=1):
        if line.offer.kind == ProductKind.FLYER:
            content = item.flyer or FlyerContent()
            flyers.append(FlyerLine(position, line.quantity, content, images.get(content.main_image)))
    return tuple(flyers)


def _check_items(items: tuple[WantedItem, ...], found: dict[uuid.UUID, list[Offer]]) -> tuple[list[_Line], list[Fault]]:
    """The lines without a fault, and the faults of the others."""
    faults = [] if items else [Fault("no_items", at=("items",))]
    lines: list[_Line] = []
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
            lines.append(_Line(offer, item.quantity, _minor(item.discount, offer) or 0))
    if ProductKind.CREDIT in (kinds := {line.offer.kind for line in lines}) and len(kinds) > 1:
        # What it is worth is what was paid for it, which no delivery or discount of other things may blur.
        faults.append(Fault("credit_is_bought_alone", at=("items",)))
    return lines, faults


def _check_coupon(
    wish: Wish, lines: list[_Line], delivery: DeliveryOffer | None, *, complete: bool
) -> tuple[CouponDiscount | None, list[Fault]]:
    """What the coupon takes off, or why it cannot be used; what hangs on the items is only said once they are
    `complete`."""
    if wish.coupon_code is None:
        return None, []
    offer = find_coupon(wish.coupon_code, wish.customer_id)
    if offer is None:
        return None, [Fault("coupon_not_usable", {"code": wish.coupon_code, "why": WhyNot.UNKNOWN}, at=("coupon",))]
    if not lines:
        return None, []
    if _is_credit(lines):
        refused = {"code": offer.code, "why": WhyNot.NOTHING_ELIGIBLE}
        return None, [Fault("coupon_not_usable", refused, at=("coupon",))]
    charge = delivery.price if delivery else Money(0, lines[0].offer.price.currency)
    wanted = [CouponLine(line.offer.product_id, line.offer.kind, line.paid_minor) for line in lines]
    taken = discount_of(offer, wanted, delivery=charge, now=clock.now())
    if isinstance(taken, CouponDiscount):
        return taken, []
    if not complete and taken in (WhyNot.MINIMUM, WhyNot.NOTHING_ELIGIBLE):
        return None, []
    minimum = Money(offer.minimum_minor, offer.currency or charge.currency)
    facts: dict[str, object] = {"code": offer.code, "why": taken, "minimum": minimum}
    return None, [Fault("coupon_not_usable", facts, at=("coupon",))]


def _basket(
    wish: Wish, lines: list[_Line], delivery: DeliveryOffer | None, coupon: CouponDiscount | None, place: Place
) -> Basket:
    """Discounts, then taxes on what is left, then credits. Raises MoneyError for amounts that no bigint holds."""
    if coupon is not None:
        for line, less in zip(lines, coupon.lines, strict=True):
            line.discount_minor += less
    currency = delivery.price.currency if delivery else lines[0].offer.price.currency
    charge = delivery.price.minor - (coupon.delivery if coupon else 0) if delivery else 0
    rounding = TaxRounding(settings.TAX_ROUNDING)
    seller = Party(settings.SELLER.country, settings.SELLER.state, settings.SELLER.tax_number)
    things = [
        TaxedThing(line.paid_minor, line.offer.tax_category, line.offer.hsn_code, line.offer.rates) for line in lines
    ]
    if delivery is not None:
        things.append(TaxedThing(charge, delivery.tax_category, "", delivery.rates))
    question = TaxQuestion(
        seller=seller,
        buyer=Party(place.country, place.state, wish.tax_number),
        postal_code=place.postal_code,
        currency=currency,
        things=tuple(things),
        included=wish.prices_include_tax,
        rounding=rounding,
    )
    # A voucher for anything is no sale: what it is spent on is taxed.
    voucher = TaxAnswer(zero_reason=ZeroReason.VOUCHER)
    answers = [voucher] * len(things) if _is_credit(lines) else list(tax_service().quote(question))
    taxed = tuple(
        BasketLine(line.offer, line.quantity, line.discount_minor, tax)
        for line, tax in zip(lines, answers, strict=False)
    )
    delivery_tax = answers[-1] if delivery is not None else TaxAnswer()
    credit = queries.credit_minor(wish.customer_id, currency) if wish.use_credits else 0
    totals = pricing.price(
        [
            pricing.PricedItem(line.offer.price, line.quantity, line.discount_minor, line.tax.amount_minor)
            for line in taxed
        ],
        delivery=Money(charge, currency),
        delivery_tax_minor=delivery_tax.amount_minor,
        tax_is_included=wish.prices_include_tax,
        credits_minor=credit,
    )
    Money(totals.products, currency)
    return Basket(taxed, delivery, delivery_tax, coupon, wish.prices_include_tax, rounding, totals)


def _is_credit(lines: Sequence[_Line | BasketLine]) -> bool:
    return any(line.offer.kind == ProductKind.CREDIT for line in lines)


def _credit_faults(wish: Wish) -> Iterator[Fault]:
    """Why credit cannot be bought like this."""
    if wish.use_credits:
        yield Fault("credits_not_usable", {"why": "buys_credit"}, at=("credits",))
    if wish.terms == PaymentTerms.ON_DELIVERY:
        yield Fault("credit_is_prepaid", at=("delivery_method",))


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
    if len(variants) > 1 and not item.takes_default:
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
    discount = _minor(item.discount, offer)
    if discount is None or not 0 <= discount <= offer.price.minor * item.quantity:
        yield Fault("discount_invalid", {"product": product}, at=("items", index, "discount"))
    if item.flyer is not None and offer.kind != ProductKind.FLYER:
        yield Fault("flyer_not_expected", {"product": product}, at=("items", index, "flyer"))
    if wanted[offer.variant_id] > offer.available:
        yield stock_short(offer, requested=wanted[offer.variant_id], available=offer.available, index=index)


def stock_short(offer: Offer, *, requested: int, available: int, index: int) -> Fault:
    """There are not enough pieces of one variant."""
    return Fault(
        "stock_short",
        {"product": offer.product_title, "sku": offer.sku, "available": max(available, 0), "requested": requested},
        at=("items", index, "quantity"),
    )


def _fit(delivery: DeliveryOffer, lines: list[_Line], *, country: str, terms: PaymentTerms) -> Iterator[Fault]:
    """Why the delivery method cannot carry these lines there, on these terms."""

    def misfit(why: str, **facts: object) -> Fault:
        return Fault("delivery_unfit", {"method": delivery.name, "why": why, **facts}, at=("delivery_method",))

    if delivery.countries and country not in delivery.countries:
        yield misfit("country", country=country)
    weight = sum(line.offer.weight_grams * line.quantity for line in lines)
    if delivery.max_weight_grams is not None and weight > delivery.max_weight_grams:
        yield misfit("weight", weight_grams=weight, max_weight_grams=delivery.max_weight_grams)
    for currency in sorted({line.offer.price.currency for line in lines} - {delivery.price.currency}):
        yield misfit("currency", currency=currency, charged_in=delivery.price.currency)
    for kind in sorted({line.offer.kind for line in lines} - delivery.kinds):
        yield misfit("kind", kind=kind)
    if terms == PaymentTerms.ON_DELIVERY and not delivery.cash_on_delivery:
        yield misfit("cash_on_delivery")


def _minor(amount: Decimal, offer: Offer) -> int | None:
    """An amount of the offer's currency; None for what is none."""
    try:
        return Money.from_major(amount, offer.price.currency).minor
    except MoneyError:
        return None
