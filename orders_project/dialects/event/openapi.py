"""How the OpenAPI document describes the event dialect, whose view is none of REST framework's."""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_HEX: dict[str, Any] = {"type": "string", "minLength": 32, "maxLength": 32, "pattern": "^[0-9a-f]+$"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
_COUNT: dict[str, Any] = {"type": "integer"}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


_KEPT = {"_id": _HEX, "createdAt": _INSTANT, "updatedAt": _INSTANT, "__v": _COUNT}
_USER = _object(
    confirmed={"type": "boolean"},
    blocked={"type": "boolean"},
    fullname=_TEXT,
    username=_TEXT,
    email=_TEXT,
    provider=_TEXT,
    role=_HEX,
    id=_HEX,
    **_KEPT,
)
_EVENT = _object(
    settings=_object(amount={**_COUNT, "description": "Minor units."}, currency=_TEXT),
    created_by={**_HEX, "nullable": True},
    updated_by={**_HEX, "nullable": True},
    name=_TEXT,
    slug=_TEXT,
    id=_HEX,
    **_KEPT,
)
_ORDER = _object(
    id={**_TEXT, "description": "What Razorpay Checkout opens with."},
    entity={"type": "string", "enum": ["order"]},
    amount=_COUNT,
    amount_paid=_COUNT,
    amount_due=_COUNT,
    currency=_TEXT,
    receipt=_TEXT,
    offer_id={**_TEXT, "nullable": True},
    status={"type": "string", "enum": ["created", "attempted", "paid"]},
    attempts=_COUNT,
    notes={"type": "array", "items": {}},
    created_at={**_COUNT, "description": "Epoch seconds."},
)
SCHEMAS: dict[str, Any] = {
    "EventEntry": _object(
        profile=_object(
            name=_TEXT,
            description=_TEXT,
            event=_EVENT,
            user=_USER,
            isLive={"type": "boolean"},
            updated_by=_USER,
            id=_HEX,
            **_KEPT,
        ),
        order=_ORDER,
    ),
    "EventRefusal": _object(statusCode=_COUNT, error=_TEXT, message=_TEXT),
}
_REFUSALS = {
    "400": "The Idempotency-Key is none.",
    "401": "No token, or one that does not count.",
    "403": "The profile is another user's.",
    "404": "No such event, or no such profile in it.",
    "405": "The order is only handed out by POST.",
    "409": "It is paid already, or the event is full or takes no entries; or its Idempotency-Key is in use.",
    "413": "The body is too large.",
    "422": "The Idempotency-Key was used for another request.",
    "502": "The payment provider cannot be asked right now.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}


def paths(key_header: dict[str, Any]) -> dict[str, Any]:
    """The dialect's one operation. `key_header` is the parameter Idempotency-Key."""
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/EventRefusal"}}}
    entry = {"application/json": {"schema": {"$ref": "#/components/schemas/EventEntry"}}}
    slug = {"in": "path", "name": "slug", "required": True, "schema": _TEXT}
    profile = {"in": "path", "name": "id", "required": True, "schema": _HEX}
    return {
        "/order/{slug}/{id}": {
            "post": {
                "operationId": "event_entry",
                "description": "The payment order of one's entry in an event: the one that is open, or a new one.",
                "tags": ["event"],
                "security": [{"bearer": []}],
                "parameters": [slug, profile, key_header],
                "responses": {
                    "200": {"description": "To be paid with Razorpay Checkout.", "content": entry},
                    **{code: {"description": text, "content": refusal} for code, text in _REFUSALS.items()},
                },
            }
        }
    }
