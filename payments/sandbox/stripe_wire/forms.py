"""Reads Stripe's form encoding: `metadata[order]=7`, `expand[]=latest_charge`, `types[0]=refund.created`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


class MalformedForm(ValueError):
    """The parameters contradict each other or cannot be read. The text says which one, and is safe to show."""


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The parameters as nested objects and lists of text. Raises MalformedForm."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None or "\0" in name + value:
            raise MalformedForm(f"Invalid parameter: {name[:100]!r}")
        _put(result, [match[1], *_PART.findall(match[2])], value, name)
    return {name: _listed(value) for name, value in result.items()}


def _put(into: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for step in path[:-1]:
        into = into.setdefault(step, {})
        if not isinstance(into, dict):
            raise MalformedForm(f"Invalid parameter: {name[:100]!r}")
    # `[]` adds to a list; a number in brackets says the place in it.
    last = path[-1] or str(len(into))
    if isinstance(into.get(last), dict):
        raise MalformedForm(f"Invalid parameter: {name[:100]!r}")
    into[last] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    if inner and all(key.isascii() and key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
