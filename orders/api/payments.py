"""The payments of an order: its customer pays what is still due, or tries again; staff ask for more, or hold it."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db.models import Sum
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers.api.serializers import TextField
from customers.models import User
from kit.errors import DomainError, Fault
from kit.money import Money, MoneyError
from orders import actors
from orders.api.refund_shapes import FlagField, KnownFieldsSerializer
from orders.api.refusals import Conflict
from orders.api.views import KEY, find_order, is_owner, staff_with, visible_orders
from orders.checkout import CANCELLED_MEANWHILE, PaymentNotInitialized
from orders.models import Order
from orders.payments import request_payment
from orders.status import StatusRefused
from payments.gateways.base import Reason
from payments.models import GatewayName, PaymentRequest, RequestState
from payments.queries import online_requests

_NEWEST_FIRST = Ordering("-id", ("id",), (uuid.UUID,), descending=True)
_PAGE = (OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor"))
ONLINE = [(name.value, name.label) for name in GatewayName if name != GatewayName.OFFLINE]
"""The gateways that a payer may choose from."""
_NOT_PAYABLE = (Reason.AMOUNT_TOO_SMALL, Reason.AMOUNT_NOT_PAYABLE)


class GatewayUnavailable(APIException):
    """The gateway will not or cannot be told of the payment; nobody is asked for anything."""

    status_code = 503
    default_detail = "The payment cannot be made right now. Try again in a moment, or choose another gateway."
    default_code = "gateway_unavailable"
    wait = 5


class PaymentWishSerializer(KnownFieldsSerializer):
    """How to pay. Without an amount all that is due; what names an amount, or holds it, is for staff."""

    gateway = serializers.ChoiceField(ONLINE, required=False, help_text="That of the last payment, or Stripe.")
    amount = TextField(required=False, max_length=30, help_text='Major units, "12.50". For staff alone.')
    hold = FlagField(required=False, help_text="Only hold it, to be captured later. For staff alone.")


class PaymentSerializer(serializers.Serializer[Any]):
    """A payment that was asked for. The secret is for the payer alone, and as long as it can be paid."""

    id = serializers.UUIDField()
    gateway = serializers.ChoiceField(GatewayName.choices)
    gateway_reference = serializers.CharField(allow_null=True)
    client_secret = serializers.CharField(allow_null=True)
    key_id = serializers.CharField(allow_null=True, help_text="Razorpay's public key.")
    amount = serializers.CharField()
    captured = serializers.CharField()
    refunded = serializers.CharField(help_text="What went back, or became credit.")
    currency = serializers.CharField()
    hold = serializers.BooleanField()
    state = serializers.ChoiceField(RequestState.choices)
    created_at = serializers.DateTimeField()


class PaymentPageSerializer(serializers.Serializer[Any]):
    """A page of payments."""

    next = serializers.CharField(allow_null=True)
    results = PaymentSerializer(many=True)


def row(payment: PaymentRequest, *, for_payer: bool) -> dict[str, Any]:
    """The values of PaymentSerializer."""
    is_open = payment.state == RequestState.OPEN and payment.cancel_wanted_at is None
    back = getattr(payment, "refunded", 0) + getattr(payment, "credited", 0)
    return {
        "id": payment.pk,
        "gateway": payment.gateway,
        "gateway_reference": payment.gateway_reference,
        "client_secret": (payment.client_secret or None) if for_payer and is_open else None,
        "key_id": settings.RAZORPAY_KEY_ID if payment.gateway == GatewayName.RAZORPAY else None,
        "amount": str(payment.amount.major),
        "captured": _major(getattr(payment, "captured", 0), payment),
        "refunded": _major(back, payment),
        "currency": payment.currency,
        "hold": payment.hold,
        "state": payment.state,
        "created_at": payment.created_at,
    }


def _major(minor: int | None, payment: PaymentRequest) -> str:
    return str(Money(minor or 0, payment.currency).major)


class PaymentsView(APIView):
    """GET and POST orders/{id or number}/payments/"""

    @extend_schema(operation_id="order_payments_list", parameters=[KEY, *_PAGE], responses=PaymentPageSerializer)
    def get(self, request: Request, key: str) -> Response:
        """The payments asked for an order, the newest first, for its customer and for staff with the right
        `payments.view_paymentrequest`.
        """
        order, for_payer = _order_for(request, key, right="payments.view_paymentrequest")
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        payments = PaymentRequest.objects.filter(subject_id=order.pk).annotate(
            captured=Sum("attempts__captured_minor"),
            refunded=Sum("attempts__refunded_minor", default=0),
            credited=Sum("attempts__credited_minor", default=0),
        )
        page = keyset.page(request, parameters, payments, _NEWEST_FIRST)
        return Response(
            page.rendered(
                lambda rows: PaymentSerializer([row(payment, for_payer=for_payer) for payment in rows], many=True).data
            )
        )

    @extend_schema(
        operation_id="order_payments_create",
        parameters=[KEY],
        request=PaymentWishSerializer,
        responses={201: PaymentSerializer},
    )
    def post(self, request: Request, key: str) -> Response:
        """Ask for a payment of what is still due: its customer, or staff with the right `orders.request_payment`.
        Whoever is asked for just that already gets the payment that waits; an open one of another kind that nobody has
        begun to pay is called off first. 409 while an earlier payment is under way, or when nothing is due.
        """
        order, by_payer = _order_for(request, key, right="orders.request_payment")
        assert isinstance(request.user, User)
        wish = PaymentWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        wanted = wish.validated_data
        if by_payer and (strange := wanted.keys() - {"gateway"}):
            raise ValidationError({name: ["For staff alone."] for name in sorted(strange)}, code="not_allowed")
        actor = actors.customer(request.user.pk) if by_payer else actors.staff(request.user.pk)
        try:
            payment = request_payment(
                order.pk,
                gateway=GatewayName(wanted.get("gateway") or _last_gateway(order)),
                actor=actor,
                amount=_amount(wanted.get("amount"), order),
                hold=wanted.get("hold", False),
                request_id=getattr(request, "idempotency_claim", None),
            )
        except StatusRefused as error:
            raise Conflict(error.first.code) from None
        except PaymentNotInitialized as error:
            raise not_initialized(error.reason) from None
        body = PaymentSerializer(row(payment, for_payer=by_payer)).data
        return Response(body, status=status.HTTP_201_CREATED)


def _order_for(request: Request, key: str, *, right: str) -> tuple[Order, bool]:
    """The order for its customer, or for staff with the right, and whether it is the former. Raises NotFound for who
    may not see the order, PermissionDenied for staff who may do no more than that.
    """
    order = find_order(visible_orders(request, right), key)
    own = is_owner(request, order)
    if not own and not staff_with(request, right):
        raise PermissionDenied
    return order, own


def _last_gateway(order: Order) -> str:
    """Where the order's last payment online was asked for; Stripe if none was."""
    return online_requests(order.pk).values_list("gateway", flat=True).first() or GatewayName.STRIPE


def _amount(text: str | None, order: Order) -> Money | None:
    if text is None:
        return None
    try:
        return Money.from_major(text, order.currency)
    except MoneyError:
        raise DomainError([Fault("amount_invalid", at=("amount",))]) from None


def not_initialized(reason: str) -> Exception:
    """The refusal when a payment cannot be begun, by the reason of PaymentNotInitialized."""
    if reason in _NOT_PAYABLE:
        return DomainError([Fault(reason, at=("amount",))])
    if reason == CANCELLED_MEANWHILE:
        return Conflict(reason)
    return GatewayUnavailable(code=reason)
