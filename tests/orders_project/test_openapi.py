"""The document says what may be sent and what may be refused, and keeps what a view says itself."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # comes without types

from orders_project.openapi import document_problems
from tests.shop import Shop, Shopper, item, order_body, send

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
        ("/api/v1/orders/{key}/approve/", "post", {}, {"400", "404", "409", "413", "415", "422", "503"}),
        ("/api/v1/auth/token/", "post", {"requestBody": {}}, {"400", "401", "413", "415", "429", "503"}),
        (
            "/api/v1/addresses/{id}/",
            "patch",
            {"requestBody": {}, "parameters": [{}], "security": BEARER},
            {"400", "401", "403", "404", "409", "413", "415", "422", "503"},
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


# --- the whole document ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What /api/schema/ answers."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def mismatches(document: dict[str, Any], schema: str, body: Any) -> list[str]:
    """What of a body one of the document's schemas does not allow."""
    validator = Draft4Validator({"$ref": f"#/components/schemas/{schema}", "components": document["components"]})
    return [error.message for error in validator.iter_errors(body)]


# The id is read-only: the document means answers when it says that it is required.
ADDRESS = {
    "id": str(uuid.UUID(int=7)),
    "street": "Łazienkowska 1/3",
    "city": "New York",
    "postal_code": "10118",
    "country": "US",
}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("CredentialsRequest", {"email": "ada@example.com", "password": "correct horse, battery: staple!"}),
    ("RegistrationRequest", {"email": "ada@example.com", "password": "x" * 12, "first_name": "", "phone": "+1 (5) 01"}),
    ("AddressRequest", ADDRESS),
    ("PaymentWishRequest", {"gateway": "stripe", "amount": "12.50"}),
    ("RefundWishRequest", {"amount": "12.50", "kind": "goodwill", "destination": "credit", "reason": "Too late"}),
    ("RefundRefusalRequest", {"reason": "Not seen yet"}),
]


@pytest.mark.parametrize(("schema", "body"), GOOD)
def test_a_good_body_matches_its_own_schema(document: dict[str, Any], schema: str, body: dict[str, Any]) -> None:
    name = schema if schema in document["components"]["schemas"] else schema.removesuffix("Request")
    assert mismatches(document, name, body) == []
    for field, value in body.items():
        if field not in ("id", "phone", "gateway", "kind", "destination"):
            assert mismatches(document, name, {**body, field: f"{value}\x07"}) != [], field


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _patterns(each)


def test_every_pattern_says_what_is_allowed(document: dict[str, Any]) -> None:
    patterns = set(_patterns(document))
    assert len(patterns) >= 3
    for pattern in patterns:
        assert (pattern[0], pattern[-1]) == ("^", "$")
        assert re.search(pattern, "12"), pattern
        assert not re.search(pattern, "1\x07"), pattern


def test_whatever_is_kept_under_a_key_says_so(document: dict[str, Any]) -> None:
    with_key = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        and {"409", "422"} <= operation["responses"].keys()
    }
    assert with_key == {
        "POST /api/orders",
        "POST /api/orders/with-payment",
        "PATCH /api/orders/{id}/paid",
        "POST /order/{slug}/{id}",
        "POST /api/v1/addresses/",
        "POST /api/v1/coupons/preview/",
        "POST /api/v1/events/{slug}/entries/",
        "PATCH /api/v1/addresses/{id}/",
        "PATCH /api/v1/customers/me/",
        "POST /api/v1/flyer-images/",
        "POST /api/v1/flyers/{id}/figures/",
        "POST /api/v1/orders/",
        "POST /api/v1/orders/{key}/cancel/",
        "PATCH /api/v1/orders/{key}/flyers/{flyer}/",
        "POST /api/v1/orders/{key}/payments/",
        "POST /api/v1/orders/{key}/refunds/",
        "POST /api/v1/orders/{key}/refunds/{refund}/approve/",
        "POST /api/v1/orders/{key}/refunds/{refund}/refuse/",
        "POST /api/v1/payments/razorpay/verify/",
        "POST /v1/orders",
        "PATCH /v1/orders/{id}",
        "POST /v1/payments/{id}/capture",
        "POST /v1/payments/{id}/refund",
        "POST /v1/refunds",
    }
    assert "/api/v1/health/" in document["paths"]


def test_the_main_road_is_as_it_is_documented(document: dict[str, Any], shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.cash, item(shop.cable))
    assert mismatches(document, "StorefrontOrder", body) == []
    answer = send("POST", "/api/orders", body, by=ada)
    assert str(answer.status_code) in document["paths"]["/api/orders"]["post"]["responses"]
    for field in document["components"]["schemas"]["StorefrontOrder"]["required"]:
        lacking = {name: value for name, value in body.items() if name != field}
        refused = send("POST", "/api/orders", lacking, by=ada)
        assert (refused.status_code, type(json.loads(refused.content))) == (400, str)
        assert mismatches(document, "StorefrontOrder", lacking) != []
