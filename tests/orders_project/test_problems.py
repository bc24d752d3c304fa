"""Every exception of an API view becomes one documented answer, and none of them tells what went on inside."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django import db
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import Http404
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from customers.throttling import TooManyFailures
from customers.tokens import NotAuthenticated
from kit.errors import DomainError, Fault, NotFound
from kit.strict_json import MalformedJSON
from orders_project.parsing import BodyTooLarge, UnsupportedMediaType

SECRET = "password=hunter2 in /srv/app"


def answer(exception: Exception) -> Response:
    """What a view that raises it answers."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, _request: Any) -> Response:
            raise exception

    response = View.as_view()(APIRequestFactory().get("/api/v1/x/"))
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (NotFound("order"), 404, "not_found"),
        (Http404(SECRET), 404, "not_found"),
        (PermissionDenied(SECRET), 403, "permission_denied"),
        (NotAuthenticated("outdated_token"), 401, "authentication_failed"),
        (TooManyFailures(17, most=10), 429, "throttled"),
        (MalformedJSON("The body is empty"), 400, "parse_error"),
        (UnsupportedMediaType("The body must be application/json"), 415, "unsupported_media_type"),
        (BodyTooLarge(), 413, "body_too_large"),
        (DisallowedHost(SECRET), 400, "parse_error"),
        (db.OperationalError(SECRET), 503, "unavailable"),
        (db.InterfaceError(SECRET), 503, "unavailable"),
        (psycopg.OperationalError(SECRET), 503, "unavailable"),
        (db.IntegrityError(SECRET), 500, "error"),
        (RuntimeError(SECRET), 500, "error"),
        (KeyError(SECRET), 500, "error"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_each_exception_has_its_answer(
    exception: Exception, status: int, code: str, debug: bool, settings: Any
) -> None:
    settings.DEBUG = debug
    response = answer(exception)
    assert response.status_code == status
    assert [error["code"] for error in response.data["errors"]] == [code]
    assert "hunter2" not in str(response.data)
    assert "/srv" not in str(response.data)


def test_a_refusal_names_each_field_with_its_reason() -> None:
    response = answer(
        DomainError(
            [
                Fault("email_taken", at=("email",)),
                Fault("place_short", {"available": 1}, at=("items", 2, "quantity")),
                Fault("too_odd", {"detail": "This is too odd."}),
            ]
        )
    )
    assert response.status_code == 400
    assert response.data == {
        "type": "validation_error",
        "errors": [
            {"code": "email_taken", "detail": "There is an account with this e-mail already.", "attr": "email"},
            {"code": "place_short", "detail": "Place short.", "attr": "items.2.quantity"},
            {"code": "too_odd", "detail": "This is too odd.", "attr": "non_field_errors"},
        ],
    }


def test_headers_say_when_and_how_to_come_back() -> None:
    refused = answer(TooManyFailures(17, most=10))
    assert refused["Retry-After"] == "17"
    assert (refused["X-RateLimit-Limit"], refused["X-RateLimit-Remaining"]) == ("10", "0")
    assert answer(db.OperationalError())["Retry-After"] == "5"
    assert answer(NotAuthenticated("no_token"))["WWW-Authenticate"] == "Bearer"
