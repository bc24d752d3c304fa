"""Around every request: its id, its log line, a bound on its body, and an answer when the database is gone."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from orders_project.body_limits import body_limit
from orders_project.parsing import content_length
from orders_project.problems import OUTAGES, RETRY_AFTER_OUTAGE_S, problem_answer

type GetResponse = Callable[[HttpRequest], HttpResponseBase]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_log = structlog.get_logger(__name__)


class RequestIdMiddleware:
    """Gives each request an id, the client's own if it is harmless, and writes one line about it when it is done.

    Everything logged meanwhile carries the id, and so does the response (X-Request-Id). The line has no query string
    and no body: both may hold what only the two ends should know.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        try:
            response = self._get_response(request)
            response["X-Request-Id"] = request_id
            _log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
            return response
        finally:
            structlog.contextvars.clear_contextvars()


class BodyLimitMiddleware:
    """Refuses a body over the limit of its path with 413, by what the client announces and before it is read."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """After routing, so that the refusal has the shape that the route's clients read."""
        if content_length(request) > body_limit(request.path_info):
            return problem_answer(request, 413, "body_too_large", "The body is too large.")
        return None


class DatabaseOutageMiddleware:
    """Answers 503 with Retry-After when a view lost the database. The transaction it was in has rolled back."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """None for any other exception: Django goes on with it."""
        if not isinstance(exception, OUTAGES):
            return None
        cause = exception.__cause__ or exception
        _log.warning("database_unavailable", error=type(cause).__name__, sqlstate=getattr(cause, "sqlstate", None))
        answer = problem_answer(request, 503, "unavailable", "Temporarily unavailable. Try again in a moment.")
        answer["Retry-After"] = str(RETRY_AFTER_OUTAGE_S)
        return answer
