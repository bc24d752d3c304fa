"""What the demo shop sells and how it delivers."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import stock
from catalog.models import DeliveryMethod, Package, Product, ProductKind, Stock, Variant
from catalog.packages import PackageOffer, packages_on_sale
from kit.ids import new_id
from kit.money import Money

FIRST_SKU = "HEAD-1"
PLENTY = 20_000
"""What the stock of a product is topped up to when less than half of it is left."""
SCARCE = 10


@dataclass(frozen=True, slots=True)
class _Goods:
    title: str
    kind: ProductKind
    currency: str
    # SKU, title, price in major units, grams
    variants: tuple[tuple[str, str, str, int], ...]
    pieces: int = PLENTY


_GOODS = (
    _Goods("Premium Headphones", ProductKind.PHYSICAL, "USD", ((FIRST_SKU, "", "229.99", 350),)),
    _Goods(
        "Cotton T-Shirt",
        ProductKind.PHYSICAL,
        "USD",
        (("SHIRT-S", "Small", "19.00", 180), ("SHIRT-M", "Medium", "19.00", 200), ("SHIRT-L", "Large", "21.50", 220)),
    ),
    _Goods("Filter Coffee", ProductKind.PHYSICAL, "INR", (("COFFEE-500", "500 g", "649.00", 520),)),
    _Goods("Numbered Print", ProductKind.PHYSICAL, "USD", (("PRINT-1", "", "75.00", 300),), pieces=SCARCE),
    _Goods("Starter Package", ProductKind.PACKAGE, "USD", (("PACK-1", "", "49.00", 0),)),
    _Goods("Business Package", ProductKind.PACKAGE, "USD", (("PACK-2", "", "149.00", 0),)),
    _Goods("Premium Package", ProductKind.PACKAGE, "USD", (("PACK-3", "", "399.00", 0),)),
    _Goods("E-Flyer Campaign", ProductKind.FLYER, "USD", (("FLYER-1", "", "69.00", 0),)),
    _Goods(
        "Prepaid Credit",
        ProductKind.CREDIT,
        "USD",
        (("CREDIT-50", "50", "50.00", 0), ("CREDIT-200", "200", "200.00", 0)),
    ),
)
# The tiers leave room between them.
_TIERS = (("PACK-1", 10), ("PACK-2", 20), ("PACK-3", 30))
_VALIDITY_DAYS = 365
_EVERYTHING = [kind.value for kind in ProductKind]
# name, price, currency, countries, grams at most, cash on delivery, kinds
_DELIVERY: tuple[tuple[str, str, str, list[str], int | None, bool, list[str]], ...] = (
    ("Standard delivery", "5.00", "USD", ["US", "CA", "GB", "DE"], 30_000, False, _EVERYTHING),
    ("Courier, cash on delivery", "7.50", "USD", ["US", "CA"], 30_000, True, ["physical"]),
    ("Express letter", "14.90", "USD", ["US"], 2_000, False, ["physical"]),
    ("Speed Post", "60.00", "INR", ["IN"], 20_000, True, ["physical"]),
    ("By e-mail", "0.00", "USD", [], None, False, ["package", "flyer"]),
)


def ensure_products() -> list[Product]:
    """The demo's products are on sale at their prices and topped up."""
    return [_ensure_product(goods) for goods in _GOODS]


def _ensure_product(goods: _Goods) -> Product:
    known = Variant.objects.filter(sku=goods.variants[0][0]).select_related("product").first()
    product = known.product if known else Product.objects.create(title=goods.title, kind=goods.kind)
    for position, (sku, title, price, grams) in enumerate(goods.variants):
        variant, _ = Variant.objects.get_or_create(
            sku=sku,
            defaults={
                "product": product,
                "title": title,
                "price_minor": Money.from_major(price, goods.currency).minor,
                "currency": goods.currency,
                "weight_grams": grams,
                "position": position,
            },
        )
        _top_up(variant, goods.pieces)
    return product


def _top_up(variant: Variant, pieces: int) -> None:
    """Plenty is filled up when half of it is gone; what is scarce is brought to the exact number, by a count."""
    left, _ = Stock.objects.get_or_create(variant=variant)
    change = pieces - left.available
    if pieces == SCARCE or left.available < pieces // 2:
        stock.count(variant_id=variant.pk, change=change, reason="Demo", source_id=new_id())


def ensure_packages() -> list[PackageOffer]:
    """The demo's package products are packages; all that are on sale, the lowest tier first."""
    for sku, tier in _TIERS:
        product_id = Variant.objects.values_list("product_id", flat=True).get(sku=sku)
        Package.objects.get_or_create(pk=product_id, defaults={"tier": tier, "validity_days": _VALIDITY_DAYS})
    return packages_on_sale()


def ensure_delivery_methods() -> list[DeliveryMethod]:
    """The demo's delivery methods exist."""
    methods = []
    for position, (name, price, currency, countries, grams, cash, kinds) in enumerate(_DELIVERY):
        method, _ = DeliveryMethod.objects.get_or_create(
            name=name,
            defaults={
                "price_minor": Money.from_major(price, currency).minor,
                "currency": currency,
                "countries": countries,
                "max_weight_grams": grams,
                "cash_on_delivery": cash,
                "kinds": kinds,
                "position": position,
            },
        )
        methods.append(method)
    return methods
