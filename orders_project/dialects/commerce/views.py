"""Which integration calls for whom, read, one act or query, answer. The texts are in `errors`, the shapes in `wire`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from customers.authentication import Caller, caller_of
from customers.integrations import keys
from customers.integrations.keys import CallingIntegration, TooManyCalls, UnknownKey
from customers.integrations.models import Scope
from customers.throttling import TooManyFailures, client_address
from customers.tokens import NotAuthenticated
from kit import clock
from orders import checkout
from orders.checkout import Checkout, PaymentNotInitialized
from orders.models import Order
from orders.queries import OrderQuerySet, Position
from orders.taxes.service import TaxServiceUnavailable
from orders_project.dialects.commerce import errors, filters, packages, placing, reading, wire
from orders_project.dialects.commerce.bodies import MalformedBody, read_body
from orders_project.dialects.commerce.errors import Faults, Told
from orders_project.dialects.commerce.people import sees_all
from orders_project.dialects.commerce.reading import whole_of
from orders_project.idempotency.keeping import BadKey, Claim, KeyReused, NothingDone, StillWorking, once
from orders_project.parsing import BodyTooLarge, UnsupportedMediaType
from orders_project.problems import answers_problems_with
from payments import collecting
from payments.models import GatewayName


@dataclass(frozen=True, slots=True)
class Call:
    """A request, the integration that sent it, and for whom."""

    request: HttpRequest
    integration: CallingIntegration
    caller: Caller
    claim: Claim

    def body(self) -> Mapping[str, object]:
        """Its fields. Raises NothingDone with the refusal of what cannot be read."""
        try:
            return read_body(self.request)
        except MalformedBody as error:
            raise NothingDone(errors.refusal(400, str(error))) from None
        except UnsupportedMediaType as error:
            raise NothingDone(errors.refusal(415, str(error))) from None
        except BodyTooLarge as error:
            raise NothingDone(errors.refusal(413, str(error))) from None


Act = Callable[[Call], HttpResponse]
"""What it returns is kept under the request's key; what it refuses by raising NothingDone or Faults is not."""


