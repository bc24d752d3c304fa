"""Reading request bodies: strict JSON, of a bounded size, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from rest_framework.parsers import BaseParser

from kit import strict_json
from kit.strict_json import MalformedJSON


class UnsupportedMediaType(ValueError):
    """The body says that it is something else than JSON, or does not say what it is."""


class BodyTooLarge(ValueError):
    """The body is longer than `settings.MAX_BODY_BYTES`. It was not read."""


def read_json(request: HttpRequest) -> Any:
    """The JSON value in the body of a plain Django request.

    Raises UnsupportedMediaType, BodyTooLarge, or MalformedJSON: for what `kit.strict_json` refuses, for an empty body
    and for one that breaks off.
    """
    announced = content_length(request)
    if announced > settings.MAX_BODY_BYTES:
        raise BodyTooLarge("The body is too large")
    # Before the type: who sends nothing has no type to name.
    if announced == 0:
        raise MalformedJSON("The body is empty")
    if not is_json(request.content_type or ""):
        raise UnsupportedMediaType("The body must be application/json")
    try:
        body = request.body
    except UnreadablePostError:
        raise MalformedJSON("The body broke off") from None
    return _loads(body)


def content_length(request: HttpRequest) -> int:
    """What the client announced, in bytes; without an announcement a WSGI request has no body that is read."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return int(announced) if announced.isascii() and announced.isdigit() else 0


def is_json(content_type: str) -> bool:
    """Whether a media type without its parameters is JSON: application/json or application/...+json."""
    content_type = content_type.lower()
    return content_type == "application/json" or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )


class StrictJSONParser(BaseParser):
    """For REST framework: the body as `kit.strict_json` reads it. Every refusal is mapped by `problems`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The JSON value. Raises MalformedJSON or BodyTooLarge."""
        try:
            body = stream.read(settings.MAX_BODY_BYTES + 1)
        except UnreadablePostError:
            raise MalformedJSON("The body broke off") from None
        if len(body) > settings.MAX_BODY_BYTES:
            raise BodyTooLarge("The body is too large")
        return _loads(body)


def _loads(body: bytes) -> Any:
    if not body:
        raise MalformedJSON("The body is empty")
    return strict_json.loads(body)
