"""How the OpenAPI document describes the commerce dialect, whose views are none of REST framework's."""

from __future__ import annotations

from typing import Any

from orders.models import OrderType
from orders_project.dialects.commerce import filters
from orders_project.dialects.commerce.reading import ADDRESS_FIELDS, MAX_LINES

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number", "description": "Major units, exact to the digit."}
_AMOUNT: dict[str, Any] = {"anyOf": [{"type": "number"}, _TEXT], "description": "Major units; a number, or its text."}
_WHOLE: dict[str, Any] = {"type": "integer"}
_SENT_WHOLE: dict[str, Any] = {"anyOf": [{"type": "integer"}, _TEXT]}
_UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_NOTHING: dict[str, Any] = {"type": "object", "maxProperties": 0}
_NONE: dict[str, Any] = {"type": "array", "maxItems": 0, "items": {}}
# Not what it is worth, but that there is one: a null stands for none.
_MAYBE_WHOLE: dict[str, Any] = {"type": "integer", "nullable": True}
_MAYBE_TEXT: dict[str, Any] = {"type": "string", "nullable": True}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _lenient(shape: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {**shape, "required": [name for name in shape["required"] if name not in optional]}


def _closed(**properties: dict[str, Any]) -> dict[str, Any]:
    return {**_object(**properties), "additionalProperties": False}


def _enveloped(data: dict[str, Any]) -> dict[str, Any]:
    return _closed(status_code={"type": "integer", "enum": [200]}, errors=_NOTHING, data=data)


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_ADDRESS = dict.fromkeys(ADDRESS_FIELDS, _TEXT)
_LINE = _object(
    product_id={**_SENT_WHOLE, "description": "The product's number; its default variant is sold."},
    quantity=_SENT_WHOLE,
    unit_price=_AMOUNT,
    discount=_AMOUNT,
    total_amount=_AMOUNT,
)
_ORDER = _object(
    uid={**_TEXT, "description": "The customer's id."},
    total_amount=_AMOUNT,
    address=_lenient(_object(**_ADDRESS), "address_state_code", "address_postal_code"),
    products={"type": "array", "minItems": 1, "maxItems": MAX_LINES, "items": _LINE},
)
_PACKAGE = _object(
    order_type={"type": "string", "enum": ["upgrade", "renewal"]},
    uid=_TEXT,
    product_id=_SENT_WHOLE,
    unit_price=_AMOUNT,
    discount=_AMOUNT,
    order_total=_AMOUNT,
    **_ADDRESS,
)
_PLACED = _closed(order_id=_WHOLE, order_number=_WHOLE, total_amount=_NUMBER, pay_url=_MAYBE_TEXT)
_ROW = _closed(
    id=_WHOLE,
    uid=_UUID,
    order_number=_WHOLE,
    data=_closed(
        dialect=_TEXT,
        fulfilment=_TEXT,
        products=_NUMBER,
        discount=_NUMBER,
        tax=_NUMBER,
        delivery=_NUMBER,
        credits=_NUMBER,
        prices_include_tax=_FLAG,
    ),
    order_total=_NUMBER,
    currency_symbol=_TEXT,
    currency_code=_TEXT,
    order_type={"type": "string", "enum": list(OrderType.values)},
    status=_TEXT,
    created=_INSTANT,
    modified=_INSTANT,
    shipping_id=_MAYBE_WHOLE,
    billing_id=_WHOLE,
)
_FILTERS = _closed(
    applied=_closed(
        order_number=_MAYBE_TEXT, period=_MAYBE_TEXT, category=_MAYBE_TEXT, limit=_WHOLE, cursor=_MAYBE_TEXT
    ),
    choices=_closed(
        order_number=_TEXT,
        period={"type": "array", "items": _TEXT},
        category={"type": "array", "items": _TEXT},
        limit=_closed(min=_WHOLE, max=_WHOLE),
    ),
    next_cursor=_MAYBE_TEXT,
)
_BASE_PRICE = _closed(
    data=_NONE,
    title=_TEXT,
    total=_NUMBER,
    included=_FLAG,
    quantity=_WHOLE,
    description=_TEXT,
    currency_code=_TEXT,
)
_PRICE = _closed(
    data=_NONE,
    items=_closed(base_price=_BASE_PRICE),
    title=_TEXT,
    total=_NUMBER,
    quantity=_WHOLE,
    description=_TEXT,
    currency_code=_TEXT,
    revenue_total=_NUMBER,
)
_PARAMS = _closed(
    **{
        "price": _closed(value=_TEXT),
        "images": _closed(value=_TEXT),
        "product-name": _closed(value=_TEXT),
        "whole-sale-price": _closed(value=_NUMBER),
    }
)
_ATTRIBUTES = _closed(title=_TEXT, params=_PARAMS, display=_NOTHING, description=_TEXT)
_DETAIL = _closed(
    id=_WHOLE,
    product_id=_WHOLE,
    bundle_id=_MAYBE_WHOLE,
    line_item_label=_TEXT,
    quantity=_WHOLE,
    price=_TEXT,
    data=_closed(
        price=_PRICE,
        modules=_NOTHING,
        product=_closed(sku=_TEXT, product_type=_TEXT, product_type_code=_TEXT),
        item_display=_closed(items=_closed(varient_attributes=_ATTRIBUTES)),
    ),
    order_id=_WHOLE,
    currency_code=_TEXT,
    order_id_id=_WHOLE,
    status=_TEXT,
    image_path=_TEXT,
)
SCHEMAS: dict[str, Any] = {
    "CommerceOrder": _ORDER,
    "CommercePackage": _PACKAGE,
    "CommercePlaced": _enveloped(_PLACED),
    "CommerceOrders": _enveloped(_closed(orders={"type": "array", "items": _ROW}, filter_data=_FILTERS)),
    "CommerceLines": _enveloped({"type": "array", "items": _DETAIL}),
    "CommerceRefusal": _closed(
        status_code=_WHOLE,
        error_type=_TEXT,
        errors={"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}},
        data=_NOTHING,
    ),
}
_REFUSALS = {
    "400": "Every fault by its field, in the documented words.",
    "401": "The apikey or the token is missing, or does not count.",
    "403": "The integration does not have the scope.",
    "405": "Another method.",
    "409": "A request with this Idempotency-Key is still in progress.",
    "413": "The body is too large.",
    "415": "The body is neither JSON nor a form.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Too many requests; Retry-After says when to come back.",
    "502": "The payment provider cannot be asked: the order is cancelled.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}
_OF_POSTS = ("409", "413", "415", "422")
_KEY = {"in": "header", "name": "apikey", "required": True, "schema": _TEXT, "description": "The integration's key."}
_NUMBER_ASKED = {
    "in": "query",
    "name": "order_number",
    "schema": _TEXT,
    "description": "The order's number; it may stand in the body instead, of a GET, too.",
}


def paths(key_header: dict[str, Any]) -> dict[str, Any]:
    """The dialect's operations. `key_header` is the parameter Idempotency-Key."""
    post = {"parameters": [_KEY, key_header]}
    details = _operation("commerce_order_details", "The lines of an order.", "CommerceLines")
    return {
        "/api/v1/commerce/create-order/": {
            "post": {
                **_operation("commerce_create_order", "Place an order for a customer.", "CommercePlaced", but=()),
                **post,
                "requestBody": _body("CommerceOrder"),
            }
        },
        "/api/v1/commerce/upgrade-renewal-package/": {
            "post": {
                **_operation(
                    "commerce_package", "Order an upgrade or a renewal of a package.", "CommercePlaced", but=()
                ),
                **post,
                "requestBody": _body("CommercePackage"),
            }
        },
        "/api/v1/commerce/all-orders/": {
            "get": {
                **_operation(
                    "commerce_all_orders",
                    "The caller's orders, for staff everybody's; the newest first.",
                    "CommerceOrders",
                    but=(*_OF_POSTS, "502"),
                ),
                "parameters": [_KEY, *_filters()],
            }
        },
        "/api/v1/commerce/order-details/": {
            "get": {**details, "operationId": "commerce_order_details", "parameters": [_KEY, _NUMBER_ASKED]},
            "post": {
                **details,
                "operationId": "commerce_order_details_post",
                "parameters": [_KEY, key_header, _NUMBER_ASKED],
                "requestBody": {
                    "content": _contents(_lenient(_object(order_number=_SENT_WHOLE), "order_number")),
                },
            },
        },
    }


def _filters() -> list[dict[str, Any]]:
    choices: dict[str, dict[str, Any]] = {
        "order_number": _TEXT,
        "order number": {**_TEXT, "description": "The same."},
        "period": {**_TEXT, "description": f"{', '.join(filters.PERIODS)}, or {filters.OWN_DATES}."},
        "category": {"type": "string", "enum": list(OrderType.values)},
        "limit": {"type": "integer", "minimum": 1, "maximum": filters.MAX_LIMIT, "default": filters.DEFAULT_LIMIT},
        "cursor": {**_TEXT, "description": "The `next_cursor` of the page before."},
    }
    return [{"in": "query", "name": name, "schema": schema} for name, schema in choices.items()]


def _contents(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: {"schema": schema}
        for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    }


def _body(name: str) -> dict[str, Any]:
    return {"required": True, "content": _contents(_ref(name))}


def _operation(name: str, text: str, answer: str, *, but: tuple[str, ...] = ("502",)) -> dict[str, Any]:
    refusal = {"application/json": {"schema": _ref("CommerceRefusal")}}
    return {
        "operationId": name,
        "description": text,
        "tags": ["commerce"],
        "security": [{"bearer": []}],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": _ref(answer)}}},
            **{code: {"description": text, "content": refusal} for code, text in _REFUSALS.items() if code not in but},
        },
    }
