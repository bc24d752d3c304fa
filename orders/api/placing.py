"""Placing an order on /api/v1: the same acts as the storefront's, with all that can be said about an order."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import offers
from customers.models import Customer, User
from orders import actors, checkout
from orders.api.payments import not_initialized, row
from orders.api.placing_shapes import (
    OrderWishSerializer,
    PlacedOrderSerializer,
    delivery_address,
    wanted_items,
    worded,
)
from orders.api.serializers import whole
from orders.api.views import OrdersView, customer_id_of
from orders.checkout import PaymentNotInitialized
from orders.checks import OrderRefused
from orders.models import Order, PaymentTerms
from orders.placement import Buyer, Purchase, find_placed, place_order
from orders.taxes.service import TaxServiceUnavailable
from payments.models import GatewayName, PaymentRequest


class TaxesUnknown(APIException):
    """Whoever knows the taxes does not answer; nothing was written."""

    status_code = 503
    default_detail = "The taxes of the order cannot be worked out right now. Try again in a moment."
    default_code = "taxes_unknown"
    wait = 5


class PlacingView(OrdersView):
    """GET and POST orders/"""

    @extend_schema(operation_id="orders_create", request=OrderWishSerializer, responses={201: PlacedOrderSerializer})
    def post(self, request: Request) -> Response:
        """Place an order, to be paid online or on delivery. The answer has what the payer's browser needs; an order
        that costs nothing, or is covered by a coupon or credits, is paid at once.
        """
        if customer_id_of(request) is None:
            raise PermissionDenied
        assert isinstance(request.user, User)
        sent = OrderWishSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        claim: uuid.UUID | None = getattr(request, "idempotency_claim", None)
        purchase = _purchase(sent.validated_data, request.user, request.user.customer, claim)
        try:
            order_id = _place(purchase)
        except OrderRefused as refusal:
            raise worded(refusal) from None
        except TaxServiceUnavailable:
            raise TaxesUnknown from None
        except PaymentNotInitialized as error:
            raise not_initialized(error.reason) from None
        answer = Response(PlacedOrderSerializer(_placed(order_id)).data, status=status.HTTP_201_CREATED)
        answer["Location"] = f"/api/v1/orders/{order_id}/"
        return answer


def _purchase(wish: dict[str, Any], user: User, customer: Customer, claim: uuid.UUID | None) -> Purchase:
    items = wanted_items(wish["items"])
    terms = PaymentTerms(wish["payment_terms"])
    method_id = wish.get("delivery_method_id")
    products = {item.product_id for item in items if item.product_id}
    return Purchase(
        customer_id=customer.pk,
        buyer=Buyer(
            user.email,
            first_name=wish["first_name"],
            last_name=wish["last_name"],
            phone=wish["phone"],
            tax_number=wish["tax_number"] or customer.tax_number,
        ),
        actor=actors.customer(user.pk),
        dialect="api",
        delivery_method_id=method_id,
        address=delivery_address(wish["address"]),
        items=items,
        notes=wish["notes"],
        terms=terms,
        gateway=GatewayName(wish["gateway"]) if terms == PaymentTerms.PREPAID else GatewayName.OFFLINE,
        coupon_code=wish.get("coupon_code"),
        use_credits=wish["use_credits"],
        placement_key=claim,
        # Goods need a way to travel, and so does the money of who pays at the door.
        delivers=method_id is not None or terms == PaymentTerms.ON_DELIVERY or offers.are_goods(products),
    )


def _place(purchase: Purchase) -> uuid.UUID:
    """The order's id. A request that was cut off is taken up where it stopped, by its idempotency key."""
    claim = purchase.placement_key
    if purchase.terms == PaymentTerms.ON_DELIVERY:
        return (find_placed(claim) if claim else None) or place_order(purchase).id
    done = checkout.resume(claim) if claim else None
    return (done or checkout.buy_with_payment(purchase)).order_id


def _placed(order_id: uuid.UUID) -> dict[str, Any]:
    order = Order.objects.with_details().get(pk=order_id)
    asked = PaymentRequest.objects.filter(subject_id=order_id).exclude(gateway=GatewayName.OFFLINE)
    payment = asked.order_by("created_at").first()
    return {**whole(order), "payment": row(payment, for_payer=True) if payment else None}
