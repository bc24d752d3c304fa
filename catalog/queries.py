"""What shoppers may see of the catalogue, as querysets. Reads only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from django.contrib.postgres.search import SearchQuery
from django.db.models import BooleanField, Exists, F, Func, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable

from catalog.models import DeliveryMethod, Product, ProductKind, Variant, Words
from kit import money

MAX_SEARCH_WORDS = 8
# Underscore is no letter to the search, though it is to a regular expression.
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one and the same variant of a product must be like. Prices in major units, exact, both ends included."""

    currency: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None


def on_sale(wanted: Wanted | None = None) -> QuerySet[Product]:
    """Active products with an active variant that is as wanted; `in_stock=False`: with none that can be had."""
    wanted = wanted or Wanted()
    variants = _priced(Variant.objects.filter(product=OuterRef("pk"), active=True), wanted)
    available = variants.filter(stock__on_hand__gt=F("stock__reserved"))
    # An entry in an event is bought for somebody, by its own road.
    found = Product.objects.filter(active=True).exclude(kind=ProductKind.ENTRY)
    products = found.filter(Exists(available if wanted.in_stock else variants))
    return products.exclude(Exists(available)) if wanted.in_stock is False else products


def with_lowest_price(products: QuerySet[Product], currency: str) -> QuerySet[Product]:
    """The products with `lowest_price`, minor units: of their active variants in that currency."""
    variants = Variant.objects.filter(product=OuterRef("pk"), active=True, currency=currency).order_by()
    lowest = variants.values("product").annotate(lowest=Min("price_minor")).values("lowest")
    return products.annotate(lowest_price=Subquery(lowest))


def search(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    """Products with each word of the text, or a word that begins with it, in their title or in an SKU.

    A text without a word finds nothing; words past MAX_SEARCH_WORDS are not looked at.
    """
    words = _WORD.findall(text)[:MAX_SEARCH_WORDS]
    if not words:
        return products.none()
    for word in words:
        # Letters and digits only, hence nothing that the query language would read as an operator.
        begins_with = SearchQuery(f"'{word}':*", config="simple", search_type="raw")
        titles = Product.objects.filter(_matches("title", begins_with)).order_by().values("pk")
        skus = Variant.objects.filter(_matches("sku", begins_with), active=True).order_by().values("product_id")
        products = products.filter(pk__in=titles.union(skus))
    return products


def find_product(key: uuid.UUID | int) -> Product | None:
    """The active product with that id or number, if it has an active variant."""
    return on_sale().filter(**({"number": key} if isinstance(key, int) else {"pk": key})).first()


def delivery_methods(
    *,
    country: str | None = None,
    currency: str | None = None,
    weight_grams: int | None = None,
    kinds: Collection[str] = (),
    cash_on_delivery: bool | None = None,
) -> QuerySet[DeliveryMethod]:
    """Active delivery methods that serve all that is given: an alpha-2 country, a weight, every one of the kinds."""
    methods = DeliveryMethod.objects.filter(active=True)
    if country is not None:
        methods = methods.filter(Q(countries=[]) | Q(countries__contains=[country]))
    if currency is not None:
        methods = methods.filter(currency=currency)
    if weight_grams is not None:
        methods = methods.filter(Q(max_weight_grams=None) | Q(max_weight_grams__gte=weight_grams))
    if kinds:
        methods = methods.filter(kinds__contains=list(kinds))
    if cash_on_delivery is not None:
        methods = methods.filter(cash_on_delivery=cash_on_delivery)
    return methods


def _priced(variants: QuerySet[Variant], wanted: Wanted) -> QuerySet[Variant]:
    if wanted.currency is not None:
        variants = variants.filter(currency=wanted.currency)
    if wanted.min_price is None and wanted.max_price is None:
        return variants
    in_range = Q()
    for digits, currencies in _by_digits([wanted.currency] if wanted.currency else money.CURRENCIES):
        bounds = Q(currency__in=currencies)
        if wanted.min_price is not None:
            bounds &= Q(price_minor__gte=_minor(wanted.min_price, digits, ROUND_CEILING))
        if wanted.max_price is not None:
            bounds &= Q(price_minor__lte=_minor(wanted.max_price, digits, ROUND_FLOOR))
        in_range |= bounds
    return variants.filter(in_range)


def _by_digits(currencies: Iterable[str]) -> Iterable[tuple[int, list[str]]]:
    groups: dict[int, list[str]] = {}
    for currency in sorted(currencies):
        groups.setdefault(money.digits(currency), []).append(currency)
    return groups.items()


def _minor(bound: Decimal, digits: int, rounding: str) -> int:
    """A bound in minor units; rounding inwards keeps the comparison exact, since prices are whole."""
    return min(int(bound.scaleb(digits).to_integral_value(rounding=rounding)), money.MAX_MINOR)


def _matches(column: str, query: SearchQuery) -> Combinable:
    return Func(Words(F(column)), query, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField())
