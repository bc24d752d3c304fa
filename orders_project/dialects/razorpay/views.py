"""Authenticate, read, one act or query, answer. The texts are in `errors`, the shapes in `wire`, the entities with the
core, since webhooks carry them as well."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from kit import strict_json
from kit.errors import DomainError
from orders_project.dialects.razorpay import errors, wire
from orders_project.dialects.razorpay.bodies import Fields, read_body, read_query
from orders_project.dialects.razorpay.errors import Refusal
from orders_project.idempotency.keeping import BadKey, Claim, KeyReused, NothingDone, StillWorking, once
from orders_project.problems import answers_problems_with
from payments.merchants import keys, looking, opening, queries
from payments.merchants.capturing import capture_payment
from payments.merchants.entities import collection, order_entity, payment_entity, refund_entity
from payments.merchants.failing import GatewayFailed
from payments.merchants.giving_back import RefundWish, refund_payment
from payments.merchants.keys import Caller, NotAuthenticated, TooManyCalls
from payments.merchants.models import MerchantOrder
from payments.merchants.opening import NotOpened
from payments.models import PaymentAttempt, Refund

Act = Callable[..., HttpResponse]
"""Takes the request and its caller, for what writes the claim too, and what the route names."""

_WRITES = ("POST", "PATCH")


def _route(**acts: Act) -> Callable[..., HttpResponse]:
    """A view: the right method, a caller, the idempotency key of what writes, the act; each refusal in the envelope."""

    @csrf_exempt
    @answers_problems_with(errors.problem)
    def view(request: HttpRequest, **named: str) -> HttpResponse:
        method = "GET" if request.method == "HEAD" else request.method or ""
        try:
            act = acts.get(method)
            if act is None:
                response = errors.method_not_allowed(method).response()
                response["Allow"] = ", ".join(sorted({*acts, *({"HEAD"} if "GET" in acts else ())}))
                return response
            caller = _caller(request)
            if method not in _WRITES:
                return act(request, caller, **named)
            return once(
                request,
                principal=f"merchant:{caller.merchant_id}",
                act=lambda claim: _written(act, request, caller, claim, named),
            )
        except Refusal as refusal:
            return refusal.response(retry_after_s=1 if refusal.status == 429 else None)
        except BadKey:
            text = "Idempotency-Key must be 1 to 255 printable ASCII characters."
            return Refusal(text, field="Idempotency-Key").response()
        except KeyReused:
            text = "Idempotency-Key was used for another request."
            return Refusal(text, status=422, field="Idempotency-Key").response()
        except StillWorking:
            text = "A request with this Idempotency-Key is still in progress."
            return Refusal(text, status=409, field="Idempotency-Key").response(retry_after_s=1)

    return view


def _written(act: Act, request: HttpRequest, caller: Caller, claim: Claim, named: Mapping[str, str]) -> HttpResponse:
    """What is refused before anything is done leaves its key free."""
    try:
        return act(request, caller, claim, **named)
    except Refusal as refusal:
        raise NothingDone(refusal.response()) from None


def _caller(request: HttpRequest) -> Caller:
    """Whose keys came with the request. One statement, none without keys. Raises Refusal."""
    scheme, _, given = request.headers.get("Authorization", "").strip().partition(" ")
    try:
        if scheme.lower() != "basic":
            raise NotAuthenticated
        key_id, colon, secret = base64.b64decode(given.strip(), validate=True).decode("utf-8").partition(":")
        if not colon:
            raise NotAuthenticated
        return keys.caller_of(key_id, secret)
    except (NotAuthenticated, binascii.Error, UnicodeError, ValueError):
        raise errors.unauthenticated() from None
    except TooManyCalls:
        raise errors.throttled() from None


def _answer(entity: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(strict_json.dumps(entity), content_type="application/json")


# --- orders ---------------------------------------------------------------------------------------------------------


def _create_order(request: HttpRequest, caller: Caller, claim: Claim) -> HttpResponse:
    """POST /v1/orders"""
    wish = replace(wire.order_wish(read_body(request), settings.MERCHANT_CURRENCIES), placement_key=claim.key)
    try:
        made: MerchantOrder | None = opening.resume(claim.key) if claim.resumed and claim.key else None
        made = made or opening.open_order(wish, caller)
    except NotOpened as error:
        # Begun, and given up: the answer stands.
        del error
        return errors.gateway_failed("payment_initiation").response()
    return _answer(order_entity(made))


def _list_orders(request: HttpRequest, caller: Caller) -> HttpResponse:
    """GET /v1/orders"""
    wanted = wire.order_filter(read_query(request))
    return _answer(collection(map(order_entity, queries.list_orders(caller.merchant_id, wanted))))


def _fetch_order(request: HttpRequest, caller: Caller, id: str) -> HttpResponse:
    """GET /v1/orders/{id}"""
    read_query(request).allow()
    return _answer(order_entity(_find_order(caller, id)))


def _edit_order(request: HttpRequest, caller: Caller, claim: Claim, id: str) -> HttpResponse:
    """PATCH /v1/orders/{id}"""
    del claim  # Done twice it is the same.
    notes = wire.edited_notes(read_body(request))
    edited = opening.edit_notes(id, notes, merchant_id=caller.merchant_id) if "\0" not in id else None
    if edited is None:
        raise errors.unknown_id()
    return _answer(order_entity(edited))


def _list_payments(request: HttpRequest, caller: Caller, id: str) -> HttpResponse:
    """GET /v1/orders/{id}/payments"""
    read_query(request).allow()
    found = _find_order(caller, id)
    return _answer(collection(payment_entity(attempt, found) for attempt in queries.payments_of(found)))


def _find_order(caller: Caller, reference: str) -> MerchantOrder:
    found = queries.find_order(caller.merchant_id, reference) if "\0" not in reference else None
    if found is None:
        raise errors.unknown_id()
    return found


# --- payments -------------------------------------------------------------------------------------------------------


def _fetch_payment(request: HttpRequest, caller: Caller, id: str) -> HttpResponse:
    """GET /v1/payments/{id}"""
    read_query(request).allow()
    return _answer(payment_entity(*_find_payment(caller, id)))


def _capture(request: HttpRequest, caller: Caller, claim: Claim, id: str) -> HttpResponse:
    """POST /v1/payments/{id}/capture"""
    amount = wire.capture_amount(read_body(request))
    try:
        attempt, order = capture_payment(caller.merchant_id, id, amount, resumed=claim.resumed)
    except DomainError as error:
        raise errors.of_error(error) from None
    except GatewayFailed:
        return errors.gateway_failed("payment_capture").response()
    return _answer(payment_entity(attempt, order))


def _find_payment(caller: Caller, payment_id: str) -> tuple[PaymentAttempt, MerchantOrder]:
    try:
        found = looking.find_payment(caller.merchant_id, payment_id)
    except GatewayFailed:
        raise errors.gateway_failed("payment_initiation") from None
    if found is None:
        raise errors.unknown_id()
    return found


# --- refunds --------------------------------------------------------------------------------------------------------


def _refund(request: HttpRequest, caller: Caller, claim: Claim, id: str) -> HttpResponse:
    """POST /v1/payments/{id}/refund"""
    return _refunded(caller, claim, id, _refund_wish(request, read_body(request), id))


def _create_refund(request: HttpRequest, caller: Caller, claim: Claim) -> HttpResponse:
    """POST /v1/refunds, which names the payment in its body"""
    fields = read_body(request)
    payment_id = fields.get("payment_id")
    if not isinstance(payment_id, str):
        raise Refusal("The payment id field is required.", field="payment_id", step="payment_refund")
    rest = {name: value for name, value in fields.values.items() if name != "payment_id"}
    return _refunded(caller, claim, payment_id, _refund_wish(request, replace(fields, values=rest), payment_id))


def _refund_wish(request: HttpRequest, fields: Fields, payment_id: str) -> RefundWish:
    return wire.refund_wish(fields, key=request.headers.get("X-Refund-Idempotency"), path=payment_id)


def _refunded(caller: Caller, claim: Claim, payment_id: str, wish: RefundWish) -> HttpResponse:
    try:
        refund = refund_payment(caller.merchant_id, payment_id, replace(wish, request_key=claim.key))
    except DomainError as error:
        raise errors.of_error(error) from None
    except GatewayFailed:
        return errors.gateway_failed("payment_refund").response()
    return _answer(_shown(refund, refund.attempt))


def _list_refunds(request: HttpRequest, caller: Caller, id: str) -> HttpResponse:
    """GET /v1/payments/{id}/refunds"""
    wanted = wire.page(read_query(request))
    attempt, _ = _find_payment(caller, id)
    refunds = queries.refunds_of(attempt, since=wanted.since, until=wanted.until)
    return _answer(collection(_shown(refund, attempt) for refund in refunds[wanted.first : wanted.end]))


def _fetch_payment_refund(request: HttpRequest, caller: Caller, id: str, refund_id: str) -> HttpResponse:
    """GET /v1/payments/{id}/refunds/{refund_id}"""
    read_query(request).allow()
    found = _find_refund(caller, refund_id)
    if found.attempt.gateway_payment_id != id:
        raise errors.unknown_id()
    return _answer(_shown(found, found.attempt))


def _fetch_refund(request: HttpRequest, caller: Caller, id: str) -> HttpResponse:
    """GET /v1/refunds/{id}"""
    read_query(request).allow()
    found = _find_refund(caller, id)
    return _answer(_shown(found, found.attempt))


def _find_refund(caller: Caller, refund_id: str) -> Refund:
    found = queries.find_refund(caller.merchant_id, refund_id) if "\0" not in refund_id else None
    if found is None:
        raise errors.unknown_id()
    return found


def _shown(refund: Refund, attempt: PaymentAttempt) -> dict[str, Any]:
    return refund_entity(refund, attempt, getattr(refund, "of_merchant", None))


@csrf_exempt
@answers_problems_with(errors.problem)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Below Razorpay's paths: its SDKs read the envelope."""
    del request
    return errors.unknown_url().response()


orders = _route(GET=_list_orders, POST=_create_order)
order = _route(GET=_fetch_order, PATCH=_edit_order)
order_payments = _route(GET=_list_payments)
payment = _route(GET=_fetch_payment)
capture = _route(POST=_capture)
refund = _route(POST=_refund)
payment_refunds = _route(GET=_list_refunds)
payment_refund = _route(GET=_fetch_payment_refund)
refunds = _route(POST=_create_refund)
one_refund = _route(GET=_fetch_refund)
