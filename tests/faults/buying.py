"""A purchase at the storefront, as a client makes it over HTTP, whatever the gateway does meanwhile."""

from __future__ import annotations

from django.http import HttpResponse

from orders.models import Order
from tests.shop import WITH_PAYMENT, Article, Shop, Shopper, item, order_body, order_with_payment, send


def try_to_buy(
    ada: Shopper, shop: Shop, gateway: str, article: Article | None = None, key: str | None = None
) -> HttpResponse:
    """Order one thing; the answer, whatever it is."""
    body = order_body(ada, shop.standard, item(article or shop.headphones), paymentProvider=gateway)
    return send("POST", WITH_PAYMENT, body, by=ada, key=key)


def buy(ada: Shopper, shop: Shop, gateway: str, article: Article | None = None) -> tuple[Order, str]:
    """Order one thing; the order, and what its payer pays at the gateway."""
    answer = order_with_payment(ada, shop, item(article or shop.headphones), paymentProvider=gateway)
    return Order.objects.get(pk=answer["orderId"]), answer["clientSecret"] or answer["razorpayOrderId"]


def confirm(ada: Shopper, order: Order) -> HttpResponse:
    """The customer says that they have paid."""
    return send("PATCH", f"/api/orders/{order.pk}/paid", by=ada)


def cancel(ada: Shopper, order: Order) -> HttpResponse:
    """The customer calls the order off."""
    return send("POST", f"/api/v1/orders/{order.pk}/cancel/", {}, by=ada)


def now(order: Order) -> Order:
    """The order as it is in the database."""
    return Order.objects.get(pk=order.pk)
