"""Reads the body of a control, JSON or a form, and refuses what it does not understand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from kit.strict_json import MalformedJSON, loads


class Refused(Exception):
    """The control cannot be carried out; the text says why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


# Browsers take two slashes, or a slash and a backslash, for the beginning of another host.
_OWN_PATH = re.compile(r"/[A-Za-z0-9_-][!-\[\]-~]*", re.ASCII)

type View = Callable[[HttpRequest], HttpResponseBase]


def control(*methods: str) -> Callable[[View], View]:
    """A view for these methods that answers {"error": ...} when it refuses."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponseBase:
            if request.method not in methods:
                answer = JsonResponse({"error": f"Method not allowed: use {' or '.join(methods)}"}, status=405)
                answer.headers["Allow"] = ", ".join(methods)
                return answer
            try:
                return view(request)
            except Refused as refusal:
                return JsonResponse({"error": str(refusal)}, status=refusal.status)

        return csrf_exempt(guarded)

    return decorate


def is_form(request: HttpRequest) -> bool:
    """Whether this is a form. `curl -d '{...}'` says it is one, and sends JSON."""
    return request.content_type == "application/x-www-form-urlencoded" and not request.body.lstrip().startswith(b"{")


def body(request: HttpRequest, allowed: Iterable[str]) -> dict[str, Any]:
    """The members of the body. Raises Refused for another shape or a member not in `allowed`."""
    if is_form(request):
        members: Any = {name: value for name, value in request.POST.items() if value != ""}
    else:
        try:
            members = loads(request.body)
        except MalformedJSON as error:
            raise Refused(str(error)) from None
    if not isinstance(members, dict):
        raise Refused("The body must be a JSON object")
    if unknown := sorted(set(members) - set(allowed)):
        raise Refused(f"Unknown member: {unknown[0][:60]}")
    return members


def text(members: dict[str, Any], name: str) -> str:
    """A text that must be there."""
    value = members.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refused(f"{name} is required, and must be a text")
    return value


def own_path(members: dict[str, Any], name: str) -> str:
    """A path on this very server; empty where there is none. Raises Refused for an address anywhere else."""
    value = members.get(name, "")
    if value == "":
        return ""
    if not isinstance(value, str) or not _OWN_PATH.fullmatch(value):
        raise Refused(f"{name} must be a path on this server")
    return value


def choice(members: dict[str, Any], name: str, allowed: Iterable[str], default: str | None = None) -> str:
    """One of the allowed words; required unless there is a default."""
    words = [str(word) for word in allowed]
    value = members.get(name, default)
    if value not in words:
        raise Refused(f"{name} must be one of: {', '.join(words)}")
    return str(value)


def flag(members: dict[str, Any], name: str, *, default: bool) -> bool:
    """True or false; a form spells it."""
    value = {"true": True, "false": False}.get(str(members.get(name, default)).lower())
    if value is None:
        raise Refused(f"{name} must be true or false")
    return value


def whole(members: dict[str, Any], name: str, default: int, most: int) -> int:
    """A whole number of at least 1."""
    value = members.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if type(value) is not int or not 1 <= value <= most:
        raise Refused(f"{name} must be a whole number from 1 to {most}")
    return value
