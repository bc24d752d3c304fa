"""What the demo shop holds, for scripts: the JSON of `seed_demo --json`."""

from __future__ import annotations

from typing import Any

from catalog.models import DeliveryMethod, Product, ProductKind
from orders.models import Order, OrderStatus
from orders_project.demo.people import PASSWORD, DemoCustomer

ORDERS_PER_STATUS = 3


def customers(found: list[DemoCustomer]) -> list[dict[str, str]]:
    """How to sign in as each customer."""
    return [
        {
            "id": str(one.customer.pk),
            "email": one.customer.user.email,
            "password": PASSWORD,
            "access": one.tokens.access,
            "refresh": one.tokens.refresh,
        }
        for one in found
    ]


def products(found: list[Product]) -> list[dict[str, Any]]:
    """Each product with its variants, the default one first; prices in major units, stock as it can be sold now. Credit
    is no such product: it is bought alone, and nothing is delivered."""
    rows = []
    for product in found:
        if product.kind == ProductKind.CREDIT:
            continue
        variants = list(product.variants.filter(active=True).select_related("stock"))
        rows.append(
            {
                "id": str(product.pk),
                "number": product.number,
                "title": product.title,
                "kind": product.kind,
                "price": str(variants[0].price.major),
                "currency": variants[0].currency,
                "variants": [
                    {
                        "id": str(variant.pk),
                        "sku": variant.sku,
                        "price": str(variant.price.major),
                        "stock": variant.stock.available,
                    }
                    for variant in variants
                ],
            }
        )
    return rows


def delivery_methods(found: list[DeliveryMethod]) -> list[dict[str, Any]]:
    """Each delivery method."""
    return [
        {
            "id": str(method.pk),
            "name": method.name,
            "price": str(method.price.major),
            "currency": method.currency,
            "countries": method.countries,
            "cash_on_delivery": method.cash_on_delivery,
        }
        for method in found
    ]


def orders(found: list[DemoCustomer]) -> list[dict[str, Any]]:
    """The newest few orders of the listed customers in each status, and the newest one with flyers."""
    theirs = Order.objects.filter(customer__in=[one.customer for one in found])
    listed = [order for status in OrderStatus for order in theirs.filter(status=status)[:ORDERS_PER_STATUS]]
    with_flyers = theirs.filter(status=OrderStatus.PAID, campaigns__position=2).first()
    if with_flyers and with_flyers not in listed:
        listed.append(with_flyers)
    return [
        {
            "number": order.number,
            "customer_id": str(order.customer_id),
            "status": OrderStatus(order.status).label,
            "dialect": order.dialect,
        }
        for order in listed
    ]
