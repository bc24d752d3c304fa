"""A shop to measure in: many products with plenty of stock, many customers who are signed in.

Run as `python -m benchmarks.shop` in the environment of the servers, because it needs Django's models; prints the shop
as JSON. The products come in through the acts that everybody uses, so that the books still add up.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

PRODUCTS = 10_000
CUSTOMERS = 1_000
PLENTY = 1_000_000
SCARCE = 60


@dataclass(frozen=True)
class Shop:
    """What a client must know to buy. `hot` has plenty of stock, `scarce` exactly SCARCE; neither is in `products`."""

    products: list[str]
    hot: str
    scarce: str
    delivery_method: str
    # Customer's id and access token.
    customers: list[tuple[str, str]]

    @classmethod
    def from_json(cls, text: str) -> Shop:
        """Reads what this module prints."""
        fields = json.loads(text)
        fields["customers"] = [(identifier, token) for identifier, token in fields["customers"]]
        return cls(**fields)


def fill() -> Shop:
    """The shop is in the database, committed."""
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from catalog import stock
    from catalog.models import DeliveryMethod, Product, Stock, Variant
    from customers.authentication import start_session
    from customers.models import Customer, User
    from kit.ids import new_id

    with transaction.atomic():
        products = Product.objects.bulk_create(Product(title=f"Product {n}") for n in range(PRODUCTS + 2))
        variants = Variant.objects.bulk_create(
            Variant(product=product, sku=f"BENCH-{n}", price_minor=1000, currency="EUR", weight_grams=100)
            for n, product in enumerate(products)
        )
        Stock.objects.bulk_create(Stock(variant=variant) for variant in variants)
        for variant in variants:
            pieces = SCARCE if variant is variants[-1] else PLENTY
            stock.count(variant_id=variant.pk, change=pieces, reason="Benchmark", source_id=new_id())
        method = DeliveryMethod.objects.create(
            name="Courier", price_minor=500, currency="EUR", cash_on_delivery=True, kinds=["physical"]
        )
        nobody_signs_in = make_password(None)
        users = User.objects.bulk_create(
            User(email=f"customer{n}@example.com", password=nobody_signs_in) for n in range(CUSTOMERS)
        )
        customers = Customer.objects.bulk_create(Customer(user=user, first_name="Ada") for user in users)
        tokens = [start_session(user).access for user in users]
    *many, hot, scarce = (str(product.pk) for product in products)
    return Shop(many, hot, scarce, str(method.pk), [(str(c.pk), t) for c, t in zip(customers, tokens, strict=True)])


def main() -> int:
    """Fills, analyzes and prints."""
    import django

    django.setup()

    from django.db import connection

    shop = fill()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    json.dump(asdict(shop), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
