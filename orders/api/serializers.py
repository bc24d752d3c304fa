"""How an order looks on /api/v1: closed shapes, amounts as decimal strings in major units."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from kit.money import Money
from orders.invoices.amounts import percent_text
from orders.invoices.links import invoice_url
from orders.models import (
    UNTOLD_EVENTS,
    ActorKind,
    Fulfilment,
    HistoryEvent,
    Invoice,
    InvoiceKind,
    Order,
    OrderLine,
    OrderStatus,
    PaymentTerms,
)
from orders.payments import status_of
from orders.taxes.summary import taxes_of
from payments.status import PaymentStatus

STATUS_CHOICES = [(label, label) for label in OrderStatus.labels]
"""A status is spelled as in every dialect: "Payment Pending"."""
TOLD_EVENTS = [(event.value, event.label) for event in HistoryEvent if event not in UNTOLD_EVENTS]


class OrderLineSerializer(serializers.Serializer[Any]):
    """One line as it was bought."""

    product_id = serializers.UUIDField()
    variant_id = serializers.UUIDField()
    sku = serializers.CharField()
    title = serializers.CharField()
    variant_title = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField()
    amount = serializers.CharField(help_text="Quantity times unit price.")
    discount = serializers.CharField()
    tax = serializers.CharField()
    zero_reason = serializers.CharField(help_text="Why nothing is taxed, where nothing is.")
    hsn_code = serializers.CharField()


class OrderTaxSerializer(serializers.Serializer[Any]):
    """One tax of one rate over the whole order."""

    name = serializers.CharField()
    rate = serializers.CharField(help_text="Percent, as a decimal.")
    base = serializers.CharField(help_text="What it is on, without tax.")
    amount = serializers.CharField()


class OrderDocumentSerializer(serializers.Serializer[Any]):
    """An invoice, or a note that corrects it, as it was issued."""

    kind = serializers.ChoiceField(InvoiceKind.choices)
    number = serializers.CharField()
    issued_at = serializers.DateTimeField()
    total = serializers.CharField()
    url = serializers.CharField(help_text="The page; with &format=pdf or &format=xml the PDF or the e-invoice.")


class OrderAddressSerializer(serializers.Serializer[Any]):
    """Where the order goes."""

    street = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    postal_code = serializers.CharField()
    country = serializers.CharField()


class OrderTrackingSerializer(serializers.Serializer[Any]):
    """Where the goods are."""

    fulfilment = serializers.ChoiceField(Fulfilment.choices)
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class OrderEventSerializer(serializers.Serializer[Any]):
    """One thing that happened."""

    event = serializers.ChoiceField(TOLD_EVENTS)
    status = serializers.ChoiceField(STATUS_CHOICES)
    actor = serializers.ChoiceField(ActorKind.choices)
    at = serializers.DateTimeField()


class OrderRowSerializer(serializers.Serializer[Any]):
    """An order in a list."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(STATUS_CHOICES)
    fulfilment = serializers.ChoiceField(Fulfilment.choices)
    payment_terms = serializers.ChoiceField(PaymentTerms.choices)
    total = serializers.CharField()
    currency = serializers.CharField()
    placed_at = serializers.DateTimeField()


class OrderSerializer(OrderRowSerializer):
    """An order with everything that its customer may know of it."""

    products = serializers.CharField()
    discount = serializers.CharField()
    tax = serializers.CharField()
    delivery = serializers.CharField()
    credits = serializers.CharField(help_text="What was paid with credits.")
    credits_returned = serializers.CharField(help_text="What refunds have given back of the credits.")
    coupon_code = serializers.CharField(help_text="Empty without one. What it took off is in the discounts.")
    delivery_discount = serializers.CharField(help_text="Taken off the delivery, which is without it.")
    collected = serializers.CharField()
    refunded = serializers.CharField()
    payment_status = serializers.ChoiceField([(status.value, status.value) for status in PaymentStatus])
    delivery_method = serializers.CharField()
    address = OrderAddressSerializer()
    notes = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    tracking = OrderTrackingSerializer()
    lines = OrderLineSerializer(many=True)
    history = OrderEventSerializer(many=True)
    prices_include_tax = serializers.BooleanField()
    taxes = OrderTaxSerializer(many=True)
    invoice_url = serializers.CharField(help_text="Open to whoever has it; before the issue a pro-forma.")
    documents = OrderDocumentSerializer(many=True)


class OrderPageSerializer(serializers.Serializer[Any]):
    """A page of orders."""

    next = serializers.CharField(allow_null=True)
    results = OrderRowSerializer(many=True)


class CancelSerializer(serializers.Serializer[Any]):
    """Why an order is cancelled, if the customer says so."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


def row(order: Order) -> dict[str, Any]:
    """The values of OrderRowSerializer."""
    return {
        "id": order.pk,
        "number": order.number,
        "status": OrderStatus(order.status).label,
        "fulfilment": order.fulfilment,
        "payment_terms": order.payment_terms,
        "total": _major(order, order.total_minor),
        "currency": order.currency,
        "placed_at": order.placed_at,
    }


def whole(order: Order) -> dict[str, Any]:
    """The values of OrderSerializer. The order comes with its lines and history."""
    amounts = (
        "products",
        "discount",
        "tax",
        "delivery",
        "delivery_discount",
        "credits",
        "credits_returned",
        "collected",
        "refunded",
    )
    return {
        **row(order),
        **{name: _major(order, getattr(order, f"{name}_minor")) for name in amounts},
        "coupon_code": order.coupon_code,
        "payment_status": status_of(order).value,
        "delivery_method": order.delivery_name,
        "address": {name: getattr(order, name) for name in ("street", "city", "state", "postal_code", "country")},
        "notes": order.notes,
        "expires_at": order.expires_at,
        "tracking": {
            name: getattr(order, name)
            for name in ("fulfilment", "carrier", "tracking_number", "sent_at", "delivered_at")
        },
        "lines": [_line(order, line) for line in order.lines.all()],
        "history": [
            {
                "event": entry.event,
                "status": OrderStatus(entry.to_status).label,
                "actor": entry.actor_kind,
                "at": entry.at,
            }
            for entry in order.history.all()
            if entry.event not in UNTOLD_EVENTS
        ],
        "prices_include_tax": order.prices_include_tax,
        "taxes": [
            {
                "name": tax.name,
                "rate": percent_text(tax.ppm),
                "base": _major(order, tax.base_minor),
                "amount": _major(order, tax.amount_minor),
            }
            for tax in taxes_of(order)
        ],
        "invoice_url": invoice_url(order),
        "documents": [_document(order, one) for one in reversed(order.invoices.all())],
    }


def _line(order: Order, line: OrderLine) -> dict[str, Any]:
    return {
        "product_id": line.variant.product_id,
        "variant_id": line.variant_id,
        "sku": line.sku,
        "title": line.title,
        "variant_title": line.variant_title,
        "quantity": line.quantity,
        "unit_price": _major(order, line.unit_price_minor),
        "amount": _major(order, line.amount_minor),
        "discount": _major(order, line.discount_minor),
        "tax": _major(order, line.tax_minor),
        "zero_reason": line.zero_reason,
        "hsn_code": line.hsn_code,
    }


def _document(order: Order, one: Invoice) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "number": one.number,
        "issued_at": one.issued_at,
        "total": str(one.total.major),
        "url": invoice_url(order, note=one.number if one.kind != InvoiceKind.INVOICE else ""),
    }


def _major(order: Order, minor: int) -> str:
    return str(Money(minor, order.currency).major)
