"""The storefront's JSON read into a purchase, and our answers put into its JSON. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.countries import alpha2
from kit import strict_json
from kit.ids import parse_id
from orders.checkout import Checkout
from orders.checks import DeliveryAddress, WantedItem
from payments.models import GatewayName

MAX_ITEMS = 500
_LENGTHS = {"street": 200, "city": 120, "state": 120, "zipCode": 20}
_MAX_NOTES = 2000
_PROVIDERS = {"stripe": GatewayName.STRIPE, "razorpay": GatewayName.RAZORPAY}


class BadShape(ValueError):
    """The request is not of the documented shape; the text names the field."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A request of the documented shape. Ids that are no ids are None: they name nothing."""

    customer_id: uuid.UUID | None
    delivery_method_id: uuid.UUID | None
    address: DeliveryAddress
    items: tuple[WantedItem, ...]
    notes: str
    provider: GatewayName
    coupon_code: str | None
    use_credits: bool


def parse(body: Any) -> OrderRequest:
    """Read a body. Raises BadShape for the first field that is missing or of a wrong type."""
    if not isinstance(body, dict):
        raise BadShape("The body must be a JSON object")
    provider = body.get("paymentProvider")
    if provider is not None and (not isinstance(provider, str) or provider not in _PROVIDERS):
        raise BadShape("paymentProvider must be stripe or razorpay")
    return OrderRequest(
        customer_id=_id(body, "customerId"),
        delivery_method_id=_id(body, "deliveryMethodId"),
        address=_address(body.get("deliveryAddress")),
        items=_items(body.get("items")),
        notes=_optional_text(body, "notes", _MAX_NOTES) or "",
        provider=_PROVIDERS[provider or "stripe"],
        coupon_code=_optional_text(body, "couponCode", 64),
        use_credits=_flag(body, "useCredits"),
    )


def _id(fields: Mapping[str, Any], name: str, at: str = "") -> uuid.UUID | None:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadShape(f"{at}{name} is required and must be a string")
    return parse_id(value)


def _optional_text(fields: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise BadShape(f"{name} must be a string of at most {longest} characters")
    return value.strip()


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadShape(f"{name} must be true or false")
    return bool(value)


def _address(value: Any) -> DeliveryAddress:
    if not isinstance(value, dict):
        raise BadShape("deliveryAddress is required and must be an object")
    texts = {}
    for name, longest in _LENGTHS.items():
        text = value.get(name)
        if text is None and name == "state":
            text = ""
        if not isinstance(text, str) or len(text) > longest:
            raise BadShape(f"deliveryAddress.{name} is required and must be a string of at most {longest} characters")
        texts[name] = text.strip()
        if not texts[name] and name != "state":
            raise BadShape(f"deliveryAddress.{name} must not be empty")
    country = value.get("country")
    code = alpha2(country) if isinstance(country, str) else None
    if code is None:
        raise BadShape("deliveryAddress.country must be an ISO 3166 code or an English name of a country")
    return DeliveryAddress(texts["street"], texts["city"], texts["state"], texts["zipCode"], code)


def _items(value: Any) -> tuple[WantedItem, ...]:
    if not isinstance(value, list):
        raise BadShape("items is required and must be a list")
    if not value:
        raise BadShape("items must have at least one item")
    if len(value) > MAX_ITEMS:
        raise BadShape(f"items must have at most {MAX_ITEMS} items")
    return tuple(_item(item, f"items[{index}]") for index, item in enumerate(value))


def _item(value: Any, at: str) -> WantedItem:
    if not isinstance(value, dict):
        raise BadShape(f"{at} must be an object")
    variant = value.get("variantId")
    if variant is not None and not isinstance(variant, str):
        raise BadShape(f"{at}.variantId must be a string or null")
    unit_price = value.get("unitPrice")
    if unit_price is not None and (isinstance(unit_price, bool) or not isinstance(unit_price, int | Decimal)):
        raise BadShape(f"{at}.unitPrice must be a number")
    if "quantity" not in value:
        raise BadShape(f"{at}.quantity is required")
    quantity = value["quantity"]
    return WantedItem(
        product_id=_id(value, "productId", f"{at}."),
        variant_id=parse_id(variant),
        names_variant=variant is not None,
        quantity=quantity if type(quantity) is int else 0,
        unit_price=None if unit_price is None else Decimal(unit_price),
    )


def checkout(done: Checkout, request: OrderRequest, *, razorpay_key_id: str) -> bytes:
    """The answer to an order with payment."""
    answer: dict[str, Any] = {
        "orderId": str(done.order_id),
        "clientSecret": done.client_secret,
        "totalAmount": done.total.major,
        "currency": done.total.currency,
        "paymentProvider": request.provider.value,
    }
    if request.provider == GatewayName.RAZORPAY and done.gateway_reference:
        answer |= {"razorpayOrderId": done.gateway_reference, "keyId": razorpay_key_id}
    return strict_json.dumps(answer)
