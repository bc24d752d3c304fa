"""A customer's own orders: list, detail with tracking, cancellation. Another's order does not exist here."""

from __future__ import annotations

import re
import uuid

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException, NotFound
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
from orders.models import Order, OrderStatus
from orders.status import StatusRefused

_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_NEWEST_FIRST = Ordering("-number", ("number",), (int,), descending=True)
_STATUSES = {status.label: status for status in OrderStatus}
KEY = OpenApiParameter("key", location="path", description="The order's id, or its number.")


class Conflict(APIException):
    """The order's state does not allow it."""

    status_code = 409
    default_detail = "The order's state does not allow this."
    default_code = "conflict"


def customer_id_of(request: Request) -> uuid.UUID | None:
    """The caller as somebody who buys; None for staff alone."""
    customer = getattr(request.user, "customer", None)
    return customer.pk if customer else None


def _find(request: Request, key: str) -> Order:
    """The caller's own order by id or number. Raises NotFound alike for another's and for none."""
    order = find_order(Order.objects.of_customer(customer_id_of(request)).with_details(), key)
    if order is None:
        raise NotFound
    return order


def find_order(orders: QuerySet[Order], key: str) -> Order | None:
    """The one of these orders that a key means: an id or a number."""
    wanted = Q(number=int(key)) if _NUMBER.fullmatch(key) else Q(pk=parse_id(key))
    return orders.filter(wanted).first()


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
        """One of the caller's orders."""
        return Response(serializers.OrderSerializer(serializers.whole(_find(request, key))).data)


class CancelOrderView(APIView):
    """POST orders/{id or number}/cancel/"""

    @extend_schema(parameters=[KEY], request=serializers.CancelSerializer, responses={200: serializers.OrderSerializer})
    def post(self, request: Request, key: str) -> Response:
        """Cancel an order that is not sent yet; what was paid goes back. 409 once it is sent or over."""
        order = _find(request, key)
        assert isinstance(request.user, User)
        wanted = serializers.CancelSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            cancellation.cancel_order(
                order.pk, actor=actors.customer(request.user.pk), reason=wanted.validated_data.get("reason", "")
            )
        except StatusRefused as error:
            raise Conflict(code=error.first.code) from None
        return Response(serializers.OrderSerializer(serializers.whole(_find(request, key))).data)
