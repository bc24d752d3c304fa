"""What a coupon would take off a basket: judged and priced as placing it would, and nothing is written."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.countries import alpha2
from customers.api.serializers import TextField
from customers.api.views import IsCustomer
from customers.models import Customer, User
from kit.ids import parse_id
from kit.money import Money
from orders import checks
from orders.api.refund_shapes import FlagField, KnownFieldsSerializer, WholeNumberField
from orders.checks import Basket, DeliveryAddress, WantedItem, Wish
from orders.coupons import guessing
from orders.models import CouponKind, PaymentTerms
from orders.taxes.service import TaxServiceUnavailable

MOST_ITEMS = 500


class TaxesUnknown(APIException):
    """Nobody knows the taxes of the basket right now."""

    status_code = 503
    default_detail = "The taxes cannot be worked out right now. Try again in a moment."
    default_code = "taxes_unavailable"
    wait = 5


class CountryField(TextField):
    """An ISO code or an English name, as alpha-2."""

    def to_internal_value(self, data: Any) -> str:
        """The code, or a refusal."""
        code = alpha2(super().to_internal_value(data))
        if code is None:
            raise serializers.ValidationError("Not a country.", code="not_a_country")
        return code


class PreviewItemSerializer(KnownFieldsSerializer):
    """So many pieces of a product. With one variant on sale it need not be named."""

    product_id = TextField(max_length=60)
    variant_id = TextField(max_length=60, required=False, allow_null=True)
    quantity = WholeNumberField(min_value=1, max_value=2**31 - 1)


class PreviewWishSerializer(KnownFieldsSerializer):
    """A basket, where it goes, and the code. Without a delivery method nothing is delivered."""

    code = TextField(max_length=64)
    items = serializers.ListField(child=PreviewItemSerializer(), min_length=1, max_length=MOST_ITEMS)
    delivery_method_id = TextField(max_length=60, required=False, allow_null=True)
    country = CountryField(max_length=80)
    state = TextField(max_length=120, required=False, allow_blank=True)
    postal_code = TextField(max_length=20, required=False, allow_blank=True)
    on_delivery = FlagField(required=False, default=False, help_text="It is paid on delivery.")
    use_credits = FlagField(required=False, default=False)


class PreviewLineSerializer(serializers.Serializer[Any]):
    """A line as it would be priced: the amount is before discount and tax."""

    product_id = serializers.UUIDField()
    variant_id = serializers.UUIDField()
    quantity = serializers.IntegerField()
    amount = serializers.CharField()
    discount = serializers.CharField()
    tax = serializers.CharField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What the order would cost. `delivery` is what is left of it after `delivery_discount`."""

    code = serializers.CharField()
    kind = serializers.ChoiceField(CouponKind.choices)
    currency = serializers.CharField()
    products = serializers.CharField()
    discount = serializers.CharField()
    delivery = serializers.CharField()
    delivery_discount = serializers.CharField()
    tax = serializers.CharField()
    prices_include_tax = serializers.BooleanField()
    credits = serializers.CharField()
    total = serializers.CharField()
    lines = PreviewLineSerializer(many=True)


class CouponPreviewView(APIView):
    """POST coupons/preview/"""

    permission_classes = (IsCustomer,)

    @extend_schema(operation_id="coupon_preview", request=PreviewWishSerializer, responses={200: PreviewSerializer})
    def post(self, request: Request) -> Response:
        """What a coupon would take off a basket of the caller's. 400 says why it cannot be used, as placing the order
        would; 429 after too many codes that do not exist, which count together with those tried in orders.
        """
        assert isinstance(request.user, User)
        wanted = PreviewWishSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        customer = request.user.customer
        wish = _wish(wanted.validated_data, customer)
        try:
            with guessing.watched(customer.pk, wish.coupon_code):
                basket = checks.check(wish)
        except TaxServiceUnavailable:
            raise TaxesUnknown from None
        return Response(PreviewSerializer(_shown(basket)).data)


def _wish(sent: dict[str, Any], customer: Customer) -> Wish:
    items = tuple(
        WantedItem(
            parse_id(item["product_id"]),
            parse_id(item.get("variant_id")),
            item.get("variant_id") is not None,
            item["quantity"],
        )
        for item in sent["items"]
    )
    delivery = sent.get("delivery_method_id")
    return Wish(
        customer_id=customer.pk,
        items=items,
        delivery_method_id=parse_id(delivery) if delivery is not None else None,
        address=DeliveryAddress("", "", sent.get("state", ""), sent.get("postal_code", ""), sent["country"]),
        terms=PaymentTerms.ON_DELIVERY if sent["on_delivery"] else PaymentTerms.PREPAID,
        delivers=delivery is not None,
        coupon_code=sent["code"],
        use_credits=sent["use_credits"],
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
        tax_number=customer.tax_number,
    )


def _shown(basket: Basket) -> dict[str, Any]:
    totals, coupon = basket.totals, basket.coupon
    assert coupon is not None

    def major(minor: int) -> str:
        return str(Money(minor, totals.currency).major)

    return {
        "code": coupon.offer.code,
        "kind": coupon.offer.kind.value,
        "currency": totals.currency,
        **{
            name: major(getattr(totals, name))
            for name in ("products", "discount", "delivery", "tax", "credits", "total")
        },
        "delivery_discount": major(coupon.delivery),
        "prices_include_tax": basket.prices_include_tax,
        "lines": [
            {
                "product_id": line.offer.product_id,
                "variant_id": line.offer.variant_id,
                "quantity": line.quantity,
                "amount": major(line.offer.price.minor * line.quantity),
                "discount": major(line.discount_minor),
                "tax": major(line.tax.amount_minor),
            }
            for line in basket.lines
        ],
    }
