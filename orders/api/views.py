"""A customer's own orders: list, detail with tracking, cancellation. Another's order does not exist here, except for
staff who may see orders: they read any one.
"""

from __future__ import annotations

import re
import uuid

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers.models import User
from kit.ids import parse_id
from orders import actors, cancellation
from orders.api import serializers
from orders.api.refusals import Conflict, Forbidden
from orders.models import Order, OrderStatus
from orders.queries import OrderQuerySet
from orders.status import StatusRefused

_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_NEWEST_FIRST = Ordering("-number", ("number",), (int,), descending=True)
_STATUSES = {status.label: status for status in OrderStatus}
KEY = OpenApiParameter("key", location="path", description="The order's id, or its number.")
VIEW = "orders.view_order"


def customer_id_of(request: Request) -> uuid.UUID | None:
    """The caller as somebody who buys; None for staff alone."""
    customer = getattr(request.user, "customer", None)
    return customer.pk if customer else None


def staff_with(request: Request, *rights: str) -> bool:
    """Whether the caller is a member of staff with one of these rights."""
    user = request.user
    return isinstance(user, User) and user.is_staff and any(user.has_perm(right) for right in rights)


def visible_orders(request: Request, *rights: str) -> OrderQuerySet:
    """The caller's own orders, or all for staff who may see orders or have one of the rights."""
    if staff_with(request, VIEW, *rights):
        return Order.objects.all()
    return Order.objects.of_customer(customer_id_of(request))


def is_owner(request: Request, order: Order) -> bool:
    """Whether the order is the caller's own."""
    return order.customer_id == customer_id_of(request)


def find_order(orders: OrderQuerySet, key: str) -> Order:
    """The one of these orders that a key means: an id or a number. Raises NotFound alike for another's and for none."""
    wanted = Q(number=int(key)) if _NUMBER.fullmatch(key) else Q(pk=parse_id(key))
    order = orders.filter(wanted).first()
    if order is None:
        raise NotFound
    return order


def _find(request: Request, key: str) -> Order:
    return find_order(visible_orders(request).with_details(), key)


class OrdersView(APIView):
    """GET orders/"""

    @extend_schema(
        operation_id="orders_list",
        parameters=[
            OpenApiParameter("status", enum=list(_STATUSES)),
            OpenApiParameter("limit", int, description="1 to 100, otherwise 20."),
            OpenApiParameter("cursor", description="From the previous page's `next`."),
        ],
        responses=serializers.OrderPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The caller's orders, the newest first, a page at a time."""
        parameters = Parameters(request.query_params, ("status", *keyset.PARAMETERS))
        orders = Order.objects.of_customer(customer_id_of(request))
        if status := parameters.choice("status", _STATUSES):
            orders = orders.filter(status=_STATUSES[status])
        page = keyset.page(request, parameters, orders, _NEWEST_FIRST)
        return Response(
            page.rendered(
                lambda rows: serializers.OrderRowSerializer([serializers.row(order) for order in rows], many=True).data
            )
        )


class OrderView(APIView):
    """GET orders/{id or number}/"""

    @extend_schema(parameters=[KEY], responses=serializers.OrderSerializer)
    def get(self, request: Request, key: str) -> Response:
        """One of the caller's orders; for staff with the right `orders.view_order` any."""
        return Response(serializers.OrderSerializer(serializers.whole(_find(request, key))).data)


class CancelOrderView(APIView):
    """POST orders/{id or number}/cancel/"""

    @extend_schema(parameters=[KEY], request=serializers.CancelSerializer, responses={200: serializers.OrderSerializer})
    def post(self, request: Request, key: str) -> Response:
        """Cancel an order of one's own that is not sent yet; what was paid goes back. 409 once it is sent or over."""
        order = _find(request, key)
        if not is_owner(request, order):
            raise Forbidden("customers_only")
        assert isinstance(request.user, User)
        wanted = serializers.CancelSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            cancellation.cancel_order(
                order.pk, actor=actors.customer(request.user.pk), reason=wanted.validated_data.get("reason", "")
            )
        except StatusRefused as error:
            raise Conflict(error.first.code) from None
        return Response(serializers.OrderSerializer(serializers.whole(_find(request, key))).data)
