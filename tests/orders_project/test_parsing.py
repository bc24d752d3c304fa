"""A body is JSON, of a bounded size, or it is refused before anybody acts on it."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from kit.strict_json import MalformedJSON
from orders_project.parsing import (
    BodyTooLarge,
    StrictJSONParser,
    UnsupportedMediaType,
    content_length,
    is_json,
    read_json,
)


def request(body: bytes, content_type: str = "application/json", **meta: Any) -> HttpRequest:
    """A POST with that body."""
    return RequestFactory().generic("POST", "/", body, content_type=content_type, **meta)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"],
)
def test_json_is_read_exactly(content_type: str) -> None:
    assert read_json(request(b'{"a": 1.10}', content_type)) == {"a": Decimal("1.10")}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", "json", ""]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_json(request(b"{}", content_type))


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"a": 1, "a": 2}', rb'"\u0000"', b"\xff", b"[" * 100_000])
def test_a_malformed_body_is_refused_in_either_way_of_reading(body: bytes) -> None:
    with pytest.raises(MalformedJSON):
        read_json(request(body))
    with pytest.raises(MalformedJSON):
        StrictJSONParser().parse(BytesIO(body))


def test_a_body_is_read_up_to_the_limit_and_not_beyond(settings: Any) -> None:
    limit = settings.MAX_BODY_BYTES
    largest = b'"' + b"a" * (limit - 2) + b'"'
    assert read_json(request(largest)) == StrictJSONParser().parse(BytesIO(largest)) == "a" * (limit - 2)
    stream = BytesIO(largest + b" " * limit)
    with pytest.raises(BodyTooLarge):
        read_json(request(largest + b" "))
    with pytest.raises(BodyTooLarge):
        StrictJSONParser().parse(stream)
    assert stream.tell() == limit + 1


@pytest.mark.parametrize(
    ("announced", "length"), [("12", 12), ("", 0), ("-1", 0), ("abc", 0), ("\uff11", 0), ("1.5", 0)]
)
def test_an_announcement_that_is_no_number_announces_nothing(announced: str, length: int) -> None:
    assert content_length(request(b"", CONTENT_LENGTH=announced)) == length


def test_json_is_application_json_and_its_relatives() -> None:
    assert is_json("application/json")
    assert not is_json("application/jsonp")
