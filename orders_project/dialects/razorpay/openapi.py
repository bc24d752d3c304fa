"""How the OpenAPI document describes the Razorpay dialect, whose views are none of REST framework's."""

from __future__ import annotations

from typing import Any

from orders_project.dialects.razorpay.wire import LEAST_INR_MINOR, LONGEST_RECEIPT, MOST_COUNT, MOST_NOTES, SPEEDS

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": "string", "nullable": True}
_MINOR = {"type": "integer", "format": "int64", "description": "Minor units."}
_EPOCH = {"type": "integer", "description": "Unix seconds."}
_NOTES_SENT = {"type": "object", "maxProperties": MOST_NOTES, "additionalProperties": True}
_NOTES = {
    "description": "An object; an empty list if there are none.",
    "anyOf": [_NOTES_SENT, {"type": "array", "maxItems": 0, "items": {}}],
}
_ORDER = {
    "id": _TEXT,
    "entity": {"type": "string", "enum": ["order"]},
    "amount": _MINOR,
    "amount_paid": _MINOR,
    "amount_due": _MINOR,
    "currency": _TEXT,
    "receipt": _MAYBE_TEXT,
    "offer_id": _MAYBE_TEXT,
    "status": {"type": "string", "enum": ["created", "attempted", "paid"]},
    "attempts": {"type": "integer"},
    "notes": _NOTES,
    "created_at": _EPOCH,
}
_PAYMENT = {
    "id": _TEXT,
    "entity": {"type": "string", "enum": ["payment"]},
    "amount": _MINOR,
    "currency": _TEXT,
    "status": {"type": "string", "enum": ["created", "authorized", "captured", "refunded", "failed"]},
    "order_id": _TEXT,
    "invoice_id": _MAYBE_TEXT,
    "international": {"type": "boolean"},
    "method": _MAYBE_TEXT,
    "amount_refunded": _MINOR,
    "refund_status": {"type": "string", "enum": ["partial", "full"], "nullable": True},
    "captured": {"type": "boolean"},
    **dict.fromkeys(("description", "card_id", "bank", "wallet", "vpa", "email", "contact"), _MAYBE_TEXT),
    "notes": _NOTES,
    "fee": {**_MINOR, "nullable": True},
    "tax": {**_MINOR, "nullable": True},
    **dict.fromkeys(
        ("error_code", "error_description", "error_source", "error_step", "error_reason"),
        _MAYBE_TEXT,
    ),
    "acquirer_data": {"type": "object"},
    "created_at": _EPOCH,
}
_REFUND = {
    "id": _TEXT,
    "entity": {"type": "string", "enum": ["refund"]},
    "amount": _MINOR,
    "currency": _TEXT,
    "payment_id": _TEXT,
    "notes": _NOTES,
    "receipt": _MAYBE_TEXT,
    "acquirer_data": {"type": "object"},
    "created_at": _EPOCH,
    "batch_id": _MAYBE_TEXT,
    "status": {"type": "string", "enum": ["pending", "processed", "failed"]},
    "speed_processed": _TEXT,
    "speed_requested": _TEXT,
}
_ERROR = {
    "code": {"type": "string", "enum": ["BAD_REQUEST_ERROR", "GATEWAY_ERROR", "SERVER_ERROR"]},
    "description": _TEXT,
    "source": _TEXT,
    "step": _TEXT,
    "reason": _TEXT,
    "metadata": {"type": "object"},
}
_WISH = {
    "amount": {**_MINOR, "description": f"Minor units, {LEAST_INR_MINOR} at the least in INR."},
    "currency": {"type": "string", "description": "One of the currencies allowed here, INR alone by default."},
    "receipt": {"type": "string", "maxLength": LONGEST_RECEIPT, "nullable": True},
    "notes": _NOTES_SENT,
    "payment_capture": {
        "type": "integer",
        "enum": [0, 1],
        "description": "1: what the checkout only authorizes is captured. 0: it is held for the capture call.",
    },
}
_REFUND_WISH = {
    "amount": {**_MINOR, "description": "Left out, all that is left."},
    "speed": {"type": "string", "enum": list(SPEEDS)},
    "notes": _NOTES_SENT,
    "receipt": {"type": "string", "maxLength": LONGEST_RECEIPT},
}


def _object(properties: dict[str, Any], *required: str, closed: bool = True) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "required": list(required or properties)}
    return {**shape, "additionalProperties": False} if closed else shape


def _collection(schema: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}
    return _object({"entity": {"type": "string", "enum": ["collection"]}, "count": {"type": "integer"}, "items": items})


SCHEMAS: dict[str, Any] = {
    "RazorpayOrder": _object(_ORDER),
    "RazorpayOrders": _collection("RazorpayOrder"),
    "RazorpayOrderWish": _object(_WISH, "amount", "currency"),
    "RazorpayNotes": _object({"notes": _NOTES_SENT}),
    "RazorpayPayment": _object(_PAYMENT),
    "RazorpayPayments": _collection("RazorpayPayment"),
    "RazorpayCapture": _object({"amount": _MINOR, "currency": {**_TEXT, "default": "INR"}}, "amount"),
    "RazorpayRefund": _object(_REFUND),
    "RazorpayRefunds": _collection("RazorpayRefund"),
    "RazorpayRefundWish": {"type": "object", "properties": _REFUND_WISH, "additionalProperties": False},
    "RazorpayRefundOf": _object({**_REFUND_WISH, "payment_id": _TEXT}, "payment_id"),
    "RazorpayError": _object({"error": _object({**_ERROR, "field": _TEXT}, *_ERROR)}),
}
SECURITY: dict[str, Any] = {"merchant": {"type": "http", "scheme": "basic", "description": "Key id and key secret."}}

