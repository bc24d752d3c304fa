"""A body without a length is read like any other, and one over the limit is refused as such."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from orders_project.chunked import ChunkedBodies

LIMIT = 10


def _read(environ: dict[str, Any]) -> bytes:
    seen: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return []

    ChunkedBodies(application, limit=lambda path: LIMIT)(environ, lambda *_: None)
    return seen[0]


@pytest.mark.parametrize("sent", [b"", b"{}", b"1234567890"])
def test_a_chunked_body_is_read_whole(sent: bytes) -> None:
    environ = {
        "HTTP_TRANSFER_ENCODING": "Chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(sent),
    }
    assert _read(environ) == sent


def test_a_chunked_body_over_the_limit_shows_that_it_is() -> None:
    environ = {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(b"x" * 10_000),
    }
    assert len(_read(environ)) == LIMIT + 1


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "2"},
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "2", "wsgi.input_terminated": True},
    ],
)
def test_a_body_with_a_length_is_left_alone(environ: dict[str, Any]) -> None:
    assert _read({**environ, "wsgi.input": io.BytesIO(b"{}more")}) == b"{}"


def test_a_server_that_does_not_end_the_input_is_not_trusted_to() -> None:
    assert _read({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"{}")}) == b""