class _Refused(Exception):
    """The caller may not. `response` says why."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


def _route(methods: tuple[str, ...], scope: Scope, act: Act) -> Callable[..., HttpResponse]:
    """A view: the right method, both headers, the scope, the idempotency key, the act."""

    @csrf_exempt
    @answers_problems_with(errors.problem)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method not in methods:
            response = errors.refusal(405, f"Method {request.method} is not allowed here.")
            response["Allow"] = ", ".join(methods)
            return response
        try:
            integration, caller = _who(request, scope)
        except _Refused as refused:
            return refused.response

        def perform(claim: Claim) -> HttpResponse:
            try:
                return act(Call(request, integration, caller, claim))
            except Faults as faults:
                raise NothingDone(errors.validation(faults.told)) from None

        if request.method != "POST":
            try:
                return perform(Claim(None))
            except NothingDone as refusal:
                return refusal.response
        try:
            # Of the integration, too: what one may do another may not.
            return once(request, principal=f"{integration.id.hex[:24]}:{caller.user_id}", act=perform)
        except BadKey:
            return errors.refusal(400, "Idempotency-Key must be 1 to 255 printable ASCII characters.")
        except KeyReused:
            return errors.refusal(422, "Idempotency-Key was used for another request.")
        except StillWorking:
            return errors.refusal(409, "A request with this Idempotency-Key is still in progress.", retry_after_s=1)

    return view


def _who(request: HttpRequest, scope: Scope) -> tuple[CallingIntegration, Caller]:
    """Both headers count, and the integration may do that. Raises _Refused."""
    told: list[Told] = []
    integration = caller = None
    try:
        integration = keys.caller_of(request.headers.get("apikey"), client_address(request))
    except UnknownKey:
        told.append(Told("apikey", errors.invalid("apikey")))
    except TooManyCalls:
        raise _Refused(errors.refusal(429, "Too many requests with this apikey.", retry_after_s=1)) from None
    except TooManyFailures as error:
        text = "Too many requests with a wrong apikey."
        raise _Refused(errors.refusal(429, text, field="apikey", retry_after_s=error.retry_after_s)) from None
    try:
        caller = caller_of(request.headers.get("Authorization"))
    except NotAuthenticated:
        told.append(Told("Authorization", "Invalid access token"))
    if integration is None or caller is None:
        raise _Refused(errors.refusal(401, told[0].text, field=told[0].field, also=told[1:]))
    if not integration.may(scope):
        text = f"This apikey does not have the scope '{scope.value}'."
        raise _Refused(errors.refusal(403, text, field="apikey"))
    return integration, caller


def _gateway() -> GatewayName:
    """The one that has a page to pay on, where the shop has an account there."""
    return GatewayName.RAZORPAY if collecting.is_configured(GatewayName.RAZORPAY) else GatewayName.STRIPE


def _buy(call: Call, begin: Callable[[GatewayName], Checkout]) -> HttpResponse:
    """What an order, placed by `begin` unless an earlier try has, is answered with."""
    gateway = _gateway()
    if not collecting.is_configured(gateway):
        raise Faults([errors.NOTHING_PAYABLE])
    try:
        done = checkout.resume(call.claim.key) if call.claim.resumed and call.claim.key else None
        done = done or begin(gateway)
    except TaxServiceUnavailable:
        text = "The taxes of the order cannot be worked out right now. Try again in a moment."
        raise NothingDone(errors.refusal(503, text, retry_after_s=5)) from None
    except PaymentNotInitialized:
        text = "The payment provider cannot be asked right now: the order is cancelled. Try again with another key."
        return errors.refusal(502, text)
    return errors.answer(wire.placed(done, gateway))


def _create_order(call: Call) -> HttpResponse:
    """POST create-order/"""
    wanted = reading.read_order(call.body())
    return _buy(
        call,
        lambda gateway: placing.place(
            wanted, call.caller, call.integration, gateway=gateway, placement_key=call.claim.key
        ),
    )


def _upgrade_or_renew(call: Call) -> HttpResponse:
    """POST upgrade-renewal-package/"""
    wanted = reading.read_package(call.body())
    return _buy(
        call,
        lambda gateway: packages.order(
            wanted, call.caller, call.integration, gateway=gateway, placement_key=call.claim.key
        ),
    )


def _visible(caller: Caller) -> OrderQuerySet:
    """The caller's own orders; for staff who may see orders, all."""
    return Order.objects.all() if sees_all(caller) else Order.objects.of_customer(caller.customer_id)


def _all_orders(call: Call) -> HttpResponse:
    """GET all-orders/"""
    query = {name: str(value) for name, value in call.request.GET.items()}
    if any("\0" in value for value in query.values()):
        raise Faults([Told("request", "A text contains a NUL character.")])
    zone = settings.SHOP_TIME_ZONE
    asked = filters.read(query, today=clock.day_in(zone), zone=zone)
    found = list(asked.of(_visible(call.caller).with_last_change()))
    shown, more = found[: asked.limit], len(found) > asked.limit
    following = Position(shown[-1].placed_at, shown[-1].number) if more else None
    return errors.answer(
        {"orders": [wire.row(order) for order in shown], "filter_data": filters.shown(asked, following)}
    )


def _order_details(call: Call) -> HttpResponse:
    """GET or POST order-details/"""
    given: object = call.request.GET.get("order_number")
    if given is None:
        given = call.body().get("order_number")
    if given is None:
        raise Faults([Told("order_number", errors.NUMBER_REQUIRED)])
    if isinstance(given, str) and not given.strip():
        raise Faults([Told("order_number", errors.NUMBER_BLANK)])
    number = whole_of(given)
    orders = _visible(call.caller).prefetch_related("lines__variant__product")
    order = orders.filter(number=number).first() if number is not None else None
    if order is None:
        raise Faults([Told("order_number", errors.NUMBER_INVALID)])
    return errors.answer([wire.line(one, order) for one in order.lines.all()])


@csrf_exempt
@answers_problems_with(errors.problem)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Below this dialect's paths: who reads its envelope gets it."""
    del request
    return errors.refusal(404, "There is nothing here.")


create_order = _route(("POST",), Scope.ORDERS, _create_order)
upgrade_or_renew = _route(("POST",), Scope.PACKAGES, _upgrade_or_renew)
all_orders = _route(("GET",), Scope.READ, _all_orders)
order_details = _route(("GET", "POST"), Scope.READ, _order_details)
