"""How the OpenAPI document describes the storefront dialect, whose views are none of REST framework's."""

from __future__ import annotations

from typing import Any

from orders_project.dialects.storefront.wire import MAX_ITEMS

_UUID = {"type": "string", "format": "uuid"}
_ORDER = {
    "type": "object",
    "required": ["customerId", "deliveryMethodId", "deliveryAddress", "items"],
    "properties": {
        "customerId": {**_UUID, "description": "The caller's own."},
        "deliveryMethodId": _UUID,
        "deliveryAddress": {
            "type": "object",
            "required": ["street", "city", "zipCode", "country"],
            "properties": {
                "street": {"type": "string", "maxLength": 200},
                "city": {"type": "string", "maxLength": 120},
                "state": {"type": "string", "maxLength": 120, "nullable": True},
                "zipCode": {"type": "string", "maxLength": 20},
                "country": {"type": "string", "description": "An ISO 3166 code or an English name."},
            },
        },
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ITEMS,
            "items": {
                "type": "object",
                "required": ["productId", "quantity"],
                "properties": {
                    "productId": _UUID,
                    "variantId": {**_UUID, "nullable": True, "description": "Needed if there are several."},
                    "quantity": {"type": "integer", "minimum": 1},
                    "unitPrice": {
                        "type": "number",
                        "nullable": True,
                        "description": "If it is given and not today's price, the order is refused.",
                    },
                },
            },
        },
        "notes": {"type": "string", "maxLength": 2000, "nullable": True},
        "paymentProvider": {"type": "string", "enum": ["stripe", "razorpay"], "default": "stripe"},
        "couponCode": {"type": "string", "maxLength": 64, "nullable": True},
        "useCredits": {"type": "boolean", "default": False, "description": "Credits pay what they can."},
    },
}
_CHECKOUT = {
    "type": "object",
    "required": ["orderId", "clientSecret", "totalAmount", "currency", "paymentProvider"],
    "properties": {
        "orderId": _UUID,
        "clientSecret": {"type": "string", "nullable": True, "description": "Stripe's; null if nothing is to be paid."},
        "totalAmount": {"type": "number", "description": "Major units, exact to the digit."},
        "currency": {"type": "string"},
        "paymentProvider": {"type": "string", "enum": ["stripe", "razorpay"]},
        "razorpayOrderId": {"type": "string"},
        "keyId": {"type": "string", "description": "Razorpay's public key."},
    },
}
_TEXT = {"application/json": {"schema": {"type": "string"}}}
_REFUSALS = {
    "400": "What is wrong with the request, in words for the shopper.",
    "401": "No token, or one that does not count.",
    "404": "There is no such thing, or not for this caller.",
    "409": "A request with this Idempotency-Key is still in progress.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The Idempotency-Key was used for another request.",
    "500": "The payment could not be initialized: the order is cancelled, and nothing was kept.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The order under /api/v1/."}}

SCHEMAS: dict[str, Any] = {"StorefrontOrder": _ORDER, "StorefrontCheckout": _CHECKOUT}


def paths(key_header: dict[str, Any]) -> dict[str, Any]:
    """The dialect's operations. `key_header` is the parameter Idempotency-Key."""
    placed = {"description": "Placed.", "headers": _LOCATION}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/StorefrontOrder"}}}}
    checkout = {"application/json": {"schema": {"$ref": "#/components/schemas/StorefrontCheckout"}}}
    order_id = {"in": "path", "name": "id", "required": True, "schema": _UUID}
    order = {"requestBody": {**body, "required": True}, "parameters": [key_header]}
    return {
        "/api/orders/with-payment": {
            "post": {
                **_operation("storefront_with_payment", "Place an order to be paid online."),
                **order,
                "responses": {"200": {**placed, "content": checkout}, **_refusals(but=())},
            }
        },
        "/api/orders": {
            "post": {
                **_operation("storefront_orders", "Place an order to be paid on delivery."),
                **order,
                "responses": {"204": placed, **_refusals(but=("500",))},
            }
        },
        "/api/orders/{id}/paid": {
            "patch": {
                **_operation("storefront_paid", "Say that an order is paid: the gateway is asked."),
                "parameters": [order_id, key_header],
                "responses": {"204": {"description": "It is paid."}, **_refusals(but=("415", "500"))},
            }
        },
    }


def _operation(name: str, text: str) -> dict[str, Any]:
    return {"operationId": name, "description": text, "tags": ["storefront"], "security": [{"bearer": []}]}


def _refusals(*, but: tuple[str, ...]) -> dict[str, Any]:
    """A refusal is a JSON string."""
    return {code: {"description": text, "content": _TEXT} for code, text in _REFUSALS.items() if code not in but}
