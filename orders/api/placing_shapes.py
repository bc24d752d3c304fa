"""What may be sent to place an order on /api/v1, what it is answered with, and what each refusal says."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.api.serializers import CountryField, TaxNumberField, TextField
from kit.errors import DomainError, Fault
from kit.ids import parse_id
from orders.api.flyer_shapes import FlyerWishSerializer, LongTextField
from orders.api.payments import ONLINE, PaymentSerializer
from orders.api.refund_shapes import FlagField, KnownFieldsSerializer, WholeNumberField
from orders.api.serializers import OrderSerializer
from orders.campaigns.content import FlyerContent
from orders.checks import DeliveryAddress, WantedItem
from orders.models import PaymentTerms
from payments.models import GatewayName

MAX_ITEMS = 500
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)


class IdField(serializers.UUIDField):
    """An id in its canonical spelling."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        """The id, or a refusal."""
        found = parse_id(data)
        if found is None:
            self.fail("invalid", value=data)
        return found


@extend_schema_field(OpenApiTypes.STR)
class AmountField(serializers.Field[Any, Any, Any, Any]):
    """Major units as text: "12.50"."""

    default_error_messages: ClassVar = {"amount_invalid": 'Not an amount such as "12.50".'}

    def to_internal_value(self, data: Any) -> Decimal:
        """The number."""
        if not isinstance(data, str) or not _AMOUNT.fullmatch(data):
            self.fail("amount_invalid")
        return Decimal(data)


class OrderItemWishSerializer(KnownFieldsSerializer):
    """One line. A product with one variant needs none named; `flyer` is what each piece of a flyer line says."""

    product_id = IdField()
    variant_id = IdField(required=False, allow_null=True)
    quantity = WholeNumberField(min_value=1, max_value=2**31 - 1)
    unit_price = AmountField(required=False, help_text="If it is not today's price, the order is refused.")
    flyer = FlyerWishSerializer(required=False)


class OrderAddressWishSerializer(KnownFieldsSerializer):
    """Where it goes, or, where nothing is delivered, where the buyer is."""

    street = TextField(max_length=200)
    city = TextField(max_length=120)
    state = TextField(max_length=120, required=False, allow_blank=True)
    postal_code = TextField(max_length=20, required=False, allow_blank=True)
    country = CountryField(help_text="A code or an English name.")


class OrderWishSerializer(KnownFieldsSerializer):
    """An order. Without a delivery method nothing is delivered, which does for flyers and packages alone."""

    items = serializers.ListField(child=OrderItemWishSerializer(), min_length=1, max_length=MAX_ITEMS)
    delivery_method_id = IdField(required=False, allow_null=True)
    address = OrderAddressWishSerializer()
    payment_terms = serializers.ChoiceField(PaymentTerms.choices, required=False, default=PaymentTerms.PREPAID.value)
    gateway = serializers.ChoiceField(ONLINE, required=False, default=GatewayName.STRIPE.value)
    coupon_code = TextField(max_length=64, required=False)
    use_credits = FlagField(required=False, default=False, help_text="Spend as much prepaid credit as possible.")
    notes = LongTextField(max_length=2000, required=False, allow_blank=True, default="")
    first_name = TextField(max_length=100, required=False, allow_blank=True, default="")
    last_name = TextField(max_length=100, required=False, allow_blank=True, default="")
    phone = TextField(max_length=32, required=False, allow_blank=True, default="")
    tax_number = TaxNumberField(max_length=30, required=False, allow_blank=True, default="")


class PlacedOrderSerializer(OrderSerializer):
    """The order, and the payment that it waits for; null if there is nothing to pay, or it is paid on delivery."""

    payment = PaymentSerializer(allow_null=True)


def wanted_items(items: list[dict[str, Any]]) -> tuple[WantedItem, ...]:
    """The lines as the core takes them."""
    return tuple(
        WantedItem(
            product_id=item["product_id"],
            variant_id=item.get("variant_id"),
            names_variant=item.get("variant_id") is not None,
            quantity=item["quantity"],
            unit_price=item.get("unit_price"),
            flyer=FlyerContent(**item["flyer"]) if "flyer" in item else None,
        )
        for item in items
    )


def delivery_address(sent: dict[str, Any]) -> DeliveryAddress:
    """The address as the core takes it."""
    return DeliveryAddress(
        sent["street"], sent["city"], sent.get("state", ""), sent.get("postal_code", ""), sent["country"]
    )


# --- refusals -------------------------------------------------------------------------------------------------------

_UNFIT: Mapping[str, str] = {
    "country": "does not deliver to {country}",
    "weight": "carries at most {max_weight_grams} g, the order weighs {weight_grams} g",
    "currency": "is charged in {charged_in} and cannot carry an order in {currency}",
    "kind": "cannot carry products of the kind {kind}",
    "cash_on_delivery": "does not offer cash on delivery",
}
_COUPON: Mapping[str, str] = {
    "not_yet": "it is not valid yet",
    "over": "it is no longer valid",
    "used_up": "it has been used up",
    "used_before": "you have used it before",
    "currency": "it is for another currency",
    "minimum": "the products must cost at least {minimum}",
    "nothing_eligible": "it is not for these products",
}
_CREDITS: Mapping[str, str] = {
    "buys_credit": "Prepaid credit is not bought with credits.",
    "contended": "Your credits are being spent by other orders right now. Try again.",
}


def _unfit(facts: Mapping[str, Any]) -> str:
    return f"{facts['method']} " + _UNFIT[facts["why"]].format_map(facts) + "."


def _coupon(facts: Mapping[str, Any]) -> str:
    # Of a code that does not exist no more is said.
    reason = _COUPON.get(facts["why"])
    return f"{facts['code']} cannot be used" + (f": {reason.format_map(facts)}." if reason else ".")


# A sentence for each fault of a purchase. When each happens: see the storefront's table.
_TEXTS: Mapping[str, str | Callable[[Mapping[str, Any]], str]] = {
    "gateway_not_configured": "There is no {gateway} here.",
    "delivery_method_not_found": "Name a delivery method that is on offer.",
    "no_items": "An order has at least one item.",
    "product_not_found": "There is no such product.",
    "variant_missing": "{product} has variants: name one.",
    "variant_not_found": "{product} has no such variant.",
    "quantity_invalid": "The quantity of {product} must be a whole number of at least 1.",
    "price_moved": "{product} costs {now} now.",
    "discount_invalid": "Not a discount that {product} can have.",
    "stock_short": "Of {product} {available} can be had, not {requested}.",
    # a flyer's contents were put on a line of something else
    "flyer_not_expected": "{product} is no flyer.",
    # a path of somebody else's image, one that was never uploaded, or one that was forgotten since
    "image_not_found": "Not an image that you have uploaded.",
    "too_many_flyers": "An order has at most {most} flyers.",
    "coupon_not_usable": _coupon,
    "credits_not_usable": lambda facts: _CREDITS[facts["why"]],
    "credit_is_bought_alone": "Prepaid credit is ordered by itself.",
    "currencies_mixed": "One order has one currency.",
    "delivery_unfit": _unfit,
    "amount_out_of_range": "The order's amount is out of range.",
}
_FIELDS: Mapping[str | int, str] = {
    "delivery_method": "delivery_method_id",
    "product": "product_id",
    "variant": "variant_id",
    "coupon": "coupon_code",
    "credits": "use_credits",
}


def worded(error: DomainError) -> DomainError:
    """The same refusal with a sentence for each fault, about the fields by their names here."""
    return DomainError([_worded(fault) for fault in error.faults])


def _worded(fault: Fault) -> Fault:
    at = tuple(_FIELDS.get(step, step) for step in fault.at)
    text = _TEXTS.get(fault.code)
    if text is None:
        return Fault(fault.code, fault.facts, at)
    return Fault(fault.code, {"detail": text(fault.facts) if callable(text) else text.format_map(fault.facts)}, at)
