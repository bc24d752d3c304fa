"""The requests that buy, as bytes that are ready to be sent: everything that can be is put together beforehand."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator

from benchmarks.shop import Shop

_ADDRESS = {"street": "350 Fifth Avenue", "city": "New York", "state": "NY", "zipCode": "10118", "country": "US"}


class Purchases:
    """Builds orders of the storefront dialect, paid on delivery, each by a random customer under a key of its own."""

    def __init__(self, shop: Shop, port: int) -> None:
        self._shop = shop
        self._port = port
        self._items = {product: _item(product) for product in (*shop.products, shop.hot, shop.scarce)}
        self._heads = {size: self._heads_for(size) for size in (1, 2)}

    def many(self) -> Iterator[bytes]:
        """Two lines of random products."""
        products, items = self._shop.products, self._items
        while True:
            yield self._request(items[random.choice(products)], items[random.choice(products)])

    def hot(self) -> Iterator[bytes]:
        """Two lines: a random product, and the one that everybody buys."""
        products, items, hot = self._shop.products, self._items, self._items[self._shop.hot]
        while True:
            yield self._request(items[random.choice(products)], hot)

    def scarce(self, attempts: int) -> Iterator[bytes]:
        """So many attempts to buy one piece of the scarce product."""
        for _ in range(attempts):
            yield self._request(self._items[self._shop.scarce])

    def _request(self, *items: bytes) -> bytes:
        key = uuid.UUID(int=random.getrandbits(128)).hex.encode()
        head, body = random.choice(self._heads[len(items)])
        return b"".join((head, key, body, b",".join(items), b"]}"))

    def _heads_for(self, size: int) -> list[tuple[bytes, bytes]]:
        """For each customer what comes before the idempotency key and what between it and the items."""
        return [self._head(customer, token, size) for customer, token in self._shop.customers]

    def _head(self, customer: str, token: str, size: int) -> tuple[bytes, bytes]:
        fields = {
            "customerId": customer,
            "deliveryMethodId": self._shop.delivery_method,
            "deliveryAddress": _ADDRESS,
            "items": [],
        }
        opening = json.dumps(fields)[:-2].encode()
        # Every product's id has the same length.
        items = b",".join([self._items[self._shop.hot]] * size)
        head = (
            f"POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(opening) + len(items) + 2}\r\nIdempotency-Key: "
        )
        return head.encode(), b"\r\n\r\n" + opening


def _item(product: str) -> bytes:
    return json.dumps({"productId": product, "variantId": None, "quantity": 1}).encode()
