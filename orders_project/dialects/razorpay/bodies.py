"""Bodies and queries read into fields. The SDKs differ: some send JSON, some forms with `notes[key]=value`.

In JSON a value has its type; in a form and in a query everything is text. What is sent twice is refused, for a proxy
may have read the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

from kit import strict_json
from kit.strict_json import MalformedJSON
from orders_project.dialects.razorpay.errors import Refusal, extra_fields
from orders_project.parsing import content_length, is_json

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Fields:
    """What was sent. `is_text` where values have no types of their own."""

    values: Mapping[str, Any]
    is_text: bool

    def allow(self, *names: str) -> None:
        """Refuse what is not known."""
        if unknown := [name for name in self.values if name not in names]:
            raise extra_fields(unknown)

    def get(self, name: str) -> Any:
        """A value; None where it is missing or nothing."""
        return self.values.get(name)


def read_body(request: HttpRequest) -> Fields:
    """The fields of a body. Raises Refusal. A body that says nothing has no fields, and needs no type."""
    announced = content_length(request)
    if announced > settings.MAX_BODY_BYTES:
        raise Refusal("The request body is too large.", status=413)
    if announced == 0:
        return Fields({}, is_text=False)
    try:
        body = request.body
    except UnreadablePostError:
        raise Refusal("The request body broke off.") from None
    content_type = (request.content_type or "").lower()
    # curl calls everything a form unless it is told otherwise; no form begins like this.
    if is_json(content_type) or (content_type == _FORM and body.lstrip()[:1] == b"{"):
        return Fields(_object(body), is_text=False)
    if content_type == _FORM:
        return Fields(_form(body), is_text=True)
    raise Refusal("The request body must be JSON or form-encoded.", status=415)


def read_query(request: HttpRequest) -> Fields:
    """The fields of a query. Raises Refusal."""
    return Fields(_form(request.META.get("QUERY_STRING", "").encode("latin-1", "replace")), is_text=True)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = strict_json.loads(body)
    except MalformedJSON as error:
        raise Refusal(f"{error}.") from None
    # PHP's SDK has one word for nothing and for an empty list.
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refusal("The request body must be a JSON object.")
    return value


def _form(raw: bytes) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS, separator="&"
        )
    except ValueError:
        raise Refusal("The fields are not form-encoded UTF-8, or there are too many of them.") from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise Refusal("A text contains a NUL character.")
        _put(fields, *_path(name), value)
    return fields


def _path(name: str) -> tuple[str, str | None]:
    """`notes[key]` is the key of `notes`; deeper than that nothing is."""
    outer, bracket, rest = name.partition("[")
    if not bracket:
        return name, None
    inner, closing, more = rest.partition("]")
    if not outer or not closing or more:
        raise Refusal("A field is not named as forms name them.", field=name[:60])
    return outer, inner


def _put(fields: dict[str, Any], outer: str, inner: str | None, value: str) -> None:
    if inner is None:
        if outer in fields:
            raise _twice(outer)
        fields[outer] = value
        return
    nested = fields.setdefault(outer, {})
    # PHP spells the next element of a list `name[]`.
    inner = inner or (str(len(nested)) if isinstance(nested, dict) else inner)
    if not isinstance(nested, dict) or inner in nested:
        raise _twice(f"{outer}[{inner}]")
    nested[inner] = value


def _twice(name: str) -> Refusal:
    """The same field was sent two times."""
    return Refusal(f"The {name[:60]} field is sent twice.", field=name[:60])
