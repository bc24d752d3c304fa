"""Adds to the OpenAPI document what views do not say themselves: the refusals that every operation may answer with, in
the one shape of `problems`; idempotency keys; and the routes that are none of REST framework's.
"""

from __future__ import annotations

from typing import Any

from orders_project.dialects.event import openapi as event
from orders_project.dialects.razorpay import openapi as razorpay
from orders_project.dialects.retrieval import openapi as retrieval
from orders_project.dialects.storefront import openapi as storefront
from orders_project.idempotency.middleware import keeps

_PROBLEM = {
    "type": "object",
    "description": "Why a request was refused. Only a validation error may have several reasons.",
    "properties": {
        "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "For programs; stays when the text changes."},
                    "detail": {"type": "string", "description": "For people."},
                    "attr": {
                        "type": "string",
                        "nullable": True,
                        "description": "The field or parameter, with dots into nested ones.",
                    },
                },
                "required": ["code", "detail", "attr"],
            },
        },
    },
    "required": ["type", "errors"],
}
_REFUSALS = {
    "400": "The request is malformed, or a field or parameter is not acceptable.",
    "401": "No token, or one that does not count.",
    "403": "The caller may not do this.",
    "404": "There is no such thing, or not for this caller.",
    "409": "The state does not allow it, or a request with this Idempotency-Key is still in progress.",
    "413": "The body is too large.",
    "415": "The body is not of a media type that is read here: JSON, or a form for files.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Too many failed attempts; Retry-After says when to come back.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}
_BLANK = {"type": "string", "maxLength": 0}
_METHODS = ("get", "post", "put", "patch", "delete")
_WITH_BODY = ("post", "put", "patch")
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "A repeated request gets the first answer; one that was refused may be sent again.",
}
_HEALTH_STATES = {"type": "string", "enum": ["ok", "unavailable", "gone", "empty"]}
_HEALTH_BODY = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": dict.fromkeys(("status", "database", "catalogue"), _HEALTH_STATES),
            "required": ["status", "database"],
        }
    }
}
_HEALTH = {
    "get": {
        "operationId": "health",
        "description": "Whether this server is able to serve.",
        "tags": ["health"],
        "security": [{}],
        "responses": {
            "200": {"description": "It is.", "content": _HEALTH_BODY},
            "503": {"description": "It is not, and what is missing.", "content": _HEALTH_BODY},
        },
    }
}


_PAGE = {"text/html": {"schema": {"type": "string"}}}
_INVOICE = {
    "get": {
        "operationId": "invoice",
        "description": "An order's invoice, or with `note` one that corrects it, for whoever was given the link; "
        "before its issue a pro-forma. As a PDF with `format=pdf` or `Accept: application/pdf`.",
        "tags": ["order"],
        "security": [{}],
        "parameters": [
            {"in": "path", "name": "number", "required": True, "schema": {"type": "integer", "minimum": 1}},
            {"in": "query", "name": "signature", "required": True, "schema": {"type": "string"}},
            {"in": "query", "name": "format", "schema": {"type": "string", "enum": ["html", "pdf", "xml"]}},
            {"in": "query", "name": "note", "schema": {"type": "string"}, "description": "The number of a note."},
        ],
        "responses": {
            "200": {
                "description": "The document.",
                "content": {
                    **_PAGE,
                    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                    "application/xml": {"schema": {"type": "string"}},
                },
            },
            "403": {"description": "The link is not valid.", "content": _PAGE},
            "404": {"description": "There is no such format of it, or not yet.", "content": _PAGE},
        },
    }
}


def document_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular. Responses that a view documents itself stay as they are."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for schema in schemas.values():
        _let_blank(schema)
    schemas["Problem"] = _PROBLEM
    for path, operations in result["paths"].items():
        for method in _METHODS:
            if method in operations:
                if keeps(method.upper(), path):
                    _add_key(operations[method])
                _add_refusals(operations[method], path, method)
    return result


def document_other_routes(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular, after `document_problems`: these say themselves what they refuse."""
    for dialect in (storefront, event, razorpay, retrieval):
        result["components"]["schemas"] |= dialect.SCHEMAS
    result["components"].setdefault("securitySchemes", {}).update(razorpay.SECURITY)
    result["paths"] = {
        **storefront.paths(_KEY),
        **event.paths(_KEY),
        **razorpay.paths(_KEY),
        **retrieval.paths(),
        **result["paths"],
        "/api/v1/health/": _HEALTH,
        "/order/{number}/invoice": _INVOICE,
    }
    return result


def _let_blank(schema: dict[str, Any]) -> None:
    # An empty text matches a pattern for one line, too, and would be refused for matching both.
    for field in schema.get("properties", {}).values():
        if _BLANK in field.get("oneOf", ()):
            field["anyOf"] = field.pop("oneOf")


def _add_key(operation: dict[str, Any]) -> None:
    operation["parameters"] = [*operation.get("parameters", []), _KEY]


def _add_refusals(operation: dict[str, Any], path: str, method: str) -> None:
    # Public operations have no security, or {} among the alternatives.
    protected = bool(operation.get("security")) and {} not in operation["security"]
    wanted = {"503"}
    if operation.get("parameters") or "requestBody" in operation:
        wanted.add("400")
    if method in _WITH_BODY:
        wanted |= {"413", "415"}
    if keeps(method.upper(), path):
        wanted |= {"409", "422"}
    if protected or "/auth/" in path:
        wanted.add("401")
    if protected:
        wanted.add("403")
    if "{" in path:
        wanted.add("404")
    # Passwords and coupon codes can be guessed.
    if method == "post" and ("/auth/" in path or "/coupons/" in path or path == "/api/v1/orders/"):
        wanted.add("429")
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(wanted):
        operation["responses"].setdefault(status, {"content": content, "description": _REFUSALS[status]})
