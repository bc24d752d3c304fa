"""The commerce dialect's requests: an integration with a key, and bodies as its documents have them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client

from catalog.models import Product
from customers.integrations import keys
from customers.integrations.models import Integration, Scope
from orders.models import Order
from payments.models import PaymentRequest
from tests.shop import Article, Shopper, send

BASE = "/api/v1/commerce"
CREATE = f"{BASE}/create-order/"
PACKAGE = f"{BASE}/upgrade-renewal-package/"
ALL = f"{BASE}/all-orders/"
DETAILS = f"{BASE}/order-details/"
EVERY_SCOPE = tuple(Scope.values)
ADDRESS = {
    "address_first_name": "Ada",
    "address_last_name": "Byron",
    "address_mail_id": "ada.byron@example.com",
    "address_phone_number": "+1 212 555 0100",
    "address_name_line": "12",
    "address_premise": "St James's Square",
    "address_locality": "New York",
    "address_postal_code": "10001",
    "address_country_code": "US",
    "address_state_code": "NY",
}


def connect(*scopes: str, percent: str = "0", name: str = "ERP") -> str:
    """The key of a new integration; with every scope, and any discount, unless scopes are named."""
    if not scopes:
        scopes, percent = EVERY_SCOPE, "100"
    return keys.admit(Integration(name=name, scopes=list(scopes), max_discount_percent=Decimal(percent)))


def number_of(article: Article) -> int:
    """The product's number."""
    return Product.objects.get(pk=article.product_id).number


def line(article: Article, quantity: int = 1, discount: str = "0", **fields: Any) -> dict[str, Any]:
    """One of an order's products; sums are right unless they are given."""
    price, less = article.price.major, Decimal(discount)
    return {
        "product_id": number_of(article),
        "quantity": quantity,
        "unit_price": str(price),
        "discount": str(less),
        "total_amount": str(price * quantity - less),
        **fields,
    }


def order_body(shopper: Shopper, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of create-order; its total is right unless it is given."""
    if "total_amount" not in fields:
        fields["total_amount"] = str(sum((Decimal(str(one["total_amount"])) for one in lines), Decimal(0)))
    return {"products": list(lines), "address": ADDRESS, "uid": str(shopper.customer.pk), **fields}


def call(
    path: str, body: Any = None, *, key: str | None, by: Shopper | str | None, method: str = "POST", **how: Any
) -> HttpResponse:
    """A request with both headers, as far as they are given."""
    headers = {**({"apikey": key} if key is not None else {}), **how.pop("headers", {})}
    return send(method, path, body, by=by, key=how.pop("idempotency", None), headers=headers, **how)


def get(path: str, query: dict[str, Any] | None = None, *, key: str | None, by: Shopper | str | None) -> HttpResponse:
    """A GET with both headers."""
    address = f"{path}?{urlencode(query)}" if query else path
    return call(address, key=key, by=by, method="GET")


def answer_of(response: HttpResponse, status: int = 200) -> Any:
    """The data in the envelope of what went well, or of any status."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json; charset=utf-8"
    body = json.loads(response.content)
    assert body["status_code"] == status
    if status == 200:
        assert list(body) == ["status_code", "errors", "data"]
        assert body["errors"] == {}
        return body["data"]
    assert list(body) == ["status_code", "error_type", "errors", "data"]
    assert body["data"] == {}
    return body["errors"]


def refused(response: HttpResponse) -> dict[str, list[str]]:
    """The errors by field of a validation error, after which nothing was written."""
    errors: dict[str, list[str]] = answer_of(response, 400)
    assert json.loads(response.content)["error_type"] == "Validation Error"
    return errors


def nothing_was_written() -> bool:
    """Whether there is no order and nobody was asked for money."""
    return not Order.objects.exists() and not PaymentRequest.objects.exists()


def multipart(fields: dict[str, str]) -> tuple[bytes, str]:
    """A body and its content type."""
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode(), f"multipart/form-data; boundary={boundary}"


def flat(body: dict[str, Any]) -> dict[str, str]:
    """A body's values under the names that forms have for them."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= {f"{name}[{inner}]": str(one) for inner, one in value.items()}
        elif isinstance(value, list):
            for index, one in enumerate(value):
                found |= {f"{name}[{index}][{inner}]": str(each) for inner, each in one.items()}
        else:
            found[name] = str(value)
    return found


def browser() -> Client:
    """A client that raises nothing."""
    return Client(raise_request_exception=False)
