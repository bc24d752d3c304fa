"""Refunds of an order: asked for, approved and refused by staff with the right, seen by them and by the customer.

Whoever may not see the order gets the answer of one that does not exist.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ErrorDetail, NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers.models import User
from kit.errors import DomainError
from kit.ids import parse_id
from kit.money import Money, MoneyError
from orders import actors, returns
from orders.api.refund_shapes import (
    NothingSerializer,
    RefundPageSerializer,
    RefundRefusalSerializer,
    RefundSerializer,
    RefundWishSerializer,
    shown_refund,
)
from orders.api.refusals import Conflict, Forbidden
from orders.api.views import KEY, find_order, is_owner, staff_with, visible_orders
from orders.models import Order, OrderRefund, RefundKind
from orders.returns.plans import LineWish, RefundWish
from orders.returns.standing import standings
from payments.models import RefundDestination

VIEW, REFUND, APPROVE = "orders.view_orderrefund", "orders.refund_order", "orders.approve_refund"

_NEWEST_FIRST = Ordering("-id", ("id",), (uuid.UUID,), descending=True)
_REFUND = OpenApiParameter("refund", OpenApiTypes.UUID, location="path")
# What the order, its payments or the refund have come to; the other refusals are about what was sent.
_CONFLICTS = frozenset(
    {"already_decided", "nothing_to_refund", "not_refundable", "payment_disputed", "refund_gone", "key_used"}
)
_FORBIDDEN = frozenset({"approval_not_allowed", "second_person_needed"})


class RefundsView(APIView):
    """GET and POST orders/{id or number}/refunds/"""

    @extend_schema(
        operation_id="order_refunds_list",
        parameters=[KEY, OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor")],
        responses=RefundPageSerializer,
    )
    def get(self, request: Request, key: str) -> Response:
        """What was given back of the order, the newest first: for its customer, and for staff with the right
        `orders.view_orderrefund`.
        """
        order = _find_order(request, key)
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        page = keyset.page(request, parameters, _with_lines().filter(order=order), _NEWEST_FIRST)
        return Response(page.rendered(lambda rows: RefundSerializer(_shown(rows), many=True).data))

    @extend_schema(
        operation_id="order_refunds_create",
        parameters=[KEY],
        request=RefundWishSerializer,
        responses={201: RefundSerializer},
    )
    def post(self, request: Request, key: str) -> Response:
        """Give money back, with the right `orders.refund_order`; above a limit it then waits for a second person. 409
        when nothing is left.
        """
        order = _find_order(request, key)
        user = _with_right(request, REFUND)
        wish = _wish(request, order)
        refund = _done(lambda: returns.request_refund(order.pk, wish, actor=actors.staff(user.pk)))
        answer = _answer(refund.pk, status.HTTP_201_CREATED)
        answer["Location"] = f"/api/v1/orders/{order.pk}/refunds/{refund.pk}/"
        return answer


class RefundView(APIView):
    """GET orders/{id or number}/refunds/{refund}/"""

    @extend_schema(parameters=[KEY, _REFUND], responses=RefundSerializer)
    def get(self, request: Request, key: str, refund: str) -> Response:
        """One refund of the order."""
        return _answer(_find_refund(_find_order(request, key), refund).pk)


class ApproveRefundView(APIView):
    """POST orders/{id or number}/refunds/{refund}/approve/"""

    @extend_schema(parameters=[KEY, _REFUND], request=NothingSerializer, responses={200: RefundSerializer})
    def post(self, request: Request, key: str, refund: str) -> Response:
        """Agree, as a second person with the right `orders.approve_refund`: the money is on its way. 403 for who asked
        for it, 409 once it is decided.
        """
        order = _find_order(request, key)
        user = _with_right(request, APPROVE)
        wanted = _find_refund(order, refund)
        _validated(NothingSerializer(data=request.data))
        _done(lambda: returns.approve_refund(wanted.pk, actor=actors.staff(user.pk)))
        return _answer(wanted.pk)


class RefuseRefundView(APIView):
    """POST orders/{id or number}/refunds/{refund}/refuse/"""

    @extend_schema(parameters=[KEY, _REFUND], request=RefundRefusalSerializer, responses={200: RefundSerializer})
    def post(self, request: Request, key: str, refund: str) -> Response:
        """Do not agree, or take one's own request back: nothing goes back. 409 once it is decided."""
        order = _find_order(request, key)
        user = _with_right(request, APPROVE, REFUND)
        wanted = _find_refund(order, refund)
        reason = _validated(RefundRefusalSerializer(data=request.data))["reason"]
        _done(lambda: returns.refuse_refund(wanted.pk, actor=actors.staff(user.pk), reason=reason))
        return _answer(wanted.pk)


