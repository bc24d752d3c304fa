"""The document says what may be refused, and keeps what a view says itself."""

from __future__ import annotations

from typing import Any

import pytest

from orders_project.openapi import document_problems

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


def documented(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """The responses of one operation after the hook."""
    operation = {"responses": {"200": {"description": ""}}, **operation}
    result = document_problems({"paths": {path: {method: operation}}}, generator=None)
    assert "Problem" in result["components"]["schemas"]
    responses: dict[str, Any] = result["paths"][path][method]["responses"]
    return responses


@pytest.mark.parametrize(
    ("path", "method", "operation", "statuses"),
    [
        ("/api/v1/products/", "get", {"parameters": [{}]}, {"400", "503"}),
        ("/api/v1/customers/me/", "get", {"security": BEARER}, {"401", "403", "503"}),
        ("/api/v1/carts/", "get", {"security": [*BEARER, {}]}, {"503"}),
        ("/api/v1/auth/token/", "post", {"requestBody": {}}, {"400", "401", "413", "415", "429", "503"}),
        (
            "/api/v1/addresses/{id}/",
            "patch",
            {"requestBody": {}, "parameters": [{}], "security": BEARER},
            {"400", "401", "403", "404", "413", "415", "503"},
        ),
    ],
)
def test_an_operation_lists_what_may_be_refused(
    path: str, method: str, operation: dict[str, Any], statuses: set[str]
) -> None:
    assert set(documented(path, method, operation)) == {"200", *statuses}


def test_what_a_view_documents_itself_stays() -> None:
    responses = documented("/api/v1/x/", "get", {"responses": {"503": {"description": "mine"}}})
    assert responses == {"503": {"description": "mine"}}
