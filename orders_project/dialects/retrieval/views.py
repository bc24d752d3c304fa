"""Authenticate, find the order, answer. The texts are in `errors`, the shape in `wire`."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from customers.authentication import Caller, caller_of
from customers.models import User
from customers.tokens import NotAuthenticated
from orders.invoices.links import invoice_url
from orders.models import Order
from orders_project.dialects.retrieval import errors, wire
from orders_project.problems import answers_problems_with
from payments import queries

_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_GREATEST = 2**63 - 1


@csrf_exempt
@answers_problems_with(errors.of_middleware)
def retrieve(request: HttpRequest, key: str) -> HttpResponse:
    """GET /api/order/{id}: at most eight statements, however many products the order has."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": "GET, HEAD, OPTIONS"})
    if request.method not in ("GET", "HEAD"):
        return errors.refusal("method_not_allowed")
    try:
        caller = caller_of(request.headers.get("Authorization"))
    except NotAuthenticated:
        return errors.refusal("unauthenticated")
    order = _find(key)
    if order is None or order.customer_id != caller.customer_id:
        if not _may_see_orders(caller):
            return errors.refusal("not_authorized")
        if order is None:
            return errors.refusal("not_found")
    body = wire.order(
        order,
        lines=list(order.lines.order_by("position")),
        campaigns=list(order.campaigns.select_related("main_image").order_by("position")),
        payment=queries.last_captured(order.pk),
        invoice_url=invoice_url(order),
    )
    return HttpResponse(body, content_type="application/json")


def _find(key: str) -> Order | None:
    """The order with this number; None for what is no number, like one that no order has. One statement for all."""
    number = int(key) if _NUMBER.fullmatch(key) else 0
    number = number if number <= _GREATEST else 0
    return Order.objects.select_related("customer").filter(number=number).first()


def _may_see_orders(caller: Caller) -> bool:
    """Whether the caller is staff with the right to."""
    user = User.objects.filter(pk=caller.user_id).first() if caller.is_staff else None
    return user is not None and user.has_perm("orders.view_order")


@csrf_exempt
@answers_problems_with(errors.of_middleware)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Around the dialect's path."""
    del request
    return errors.refusal("nothing_here")