def _find_order(request: Request, key: str) -> Order:
    """The caller's own order, or any for staff who may see refunds. Raises NotFound for who may not see the order,
    PermissionDenied for staff who may see it and not its refunds.
    """
    order = find_order(visible_orders(request, VIEW), key)
    if not is_owner(request, order) and not staff_with(request, VIEW):
        raise PermissionDenied
    return order


def _find_refund(order: Order, key: str) -> OrderRefund:
    identifier = parse_id(key)
    refund = OrderRefund.objects.filter(order=order, pk=identifier).first() if identifier else None
    if refund is None:
        raise NotFound
    return refund


def _with_right(request: Request, *rights: str) -> User:
    """The member of staff who calls. Raises PermissionDenied without one of the rights."""
    if not staff_with(request, *rights):
        raise PermissionDenied
    assert isinstance(request.user, User)
    return request.user


def _wish(request: Request, order: Order) -> RefundWish:
    """What was sent, as a wish. Raises ValidationError."""
    sent = _validated(RefundWishSerializer(data=request.data))
    lines = tuple(LineWish(line["line"], line["quantity"], line["restock"]) for line in sent.get("lines", ()))
    return RefundWish(
        kind=_kind(sent),
        reason=sent["reason"],
        amount=_amount(sent["amount"], order.currency) if "amount" in sent else None,
        lines=lines,
        delivery=sent["delivery"],
        destination=RefundDestination(sent["destination"]),
        key=getattr(request, "idempotency_claim", None),
    )


def _kind(sent: dict[str, Any]) -> RefundKind:
    if "kind" in sent:
        return RefundKind(sent["kind"])
    if sent.get("lines") or sent["delivery"]:
        return RefundKind.LINES
    if "amount" in sent:
        return RefundKind.PARTIAL
    # To give everything back by leaving something out would be too easy.
    detail = ErrorDetail("Say what is to go back: lines, an amount, or the kind full.", code="required")
    raise ValidationError({"kind": [detail]})


def _amount(text: str, currency: str) -> Money:
    try:
        return Money.from_major(text, currency)
    except MoneyError:
        detail = ErrorDetail(f'Not an amount in {currency}, such as "12.50".', code="amount_invalid")
        raise ValidationError({"amount": [detail]}) from None


def _validated(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _done[Result](act: Callable[[], Result]) -> Result:
    """The act's result; its refusal, where it is about more than what was sent, as what it is."""
    try:
        return act()
    except DomainError as refusal:
        code = refusal.first.code
        if code in _CONFLICTS:
            raise Conflict(code) from refusal
        if code in _FORBIDDEN:
            raise Forbidden(code) from refusal
        raise


def _with_lines() -> Any:
    return OrderRefund.objects.prefetch_related("lines__order_line")


def _shown(refunds: Sequence[OrderRefund]) -> list[dict[str, Any]]:
    stands = standings(refunds)
    return [shown_refund(refund, stands[refund.pk]) for refund in refunds]


def _answer(refund_id: uuid.UUID, code: int = status.HTTP_200_OK) -> Response:
    refund = _with_lines().get(pk=refund_id)
    return Response(RefundSerializer(_shown([refund])[0]).data, status=code)