_REFUSALS = {
    "400": "What is wrong with the request; an unknown id, and another merchant's, too.",
    "401": "No keys, or none that count.",
    "429": "More calls within a second than one key may make.",
    "502": "The payment gateway would not or could not do it, or did not say.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}
_WRITING = {
    "409": "A request with this key is still in progress.",
    "413": "The body is too large.",
    "415": "The body is neither JSON nor a form.",
    "422": "The Idempotency-Key was used for another request.",
}
_ID = {"in": "path", "name": "id", "required": True, "schema": _TEXT}
_REFUND_ID = {"in": "path", "name": "refund_id", "required": True, "schema": _TEXT}
_REFUND_KEY = {
    "in": "header",
    "name": "X-Refund-Idempotency",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "minLength": 10, "maxLength": 255},
    "description": "Razorpay's own key for refunds: one refund, however often it is asked for.",
}


def _number(name: str, least: int, most: int | None, default: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": least}
    schema |= {} if most is None else {"maximum": most}
    schema |= {} if default is None else {"default": default}
    return {"in": "query", "name": name, "schema": schema}


_PAGING = [_number("count", 1, MOST_COUNT, 10), _number("skip", 0, None, 0)]
_FILTERS = [
    {**_number("from", 0, None), "description": "Unix seconds, inclusive."},
    {**_number("to", 0, None), "description": "Unix seconds, inclusive."},
    *_PAGING,
    {
        "in": "query",
        "name": "authorized",
        "schema": {"type": "integer", "enum": [0, 1]},
        "description": "1: orders with a payment that is authorized and not captured; 0: the others. Or true, false.",
    },
    {"in": "query", "name": "receipt", "schema": _TEXT},
]


def paths(key_header: dict[str, Any]) -> dict[str, Any]:
    """The dialect's operations. `key_header` is the parameter Idempotency-Key."""

    def reads(name: str, text: str, schema: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        return _operation(name, text, schema, list(parameters), _REFUSALS)

    def writes(name: str, text: str, schema: str, body: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        operation = _operation(name, text, schema, [*parameters, key_header], {**_REFUSALS, **_WRITING})
        content = {"schema": {"$ref": f"#/components/schemas/{body}"}}
        sent = dict.fromkeys(("application/json", "application/x-www-form-urlencoded"), content)
        return {**operation, "requestBody": {"content": sent, "required": True}}

    order, payment, refund = "RazorpayOrder", "RazorpayPayment", "RazorpayRefund"
    refunding = "Give money of a payment back; without an amount, all that is left."
    return {
        "/v1/orders": {
            "get": reads("razorpay_orders", "The merchant's orders, the newest first.", f"{order}s", *_FILTERS),
            "post": writes("razorpay_create_order", "Ask for an amount.", order, f"{order}Wish"),
        },
        "/v1/orders/{id}": {
            "get": reads("razorpay_order", "An order.", order, _ID),
            "patch": writes("razorpay_edit_order", "Replace an order's notes.", order, "RazorpayNotes", _ID),
        },
        "/v1/orders/{id}/payments": {
            "get": reads("razorpay_order_payments", "Every try to pay an order.", f"{payment}s", _ID)
        },
        "/v1/payments/{id}": {"get": reads("razorpay_payment", "A payment of an order of one's own.", payment, _ID)},
        "/v1/payments/{id}/capture": {
            "post": writes("razorpay_capture", "Take what was authorized.", payment, "RazorpayCapture", _ID)
        },
        "/v1/payments/{id}/refund": {
            "post": writes("razorpay_refund", refunding, refund, f"{refund}Wish", _ID, _REFUND_KEY)
        },
        "/v1/payments/{id}/refunds": {
            "get": reads("razorpay_payment_refunds", "The refunds of a payment.", f"{refund}s", _ID, *_PAGING)
        },
        "/v1/payments/{id}/refunds/{refund_id}": {
            "get": reads("razorpay_payment_refund", "A refund of a payment.", refund, _ID, _REFUND_ID)
        },
        "/v1/refunds": {"post": writes("razorpay_create_refund", refunding, refund, f"{refund}Of", _REFUND_KEY)},
        "/v1/refunds/{id}": {"get": reads("razorpay_one_refund", "A refund.", refund, _ID)},
    }


def _operation(
    name: str, text: str, schema: str, parameters: list[dict[str, Any]], refusals: dict[str, str]
) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/RazorpayError"}}}
    done = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    refused = {code: {"description": words, "content": error} for code, words in sorted(refusals.items())}
    return {
        "operationId": name,
        "description": text,
        "tags": ["razorpay"],
        "security": [{"merchant": []}],
        "parameters": parameters,
        "responses": {"200": {"description": "Done.", "content": done}, **refused},
    }
