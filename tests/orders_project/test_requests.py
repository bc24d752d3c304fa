"""What stands around every request: ids, log lines, the bound on bodies, and the answer when the database is gone."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from django import db
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from orders_project.problems import answers_problems_with
from orders_project.requests import RequestIdMiddleware

_seen: list[str] = []


def _json_string(status: int, _code: str, text: str) -> HttpResponse:
    return JsonResponse(text, safe=False, status=status)


@csrf_exempt
def _plain(request: HttpRequest) -> HttpResponse:
    _seen.append(request.path)
    raise db.OperationalError("connection to 10.0.0.5 refused")


@csrf_exempt
@answers_problems_with(_json_string)
def _dialect(request: HttpRequest) -> HttpResponse:
    _seen.append(request.path)
    raise psycopg.InterfaceError("the connection is closed")


def _buggy(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a bug")


urlpatterns = [path("plain", _plain), path("dialect", _dialect), path("buggy", _buggy)]


@pytest.fixture
def api() -> Iterator[Client]:
    """A client of the three views above, behind the project's middleware."""
    _seen.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the project's own handler writes."""
    handler = logging.getLogger().handlers
    stream = io.StringIO()
    ours = [one for one in handler if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)]
    replaced = [(one, one.setStream(stream)) for one in ours if isinstance(one, logging.StreamHandler)]
    yield stream
    for one, before in replaced:
        one.setStream(before)


def through(headers: dict[str, str], target: str = "/orders?secret=1") -> HttpResponse:
    """A request through the id middleware alone."""
    response = RequestIdMiddleware(lambda _request: HttpResponse(status=204))(
        RequestFactory().get(target, headers=headers)
    )
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize("given", ["a", "A-1._b", "x" * 64])
def test_a_harmless_request_id_is_kept(given: str) -> None:
    assert through({"X-Request-Id": given})["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", "é", "<script>", "a;b"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", through({"X-Request-Id": given})["X-Request-Id"])


def test_a_request_leaves_one_line_without_its_query(log: io.StringIO) -> None:
    through({"X-Request-Id": "r-1", "Authorization": "Bearer secret"})
    [line] = log.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["request_id"], entry["method"]) == ("request", "r-1", "GET")
    assert (entry["path"], entry["status"]) == ("/orders", 204)
    assert 0 <= entry["duration_ms"] < 1000
    assert "secret" not in line


def test_the_id_is_forgotten_after_the_request() -> None:
    through({"X-Request-Id": "r-1"})
    assert structlog.contextvars.get_contextvars() == {}


def test_a_path_cannot_forge_a_line(log: io.StringIO) -> None:
    through({}, "/a%0A%7B%22event%22:%22paid%22%7D")
    assert len(log.getvalue().splitlines()) == 1


def test_without_the_database_the_answer_is_a_503_that_says_when_to_retry(api: Client, log: io.StringIO) -> None:
    response = api.get("/plain")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json() == {
        "type": "server_error",
        "errors": [{"code": "unavailable", "detail": "Temporarily unavailable. Try again in a moment.", "attr": None}],
    }
    assert b"10.0.0.5" not in response.content
    assert "database_unavailable" in log.getvalue()


def test_a_marked_view_is_answered_for_in_its_own_shape(api: Client, settings: Any) -> None:
    outage = api.get("/dialect")
    assert (outage.status_code, outage.json()) == (503, "Temporarily unavailable. Try again in a moment.")
    large = api.post("/dialect", b"x" * (settings.MAX_BODY_BYTES + 1), content_type="application/json")
    assert (large.status_code, large.json()) == (413, "The body is too large.")
    assert _seen == ["/dialect"]


def test_a_bug_is_not_taken_for_an_outage(api: Client) -> None:
    assert api.get("/buggy").status_code == 500


def test_a_body_over_the_limit_never_reaches_the_view(api: Client, settings: Any) -> None:
    limit = settings.MAX_BODY_BYTES
    response = api.post("/plain", b"x" * (limit + 1), content_type="application/json")
    assert response.status_code == 413
    assert response.json()["errors"][0]["code"] == "body_too_large"
    assert _seen == []
    assert api.post("/plain", b"x" * limit, content_type="application/json").status_code == 503
    assert _seen == ["/plain"]
