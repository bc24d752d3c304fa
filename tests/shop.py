"""A small shop to test with: goods, ways of delivery, people, and the storefront's requests.

Plain functions over committed rows. Stock comes in through `catalog.stock` and orders through the acts, so that the
books add up after every test.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.test import Client

from catalog import stock
from catalog.models import DeliveryMethod, Product, ProductKind, Stock, Variant
from customers.authentication import start_session
from customers.models import Customer, User
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.checks import DeliveryAddress, WantedItem
from orders.models import Order, PaymentTerms, RefundKind
from orders.placement import Buyer, Purchase, place_order
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from payments.models import GatewayName

ALL_KINDS = tuple(ProductKind.values)
ADDRESS = {"street": "123 Main St", "city": "New York", "state": "NY", "zipCode": "10001", "country": "USA"}
WITH_PAYMENT = "/api/orders/with-payment"
ON_DELIVERY = "/api/orders"


@dataclass(frozen=True, slots=True)
class Article:
    """One variant of a product, as somebody who buys it knows it."""

    product_id: uuid.UUID
    variant_id: uuid.UUID
    title: str
    sku: str
    price: Money


@dataclass(frozen=True, slots=True)
class Shop:
    """What `open_shop` puts on sale, and the ways to have it delivered."""

    headphones: Article  # 199.99 USD, 250 g, 1,000 of them
    cable: Article  # 9.50 USD, 50 g, 1,000 of them
    shirt_small: Article  # a product with two variants, of 20.00 and 22.00 USD
    shirt_large: Article
    scarce: Article  # 100.00 USD, one left
    package: Article  # 69.00 USD, no weight
    flyer: Article  # 49.00 USD
    sari: Article  # 1,500.00 INR

    standard: uuid.UUID  # 60.00 USD; US and CA, 30 kg, all kinds
    cash: uuid.UUID  # 5.00 USD; US, physical goods, cash on delivery
    express: uuid.UUID  # 25.00 USD; everywhere, up to 2 kg, physical goods
    indian: uuid.UUID  # 50.00 INR; IN, cash on delivery too

    @property
    def shirt(self) -> uuid.UUID:
        """The id of the product with two variants."""
        return self.shirt_small.product_id


@dataclass(frozen=True, slots=True)
class Shopper:
    """A signed-in customer."""

    user: User
    customer: Customer
    access: str

    @property
    def header(self) -> dict[str, str]:
        """What a signed-in client sends."""
        return {"Authorization": f"Bearer {self.access}"}


def open_shop() -> Shop:
    """The shop with all its goods in stock."""
    standard = add_delivery("Standard", 6000, countries=("US", "CA"), max_weight_grams=30_000, kinds=ALL_KINDS)
    cash = add_delivery("Cash on delivery", 500, countries=("US",), cash_on_delivery=True)
    express = add_delivery("Express", 2500, max_weight_grams=2000)
    indian = add_delivery("Dak", 5000, "INR", countries=("IN",), cash_on_delivery=True)
    small, large = add_product("T-Shirt", ("SHIRT-S", 2000), ("SHIRT-L", 2200), weight_grams=150)
    return Shop(
        headphones=add_article("Premium Headphones", "HEAD-1", 19999),
        cable=add_article("Cable", "CABLE-1", 950, weight_grams=50),
        shirt_small=small,
        shirt_large=large,
        scarce=add_article("Last Lamp", "LAMP-1", 10000, available=1),
        package=add_article("Bronze Package", "PACK-1", 6900, kind="package", weight_grams=0),
        flyer=add_article("Flyer Campaign", "FLYER-1", 4900, kind="flyer", weight_grams=0),
        sari=add_article("Sari", "SARI-1", 150_000, currency="INR"),
        standard=standard,
        cash=cash,
        express=express,
        indian=indian,
    )


def add_delivery(
    name: str,
    price_minor: int,
    currency: str = "USD",
    *,
    countries: tuple[str, ...] = (),
    max_weight_grams: int | None = None,
    kinds: tuple[str, ...] = ("physical",),
    cash_on_delivery: bool = False,
) -> uuid.UUID:
    """A way of delivery."""
    return DeliveryMethod.objects.create(
        name=name,
        price_minor=price_minor,
        currency=currency,
        countries=list(countries),
        max_weight_grams=max_weight_grams,
        kinds=list(kinds),
        cash_on_delivery=cash_on_delivery,
    ).pk


def add_product(
    title: str,
    *variants: tuple[str, int],
    currency: str = "USD",
    kind: str = "physical",
    weight_grams: int = 250,
    available: int = 1000,
) -> list[Article]:
    """A product with its variants, each given as its SKU and price in minor units."""
    product = Product.objects.create(title=title, kind=kind)
    articles = []
    for position, (sku, price_minor) in enumerate(variants):
        variant = Variant.objects.create(
            product=product,
            sku=sku,
            title=sku if len(variants) > 1 else "",
            price_minor=price_minor,
            currency=currency,
            weight_grams=weight_grams,
            position=position,
        )
        Stock.objects.create(variant=variant)
        article = Article(product.pk, variant.pk, title, sku, variant.price)
        deliver_goods(article, available)
        articles.append(article)
    return articles


def add_article(title: str, sku: str, price_minor: int, **fields: Any) -> Article:
    """A product with one variant."""
    return add_product(title, (sku, price_minor), **fields)[0]


def deliver_goods(article: Article, pieces: int) -> None:
    """So many pieces come in, or go if below zero."""
    stock.count(variant_id=article.variant_id, change=pieces, reason="delivery note", source_id=uuid.uuid4())


def left(article: Article) -> int:
    """How many can still be sold."""
    return Stock.objects.get(pk=article.variant_id).available


def sign_up(email: str = "ada@example.com") -> Shopper:
    """A customer with a session. The account has no password, which costs nothing to hash."""
    user = User.objects.create_user(email)
    customer = Customer.objects.create(user=user, first_name="Ada", last_name="Byron")
    return Shopper(user, customer, start_session(user).access)


def hire(email: str = "clerk@example.com", **fields: Any) -> User:
    """A member of staff, who is no customer."""
    return User.objects.create_user(email, is_staff=True, **fields)


def access_of(user: User) -> str:
    """An access token of any account."""
    return start_session(user).access


# --- the storefront's requests --------------------------------------------------------------------------------------


def item(article: Article, quantity: Any = 1, **fields: Any) -> dict[str, Any]:
    """One of a request's items, by product and variant."""
    return {
        "productId": str(article.product_id),
        "variantId": str(article.variant_id),
        "quantity": quantity,
        **fields,
    }


