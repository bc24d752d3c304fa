"""What a payer's browser asks about a Razorpay checkout. Nobody signs in: an order's id and a signature are enough."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.api.serializers import TextField
from kit import errors
from orders import verification
from orders.api.refund_shapes import KnownFieldsSerializer
from orders.verification import Verdict

ASK_AGAIN_AFTER_S = 2
_REFERENCE = OpenApiParameter("reference", location="path", description="The Razorpay order's id, `order_...`.")


class CheckoutAnswerSerializer(KnownFieldsSerializer):
    """What Razorpay's checkout has handed to the browser."""

    razorpay_payment_id = TextField(max_length=64)
    razorpay_order_id = TextField(max_length=64)
    razorpay_signature = TextField(max_length=256)


class PaymentStandingSerializer(serializers.Serializer[Any]):
    """How the payment stands: `checking` is answered with 202 and means that it is worth asking again."""

    status = serializers.ChoiceField([(verdict.value, verdict.value) for verdict in Verdict])


class VerifyView(APIView):
    """POST payments/razorpay/verify/"""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="razorpay_verify",
        request=CheckoutAnswerSerializer,
        responses={200: PaymentStandingSerializer, 202: PaymentStandingSerializer},
    )
    def post(self, request: Request) -> Response:
        """Show what Razorpay's checkout has handed out after a payment. Its signature is checked, the gateway is asked,
        and the answer says how that payment stands now: paid, authorized, failed, refunded, or still being checked.
        """
        shown = CheckoutAnswerSerializer(data=request.data)
        shown.is_valid(raise_exception=True)
        told = shown.validated_data
        return _answer(
            verification.verify(told["razorpay_order_id"], told["razorpay_payment_id"], told["razorpay_signature"])
        )


class StandingView(APIView):
    """GET payments/razorpay/{order id}/"""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="razorpay_standing", parameters=[_REFERENCE], responses=PaymentStandingSerializer)
    def get(self, request: Request, reference: str) -> Response:
        """How the payment of a Razorpay order stands, by what we have been told so far."""
        del request
        try:
            return _answer(verification.standing(reference), asked=False)
        except errors.NotFound:
            raise NotFound from None


def _answer(verdict: Verdict, *, asked: bool = True) -> Response:
    unsettled = asked and verdict == Verdict.CHECKING
    response = Response(
        PaymentStandingSerializer({"status": verdict.value}).data,
        status=status.HTTP_202_ACCEPTED if unsettled else status.HTTP_200_OK,
    )
    if unsettled:
        response["Retry-After"] = str(ASK_AGAIN_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response
