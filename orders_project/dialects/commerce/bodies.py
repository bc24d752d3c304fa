"""Reading what integrations send: JSON whatever it is called, forms, and multipart; into the same nested values.

A body that starts with `{` is JSON. Forms nest as `address[address_locality]` and `products[0][product_id]`; what they
carry are texts, so that whoever reads a value takes numbers in either spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation, TooManyFieldsSent
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from kit import strict_json
from kit.strict_json import MalformedJSON
from orders_project.parsing import BodyTooLarge, UnsupportedMediaType, content_length, is_json

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]+\])*)")
_PART = re.compile(r"\[([^\[\]]+)\]")
_INDEX = re.compile(r"0|[1-9]\d{0,3}", re.ASCII)
_DEEPEST = 4


class MalformedBody(ValueError):
    """The body cannot be read. The text says why and is safe to show."""


def read_body(request: HttpRequest) -> dict[str, Any]:
    """The fields in the body, of any method; none in an empty one.

    Raises MalformedBody, UnsupportedMediaType for what neither is JSON nor says that it is a form, and BodyTooLarge.
    """
    if content_length(request) > settings.MAX_BODY_BYTES:
        raise BodyTooLarge("The body is too large.")
    try:
        body = request.body
    except UnreadablePostError:
        raise MalformedBody("The body broke off.") from None
    kind = (request.content_type or "").lower()
    if body.lstrip()[:1] == b"{" or (is_json(kind) and body.strip()):
        return _json(body)
    if not body.strip():
        return {}
    if kind == "application/x-www-form-urlencoded":
        return _nested(_form(body))
    if kind == "multipart/form-data":
        return _nested(_multipart(request, body))
    raise UnsupportedMediaType("The body must be JSON or a form.")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(body)
    except MalformedJSON as error:
        raise MalformedBody(f"{error}.") from None
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    return value


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("ascii")
        fields = QueryDict(text, encoding="utf-8")
    except (UnicodeDecodeError, TooManyFieldsSent):
        raise MalformedBody("The form cannot be read.") from None
    return _pairs(fields)


def _multipart(request: HttpRequest, body: bytes) -> list[tuple[str, str]]:
    """Files in it are put aside: no field is one."""
    try:
        fields, _ = MultiPartParser(request.META, BytesIO(body), request.upload_handlers, "utf-8").parse()
    except (MultiPartParserError, SuspiciousOperation):
        raise MalformedBody("The form cannot be read.") from None
    return _pairs(fields)


def _pairs(fields: QueryDict) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, values in fields.lists() for value in values]
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise MalformedBody("A text contains a NUL character.")
        if "\ufffd" in name or "\ufffd" in value:
            raise MalformedBody("The form is not UTF-8.")
    return pairs


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values under their names, with a list wherever all names at one place are whole numbers."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        parts = [found[1], *_PART.findall(found[2])] if found else [name]
        if len(parts) > _DEEPEST:
            raise MalformedBody("The form is nested too deeply.")
        place = root
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise MalformedBody("A field of the form is a text and has fields of its own.")
        if parts[-1] in place:
            raise MalformedBody("A field of the form is named twice.")
        place[parts[-1]] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    if inner and all(_INDEX.fullmatch(name) for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