def order_body(shopper: Shopper, delivery: uuid.UUID, *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of both requests that place an order."""
    return {
        "customerId": str(shopper.customer.pk),
        "deliveryMethodId": str(delivery),
        "deliveryAddress": ADDRESS,
        "items": list(items),
        **fields,
    }


def send(
    method: str,
    path: str,
    body: Any = None,
    *,
    by: Shopper | str | None = None,
    key: str | None = None,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """One request as the wire carries it: `body` is bytes, or a value that is sent as JSON. Nothing is raised."""
    sent = dict(headers or {})
    if by is not None:
        sent["Authorization"] = f"Bearer {by if isinstance(by, str) else by.access}"
    if key is not None:
        sent["Idempotency-Key"] = key
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    response: HttpResponse = client.generic(method, path, raw, content_type=content_type, headers=sent)  # type: ignore[assignment]
    return response


def text_of(response: HttpResponse) -> str:
    """The storefront's errors are JSON strings and nothing else."""
    assert response["Content-Type"] == "application/json", response.content
    text = json.loads(response.content)
    assert isinstance(text, str), text
    return text


def order_at(location: str) -> Order:
    """The order that a `Location` names."""
    head, _, tail = location.rstrip("/").rpartition("/")
    assert head == "/api/v1/orders", location
    return Order.objects.get(pk=tail)


def order_on_delivery(
    shopper: Shopper, shop: Shop, *items: dict[str, Any], key: str | None = None, **fields: Any
) -> Order:
    """Place an order over HTTP that is paid on delivery."""
    response = send("POST", ON_DELIVERY, order_body(shopper, shop.cash, *items, **fields), by=shopper, key=key)
    assert response.status_code == 204, response.content
    return order_at(response["Location"])


def order_with_payment(
    shopper: Shopper, shop: Shop, *items: dict[str, Any], key: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Place an order over HTTP that is paid online; the answer. Needs the sandbox."""
    response = send("POST", WITH_PAYMENT, order_body(shopper, shop.standard, *items, **fields), by=shopper, key=key)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = json.loads(response.content)
    return answer


# --- the acts -------------------------------------------------------------------------------------------------------


def purchase(
    shopper: Shopper,
    delivery: uuid.UUID,
    *wanted: tuple[Article, int],
    terms: PaymentTerms = PaymentTerms.ON_DELIVERY,
    gateway: GatewayName | None = None,
    country: str = "US",
    notes: str = "",
    **fields: Any,
) -> Purchase:
    """What a dialect hands to the acts that place orders."""
    online = terms == PaymentTerms.PREPAID
    return Purchase(
        customer_id=shopper.customer.pk,
        buyer=Buyer(shopper.user.email),
        actor=actors.customer(shopper.user.pk),
        dialect="storefront",
        delivery_method_id=delivery,
        address=DeliveryAddress("123 Main St", "New York", "NY", "10001", country),
        items=tuple(WantedItem(article.product_id, article.variant_id, True, pieces) for article, pieces in wanted),
        notes=notes,
        terms=terms,
        gateway=gateway or (GatewayName.STRIPE if online else GatewayName.OFFLINE),
        **fields,
    )


def place(shopper: Shopper, delivery: uuid.UUID, *wanted: tuple[Article, int], **fields: Any) -> Order:
    """Place an order through the act; with `terms=PREPAID` it waits for a payment that no gateway knows of yet."""
    return Order.objects.get(pk=place_order(purchase(shopper, delivery, *wanted, **fields)).id)


def give_back(order_id: uuid.UUID, amount: Money, *, reason: str = "spoiled", actor: Actor = actors.SYSTEM) -> Order:
    """Some of an order's money goes back; the order as it is then."""
    request_refund(order_id, RefundWish(RefundKind.PARTIAL, reason, amount), actor=actor)
    return Order.objects.get(pk=order_id)


# --- what was written -----------------------------------------------------------------------------------------------

_WATCHED = (
    "orders_%",
    "payments_%",
    "reconciliation_%",
    "outgoing_%",
    "merchants_merchant",
    "merchants_merchantkey",
    "merchants_merchantorder",
    "merchants_merchantrefund",
    "catalog_stockmovement",
    "idempotency_%",
    "procrastinate_jobs",
)


def written() -> dict[str, int]:
    """How many rows each table has that an order could write to, and what of each variant is left to sell."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE ANY(%s)", [list(_WATCHED)]
        )
        tables = sorted(name for (name,) in cursor.fetchall())
        counts = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
        stocks = "SELECT 'available ' || v.sku, s.on_hand - s.reserved FROM catalog_stock s JOIN catalog_variant v "
        stocks += "ON v.id = s.variant_id"
        cursor.execute(f"{counts} UNION ALL {stocks}")
        return dict(cursor.fetchall())
