"""How the OpenAPI document describes order retrieval and uploaded images, whose views are none of REST framework's."""

from __future__ import annotations

from typing import Any

from orders.models import CampaignStatus, OrderStatus

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer", "minimum": 0}
_AMOUNT = {"type": "number", "description": "Major units, without needless zeros."}
_INSTANT = {"type": "string", "format": "date-time", "description": "With the US Central offset of that day."}

_FLYER = {
    "id": {"type": "integer"},
    "status": {"type": "string", "enum": list(CampaignStatus.labels)},
    "delivered": _WHOLE,
    "opened": _WHOLE,
    "clicked": _WHOLE,
    "prop_address": _TEXT,
    "prop_desc": {"type": "string", "description": "HTML, a safe subset."},
    "prop_price": {"type": "string", "description": 'As people write it: "$835,500"; empty if it is not said.'},
    "main_image": {"type": "string", "description": "A path on this server; empty without one."},
    "headline": _TEXT,
    "sub_headline": _TEXT,
    "cost": _AMOUNT,
    "rush": {"type": "string", "enum": ["0", "1"]},
    "scheduled": {**_INSTANT, "nullable": True},
    "subject": _TEXT,
    "list_name": _TEXT,
    "percentage_completed": {"type": "integer", "minimum": 0, "maximum": 100},
}
_ADD_ON = {"id": {"type": "integer"}, "title": _TEXT, "quantity": {"type": "integer", "minimum": 1}, "cost": _AMOUNT}
_PRODUCTS = {
    "items": {"type": "integer", "minimum": 1, "description": "Lines of the order."},
    "flyers": {"type": "array", "items": {"$ref": "#/components/schemas/RetrievedFlyer"}},
}
_ORDER = {
    "id": {"type": "integer"},
    "paypal": {"type": "integer", "enum": [0, 1]},
    "status": {"type": "string", "enum": list(OrderStatus.labels)},
    "created_at": _INSTANT,
    **dict.fromkeys(("city", "first_name", "last_name", "phone", "street", "zip"), _TEXT),
    "state": {"type": "string", "maxLength": 2},
    **dict.fromkeys(("cost", "discount", "tax", "total", "credits_needed", "net_total"), _AMOUNT),
    "credits_consumed": {**_AMOUNT, "nullable": True, "description": "Null while none were."},
    "payment_method": {
        "type": "string",
        "description": "Promotional Code, Prepaid Credits, PayPal, Card ending in 0504, Cash on Delivery, UPI, "
        "Net Banking or Wallet; empty while nothing was paid.",
    },
    "products": {"$ref": "#/components/schemas/RetrievedProducts"},
    "coupon_name": _TEXT,
    "invoice_url": {"type": "string", "format": "uri"},
}
_MESSAGE = {"type": "object", "required": ["message"], "properties": {"message": _TEXT}}


def _closed(properties: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": {**properties, **optional},
        "additionalProperties": False,
    }


SCHEMAS: dict[str, Any] = {
    "RetrievedOrder": _closed(_ORDER),
    "RetrievedProducts": _closed(
        _PRODUCTS,
        addOns={
            "type": "array",
            "items": {"$ref": "#/components/schemas/RetrievedAddOn"},
            "description": "The lines that are no flyers, if there are any.",
        },
    ),
    "RetrievedFlyer": _closed(_FLYER),
    "RetrievedAddOn": _closed(_ADD_ON),
    "RetrievalMessage": _MESSAGE,
}
_REFUSALS = {
    "401": "No token, or one that does not count.",
    "403": "The order is another's, or does not exist.",
    "404": "The order does not exist; told to staff with the right to view orders alone.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}


def paths() -> dict[str, Any]:
    """The dialect's operation, and the images that it names."""
    order = {"application/json": {"schema": {"$ref": "#/components/schemas/RetrievedOrder"}}}
    message = {"application/json": {"schema": {"$ref": "#/components/schemas/RetrievalMessage"}}}
    number = {"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}}
    name = {"in": "path", "name": "name", "required": True, "schema": _TEXT}
    picture = {"schema": {"type": "string", "format": "binary"}}
    return {
        "/api/order/{id}": {
            "get": {
                "operationId": "retrieve_order",
                "description": "An order by its number: for its customer, and for staff who may view orders.",
                "tags": ["order retrieval"],
                "security": [{"bearer": []}],
                "parameters": [number],
                "responses": {
                    "200": {"description": "The order.", "content": order},
                    **{code: {"description": text, "content": message} for code, text in _REFUSALS.items()},
                },
            }
        },
        "/uploads/{name}": {
            "get": {
                "operationId": "uploaded_image",
                "description": "An image of a flyer, by its path.",
                "tags": ["order retrieval"],
                "security": [{}],
                "parameters": [name],
                "responses": {
                    "200": {"description": "The image.", "content": {"image/jpeg": picture, "image/png": picture}},
                    "404": {"description": "There is no such image."},
                },
            }
        },
    }
