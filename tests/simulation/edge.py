"""The sandbox gateway without a socket: requests of this process to its address are answered by its own views, here.

A fake at the HTTP edge, for thousands of schedules: the adapters, the official SDKs and the sandbox are the real ones.
The sandbox lives by the real clock, as it does in a process of its own, however far ours is turned.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver

from kit import clock
from payments import gateways

# A refund's id of ours, in Stripe's form and in Razorpay's JSON.
_NAMES = re.compile(r'&?metadata\[refund\]=[^&]*|, ?"notes": ?\{"refund"[^}]*\}')


@contextmanager
def no_sockets(monkeypatch: Any, *, forgets_refunds: bool = False) -> Iterator[None]:
    """Within the block every request to the sandbox's address is answered in this process, and any other fails.

    With `forgets_refunds` the gateway is never told which refund of ours is meant: as if we gave each call a new key.
    """
    resolver = get_resolver("payments.sandbox.root_urls")

    def send(self: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        del self
        assert request.url is not None
        assert request.url.startswith(settings.SANDBOX_BASE_URL), request.url
        if forgets_refunds:
            _forget_refund(request)
        ahead = round((clock.now() - datetime.now(UTC)).total_seconds())
        with clock.turned(-timedelta(seconds=ahead)):
            return _answer(resolver, request)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    # Nobody waits here: what would be silence ends at once.
    monkeypatch.setattr(settings, "GATEWAY_READ_TIMEOUT_S", -2)
    gateways.online.cache_clear()
    yield
    gateways.online.cache_clear()


def _forget_refund(request: requests.PreparedRequest) -> None:
    """Takes our names for a refund off a request for one."""
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    if request.method == "POST" and urlsplit(str(request.url)).path.endswith(("/refund", "/refunds")):
        for header in ("Idempotency-Key", "X-Refund-Idempotency"):
            request.headers.pop(header, None)
        request.body = _NAMES.sub("", body)


def _answer(resolver: URLResolver, request: requests.PreparedRequest) -> requests.Response:
    asked = _as_django(request)
    found = resolver.resolve(asked.path_info)
    answer = found.func(asked, *found.args, **found.kwargs)
    try:
        return _as_requests(request, answer)
    except ConnectionResetError:
        raise requests.ConnectionError("the connection was closed without an answer", request=request) from None


def _as_django(request: requests.PreparedRequest) -> HttpRequest:
    address = urlsplit(str(request.url))
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else body
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
    asked: HttpRequest = RequestFactory(headers=_texts(headers)).generic(
        str(request.method),
        f"{address.path}?{address.query}",
        raw,
        content_type=_texts(headers).get("Content-Type", "application/octet-stream"),
    )
    return asked


def _texts(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}


def _as_requests(request: requests.PreparedRequest, answer: HttpResponseBase) -> requests.Response:
    response = requests.Response()
    content = b"".join(answer)
    response.status_code = answer.status_code
    response.headers.update(answer.headers)
    response.raw = io.BytesIO(content)
    response._content = content
    response.url, response.request = str(request.url), request
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response
