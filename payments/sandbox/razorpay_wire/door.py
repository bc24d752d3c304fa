"""The way into Razorpay's API: authentication, faults, parsing, transaction, envelope; then one act."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from kit.strict_json import MalformedJSON, loads
from payments.sandbox import faults
from payments.sandbox.answers import Reply
from payments.sandbox.faults import Fault
from payments.sandbox.models import Gateway
from payments.sandbox.names import is_razorpay_id
from payments.sandbox.razorpay_wire import errors
from payments.sandbox.razorpay_wire.errors import RazorpayError


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, read but not yet judged."""

    path: str
    params: dict[str, Any]
    idempotency_key: str | None
    ids: dict[str, str]

    def allow(self, *names: str) -> None:
        """Refuse parameters that Razorpay does not know here."""
        if unknown := [name for name in self.params if name not in names]:
            raise errors.extra_fields(unknown)

    @property
    def id(self) -> str:
        """The id in the path. Raises RazorpayError unless it has the form of one."""
        if not is_razorpay_id(self.ids["id"]):
            raise errors.malformed_id(self.ids["id"])
        return self.ids["id"]


type Act = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """An act, and the name under which a fault may be meant for it."""

    act: Act
    call: str = ""


def resource(
    *, get: Route | None = None, post: Route | None = None, patch: Route | None = None
) -> Callable[..., HttpResponseBase]:
    """The view of one path of the API."""
    routes = {"GET": get, "POST": post, "PATCH": patch}

    @csrf_exempt
    def view(request: HttpRequest, **ids: str) -> HttpResponseBase:
        route = routes.get(request.method or "")
        if route is None:
            return _response(errors.unknown_url().reply())
        if not _authenticated(request):
            return _response(errors.unauthorized().reply())
        fault = faults.take(Gateway.RAZORPAY, route.call)
        return faults.pass_through(
            request,
            fault,
            answer=lambda: _response(_answer(request, route.act, ids, fault)),
            throttled=lambda: _response(errors.throttled().reply()),
        )

    return view


@csrf_exempt
def unrecognized(_request: HttpRequest) -> HttpResponseBase:
    """Any path that the API does not have."""
    return _response(errors.unknown_url().reply())


def _answer(request: HttpRequest, act: Act, ids: dict[str, str], fault: Fault | None) -> Reply:
    if fault == Fault.ERROR_500:
        return errors.broken().reply()
    try:
        call = Call(request.path.rstrip("/"), _params(request), request.headers.get("X-Refund-Idempotency"), ids)
        if request.method == "GET":
            return act(call)
        with transaction.atomic(using="sandbox"):
            return act(call)
    except RazorpayError as error:
        return error.reply()


def _params(request: HttpRequest) -> dict[str, Any]:
    if request.method == "GET":
        return _form(request.META["QUERY_STRING"].encode())
    if not request.body:
        return {}
    if request.content_type == "application/x-www-form-urlencoded":
        return _form(request.body)
    try:
        params = loads(request.body)
    except MalformedJSON as error:
        raise RazorpayError(str(error)) from None
    # The SDKs send an empty list where there is nothing to say.
    if params in ([], None):
        return {}
    if not isinstance(params, dict):
        raise RazorpayError("The request body must be a JSON object")
    return params


def _form(raw: bytes) -> dict[str, Any]:
    """Flat parameters, with `notes[key]` one level deep; digits are whole numbers."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise RazorpayError("The parameters are not form-encoded UTF-8") from None
    params: dict[str, Any] = {}
    for name, value in pairs:
        if "\0" in name + value:
            raise RazorpayError("A text contains a NUL character")
        outer, bracket, inner = name.partition("[")
        if bracket:
            nested = params.setdefault(outer, {})
            if not isinstance(nested, dict):
                raise RazorpayError("The parameters contradict each other", field=outer[:60])
            nested[inner.rstrip("]") or str(len(nested))] = value
        else:
            params[name] = value
    return params


def _authenticated(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user_and_password = base64.b64decode(given, validate=True)
    except binascii.Error:
        return False
    key_id, secret = settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET
    return bool(key_id and secret) and hmac.compare_digest(user_and_password, f"{key_id}:{secret}".encode())


def _response(reply: Reply) -> JsonResponse:
    return JsonResponse(reply.body, status=reply.status)
