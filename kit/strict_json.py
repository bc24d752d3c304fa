"""JSON read strictly: what RFC 8259 leaves to the reader's taste is refused here, with a reason.

Numbers with a point or an exponent become Decimal, never float. Refused: NaN and Infinity, integers beyond 64 bits,
numbers of absurd length or size, NUL characters, lone surrogates (PostgreSQL stores neither), duplicate keys (a proxy
may have read the other one), nesting and sizes beyond the limits, and bytes that are not UTF-8.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

MAX_DEPTH = 32
MAX_NUMBER_LENGTH = 40
_INT64 = 2**63


class MalformedJSON(ValueError):
    """The body is not JSON that this project reads. The text says why and is safe to show."""


class TooDeep(MalformedJSON):
    """Nested beyond the limit."""


def loads(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value in a UTF-8 body. Raises MalformedJSON, and nothing else, whatever the bytes are.

    The caller limits the size of the body before it is read into memory.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJSON("The body is not UTF-8") from None
    # Only a body with many brackets can be nested deeply; the exact walk is for those alone.
    if body.count(b"[") + body.count(b"{") > max_depth and _depth(text) > max_depth:
        raise TooDeep(f"The JSON is nested deeper than {max_depth} levels")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"The body is not JSON: {error.msg} at position {error.pos}") from None
    # Raw control characters are no JSON and raw surrogates no UTF-8, so only an escape can bring them in.
    if "\\u" in text:
        _refuse_unstorable(value)
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise MalformedJSON("A text contains a NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJSON("A text contains a lone surrogate")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unstorable(inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedJSON("An object has the same key twice")
    return result


def _integer(text: str) -> int:
    if len(text) > 20 or not -_INT64 <= (number := int(text)) < _INT64:
        raise MalformedJSON("A number does not fit into 64 bits")
    return number


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_LENGTH:
        raise MalformedJSON("A number has too many digits")
    number = Decimal(text)
    # A zero has an exponent, too, and whoever writes it out has as many digits.
    if abs(number.adjusted()) > 18:
        raise MalformedJSON("A number does not fit into 64 bits")
    return number


def _constant(name: str) -> Any:
    raise MalformedJSON(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)


def dumps(value: Any) -> bytes:
    """UTF-8 JSON in which a Decimal is a number, exact to the last digit: 459.98, 69, 1.234. Floats are refused.

    A whole Decimal is written without a point; another keeps the digits it has.
    """
    return _write(value).encode()


def _write(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_write(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_write, value)) + "]"
    if isinstance(value, float):
        raise TypeError("a float is never exact")
    return json.dumps(value, ensure_ascii=False)
