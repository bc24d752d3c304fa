"""Authenticate, read, one act, answer. The texts are in `errors`, the shapes in `wire`."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from customers.authentication import Caller, caller_of
from customers.throttling import TooManyFailures
from customers.tokens import NotAuthenticated
from kit.errors import NotFound
from kit.ids import parse_id
from kit.strict_json import MalformedJSON
from orders import actors, checkout
from orders.checkout import Checkout, PaymentNotInitialized
from orders.checks import OrderRefused
from orders.confirmation import PaymentNotCheckable, confirm_payment
from orders.models import PaymentTerms
from orders.placement import Buyer, Purchase, find_placed, place_order
from orders.status import StatusRefused
from orders.taxes.service import TaxServiceUnavailable
from orders_project.dialects.storefront import errors, wire
from orders_project.idempotency.keeping import BadKey, Claim, KeyReused, NothingDone, StillWorking, once
from orders_project.parsing import BodyTooLarge, UnsupportedMediaType, read_json
from orders_project.problems import answers_problems_with
from payments.models import GatewayName

Act = Callable[..., HttpResponse]
"""Takes the request, its caller and its claim, and what the route names. What it returns is kept under the key."""


def _route(method: str, act: Act) -> Callable[..., HttpResponse]:
    """A view: the right method, a caller, the idempotency key, the act; every refusal in this dialect's words."""

    @csrf_exempt
    @answers_problems_with(errors.problem)
    def view(request: HttpRequest, **named: str) -> HttpResponse:
        if request.method != method:
            response = errors.refusal(405, f"Method {request.method} is not allowed here")
            response["Allow"] = HttpResponseNotAllowed([method])["Allow"]
            return response
        try:
            caller = caller_of(request.headers.get("Authorization"))
        except NotAuthenticated:
            return errors.refusal(401, "Authentication is required")
        try:
            return once(
                request, principal=f"user:{caller.user_id}", act=lambda claim: act(request, caller, claim, **named)
            )
        except BadKey:
            return errors.refusal(400, "Idempotency-Key must be 1 to 255 printable ASCII characters")
        except KeyReused:
            return errors.refusal(422, "Idempotency-Key was used for another request")
        except StillWorking:
            return errors.refusal(409, "A request with this Idempotency-Key is still in progress", retry_after_s=1)

    return view


def _read(request: HttpRequest, caller: Caller) -> wire.OrderRequest:
    """The order request. Raises NothingDone with the refusal of what cannot be one for this caller."""
    try:
        wanted = wire.parse(read_json(request))
    except (MalformedJSON, wire.BadShape) as error:
        raise NothingDone(errors.refusal(400, str(error))) from None
    except UnsupportedMediaType as error:
        raise NothingDone(errors.refusal(415, str(error))) from None
    except BodyTooLarge as error:
        raise NothingDone(errors.refusal(413, str(error))) from None
    if caller.customer_id is None or wanted.customer_id != caller.customer_id:
        raise NothingDone(errors.refusal(404, "Customer not found"))
    return wanted


def _purchase(
    wanted: wire.OrderRequest, caller: Caller, claim: Claim, terms: PaymentTerms, gateway: GatewayName
) -> Purchase:
    assert wanted.customer_id is not None
    return Purchase(
        customer_id=wanted.customer_id,
        buyer=Buyer(caller.email, tax_number=caller.tax_number),
        actor=actors.customer(caller.user_id),
        dialect="storefront",
        delivery_method_id=wanted.delivery_method_id,
        address=wanted.address,
        items=wanted.items,
        notes=wanted.notes,
        terms=terms,
        gateway=gateway,
        coupon_code=wanted.coupon_code,
        use_credits=wanted.use_credits,
        placement_key=claim.key,
    )


# What an order may be refused with, before anything is written.
_REFUSALS = (OrderRefused, TooManyFailures, TaxServiceUnavailable)


def _refusal(error: Exception) -> HttpResponse:
    if isinstance(error, OrderRefused):
        return errors.of_error(error)
    if isinstance(error, TooManyFailures):
        text = "Too many coupon codes that do not exist, please try again later"
        return errors.refusal(429, text, retry_after_s=error.retry_after_s)
    return errors.refusal(
        503, "The taxes of the order cannot be worked out right now, please try again", retry_after_s=5
    )


def _place_with_payment(request: HttpRequest, caller: Caller, claim: Claim) -> HttpResponse:
    """POST /api/orders/with-payment"""
    wanted = _read(request, caller)
    purchase = _purchase(wanted, caller, claim, PaymentTerms.PREPAID, wanted.provider)
    try:
        done: Checkout | None = checkout.resume(claim.key) if claim.resumed and claim.key else None
        done = done or checkout.buy_with_payment(purchase)
    except _REFUSALS as error:
        raise NothingDone(_refusal(error)) from None
    except PaymentNotInitialized as error:
        return errors.not_initialized(error.reason)
    body = wire.checkout(done, wanted, razorpay_key_id=settings.RAZORPAY_KEY_ID)
    response = HttpResponse(body, content_type="application/json")
    response["Location"] = f"/api/v1/orders/{done.order_id}/"
    return response


def _place(request: HttpRequest, caller: Caller, claim: Claim) -> HttpResponse:
    """POST /api/orders"""
    wanted = _read(request, caller)
    order_id = find_placed(claim.key) if claim.resumed and claim.key else None
    if order_id is None:
        purchase = _purchase(wanted, caller, claim, PaymentTerms.ON_DELIVERY, GatewayName.OFFLINE)
        try:
            order_id = place_order(purchase).id
        except _REFUSALS as error:
            raise NothingDone(_refusal(error)) from None
    response = HttpResponse(status=204, headers={"Location": f"/api/v1/orders/{order_id}/"})
    del response["Content-Type"]
    return response


def _mark_paid(request: HttpRequest, caller: Caller, claim: Claim, order_id: str) -> HttpResponse:
    """PATCH /api/orders/{id}/paid"""
    del request
    known = parse_id(order_id)
    try:
        if known is None:
            raise NotFound("order")
        confirm_payment(known, customer_id=caller.customer_id, claim=claim.key)
    except NotFound:
        raise NothingDone(errors.refusal(404, "Order not found")) from None
    except StatusRefused as error:
        if _may_ask_again(error):
            raise NothingDone(errors.of_error(error)) from None
        return errors.of_error(error)
    except PaymentNotCheckable:
        text = "The payment could not be checked right now, please try again"
        raise NothingDone(errors.refusal(503, text, retry_after_s=2)) from None
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def _may_ask_again(error: StatusRefused) -> bool:
    """Whether a refused confirmation left the order as it was: the payment may still come, and the shopper's device
    asks again under its key. Where money was taken note of, or is on its way back, the answer stands."""
    fault = error.first
    if fault.code == "not_paid":
        return fault.facts["why"] not in ("other_amount", "other_currency")
    return fault.code == "already_confirmed"


@csrf_exempt
@answers_problems_with(errors.problem)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Below the storefront's paths: who reads JSON strings there gets one."""
    del request
    return errors.refusal(404, "There is nothing here")


place_with_payment = _route("POST", _place_with_payment)
place = _route("POST", _place)
mark_paid = _route("PATCH", _mark_paid)
