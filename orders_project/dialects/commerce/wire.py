"""Orders and their lines as integrations read them, in the documents' spelling. Pure but for the rows that come along.

`id`, `order_id` and `order_id_id` are an order's number; a line's `id` is its own. What the samples quote is a text of
major units, all else a number.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

from babel.numbers import get_currency_symbol
from django.conf import settings
from django.urls import reverse

from kit.money import Money
from orders.checkout import Checkout
from orders.models import Order, OrderLine
from payments.models import GatewayName

_SYMBOLS_OF = "en"
_FIRST_TITLE, _NO_IMAGE = "Base price", ""


def placed(done: Checkout, gateway: GatewayName) -> dict[str, Any]:
    """The answer to an order: what it is called, what it costs, and where a person pays it."""
    return {
        "order_id": done.number,
        "order_number": done.number,
        "total_amount": done.total.major,
        "pay_url": _pay_url(done, gateway),
    }


def _pay_url(done: Checkout, gateway: GatewayName) -> str | None:
    """The page of the checkout; there is none where nothing is due, or for another gateway."""
    if gateway != GatewayName.RAZORPAY or done.gateway_reference is None:
        return None
    page: str = reverse("checkout", args=[done.gateway_reference])
    return f"{settings.PUBLIC_BASE_URL}{page}"


def row(order: Order) -> dict[str, Any]:
    """An order in the list; it comes with `changed_at`. Its addresses are kept with it, hence under its number."""
    return {
        "id": order.number,
        "uid": str(order.customer_id),
        "order_number": order.number,
        "data": {
            "dialect": order.dialect,
            "fulfilment": order.fulfilment,
            "products": _major(order.products_minor, order),
            "discount": _major(order.discount_minor, order),
            "tax": _major(order.tax_minor, order),
            "delivery": _major(order.delivery_minor, order),
            "credits": _major(order.credits_minor, order),
            "prices_include_tax": order.prices_include_tax,
        },
        "order_total": order.total.major,
        "currency_symbol": _symbol(order.currency),
        "currency_code": order.currency,
        "order_type": order.order_type,
        "status": order.get_status_display(),
        "created": _instant(order.placed_at),
        # The database and we have a clock each: nothing changes before it is there.
        "modified": _instant(max(order.placed_at, order.changed_at or order.placed_at)),  # type: ignore[attr-defined]
        "shipping_id": order.number if order.delivery_method_id else None,
        "billing_id": order.number,
    }


def line(one: OrderLine, order: Order) -> dict[str, Any]:
    """A line of an order; it comes with its variant and product."""
    unit_price = Money(one.unit_price_minor, order.currency).major
    paid_minor = one.amount_minor - one.discount_minor
    tax_minor = one.tax_minor if order.prices_include_tax else 0
    description = one.variant.product.description
    return {
        "id": one.pk,
        "product_id": one.variant.product.number,
        "bundle_id": None,
        "line_item_label": one.sku,
        "quantity": one.quantity,
        "price": str(unit_price),
        "data": {
            "price": {
                "data": [],
                "items": {
                    "base_price": {
                        "data": [],
                        "title": _FIRST_TITLE,
                        "total": _major(one.amount_minor, order),
                        "included": order.prices_include_tax,
                        "quantity": one.quantity,
                        "description": description,
                        "currency_code": order.currency,
                    }
                },
                "title": one.title,
                "total": _major(paid_minor, order),
                "quantity": one.quantity,
                "description": description,
                "currency_code": order.currency,
                "revenue_total": _major(paid_minor - tax_minor, order),
            },
            "modules": {},
            "product": {"sku": one.sku, "product_type": one.get_kind_display(), "product_type_code": one.kind},
            "item_display": {
                "items": {
                    "varient_attributes": {
                        "title": one.variant_title or one.title,
                        "params": {
                            "price": {"value": str(unit_price)},
                            "images": {"value": _NO_IMAGE},
                            "product-name": {"value": one.title},
                            # There is one list of prices.
                            "whole-sale-price": {"value": unit_price},
                        },
                        "display": {},
                        "description": description,
                    }
                }
            },
        },
        "order_id": order.number,
        "currency_code": order.currency,
        "order_id_id": order.number,
        "status": order.get_status_display(),
        "image_path": _NO_IMAGE,
    }


def _major(minor: int, order: Order) -> Any:
    return Money(minor, order.currency).major


@functools.cache
def _symbol(currency: str) -> str:
    return get_currency_symbol(currency, locale=_SYMBOLS_OF)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
