"""Adds the refusals that every operation may answer with to the OpenAPI document, in the one shape of `problems`."""

from __future__ import annotations

from typing import Any

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
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many failed attempts; Retry-After says when to come back.",
    "503": "Temporarily unavailable; Retry-After says when to come back.",
}
_METHODS = ("get", "post", "put", "patch", "delete")


def document_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular. Responses that a view documents itself stay as they are."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, operations in result["paths"].items():
        for method in _METHODS:
            if method in operations:
                _add_refusals(operations[method], path, method)
    return result


def _add_refusals(operation: dict[str, Any], path: str, method: str) -> None:
    # Public operations have no security, or {} among the alternatives.
    protected = bool(operation.get("security")) and {} not in operation["security"]
    wanted = {"503"}
    if operation.get("parameters") or "requestBody" in operation:
        wanted.add("400")
    if "requestBody" in operation:
        wanted |= {"413", "415"}
    if protected or "/auth/" in path:
        wanted.add("401")
    if protected:
        wanted.add("403")
    if "{" in path:
        wanted.add("404")
    if "/auth/" in path and method == "post":
        wanted.add("429")
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(wanted):
        operation["responses"].setdefault(status, {"content": content, "description": _REFUSALS[status]})
