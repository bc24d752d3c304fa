"""The way into Stripe's API: authentication, faults, parsing, idempotency, transaction, envelope; then one act.

A POST's act runs in one transaction with its events and its stored answer.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from payments.sandbox import answers, faults
from payments.sandbox.answers import Reply
from payments.sandbox.faults import Fault
from payments.sandbox.models import Gateway
from payments.sandbox.names import stripe_id
from payments.sandbox.stripe_wire import errors
from payments.sandbox.stripe_wire.errors import StripeError
from payments.sandbox.stripe_wire.forms import MalformedForm, nested

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, read but not yet judged."""

    params: dict[str, Any]
    idempotency_key: str | None
    request_id: str
    ids: dict[str, str] = field(default_factory=dict)

    def allow(self, *names: str) -> None:
        """Refuse parameters that Stripe does not know here."""
        for name in self.params:
            if name not in names and name != "expand":
                raise StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


type Act = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """An act, and the name under which a fault may be meant for it."""

    act: Act
    call: str = ""


def resource(*, get: Route | None = None, post: Route | None = None) -> Callable[..., HttpResponseBase]:
    """The view of one path of the API."""
    routes = {"GET": get, "POST": post}

    @csrf_exempt
    def view(request: HttpRequest, **ids: str) -> HttpResponseBase:
        request_id = stripe_id("req")
        route = routes.get(request.method or "")
        if route is None:
            return _response(unknown_url(request).reply(request_id))
        if not _authenticated(request):
            return _response(errors.unauthorized().reply(request_id))
        fault = faults.take(Gateway.STRIPE, route.call)
        return faults.pass_through(
            request,
            fault,
            answer=lambda: _response(_answer(request, route.act, ids, request_id, fault)),
            throttled=lambda: _response(errors.throttled().reply(request_id)),
        )

    return view


@csrf_exempt
def unrecognized(request: HttpRequest) -> HttpResponseBase:
    """Any path that the API does not have."""
    return _response(unknown_url(request).reply(stripe_id("req")))


def unknown_url(request: HttpRequest) -> StripeError:
    """No such method on no such path."""
    return StripeError(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def _answer(request: HttpRequest, act: Act, ids: dict[str, str], request_id: str, fault: Fault | None) -> Reply:
    breaking = fault == Fault.ERROR_500
    try:
        call = _read(request, ids, request_id)
        if request.method == "GET":
            if breaking:
                raise errors.broken()
            return act(call)
        if call.idempotency_key is None:
            return _work(call, act, breaking)
        print_ = answers.fingerprint(request.path.rstrip("/"), call.params)
        return _once(call, print_, act, breaking)
    except StripeError as error:
        return error.reply(request_id)


def _once(call: Call, fingerprint: str, act: Act, breaking: bool) -> Reply:
    key = str(call.idempotency_key)
    try:
        return answers.once(Gateway.STRIPE, key, fingerprint, lambda: _work(call, act, breaking))
    except answers.KeyInUse:
        raise errors.key_in_use(key) from None
    except answers.KeyReused:
        raise errors.key_reused(key) from None


def _work(call: Call, act: Act, breaking: bool) -> Reply:
    try:
        with transaction.atomic(using="sandbox"):
            reply = act(call)
            if breaking:
                raise errors.broken()
            return reply
    except StripeError as error:
        return error.reply(call.request_id)


def _read(request: HttpRequest, ids: dict[str, str], request_id: str) -> Call:
    raw = request.META["QUERY_STRING"].encode() if request.method == "GET" else request.body
    try:
        params = nested(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=1000))
    except MalformedForm as error:
        raise StripeError(str(error)) from None
    except ValueError:
        raise StripeError("Invalid request body: it is not form-encoded UTF-8") from None
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= MAX_KEY:
        raise StripeError("Idempotency keys have 1 to 255 characters.", kind="idempotency_error")
    return Call(params, key if request.method == "POST" else None, request_id, ids)


def _authenticated(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return False
    key = settings.STRIPE_SECRET_KEY
    return bool(key) and hmac.compare_digest(given.strip().encode("utf-8", "replace"), key.encode())


def _response(reply: Reply) -> JsonResponse:
    headers = {"Request-Id": reply.request_id}
    if reply.original_request:
        headers |= {"Original-Request": reply.original_request, "Idempotent-Replayed": "true"}
        headers["Request-Id"] = stripe_id("req")
    return JsonResponse(reply.body, status=reply.status, headers=headers)
