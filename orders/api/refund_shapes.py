"""How refunds look on /api/v1, and what may be sent about them: amounts as decimal strings in major units."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from customers.api.serializers import TextField
from kit.money import Money
from orders.models import OrderRefund, RefundKind
from orders.returns.standing import RefundStep, Standing
from payments.models import RefundDestination


class WholeNumberField(serializers.IntegerField):
    """A number that was sent as one: no text, no fraction, no truth value."""

    def to_internal_value(self, data: Any) -> int:
        """The number, or a refusal."""
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """true or false, and not one of the words for them."""

    def to_internal_value(self, data: Any) -> bool:
        """The flag, or a refusal."""
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class KnownFieldsSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelled field must not turn into another refund."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The fields, all of them known."""
        unknown = [name for name in data if name not in self.fields] if isinstance(data, dict) else []
        if unknown:
            detail = ErrorDetail("Unknown field.", code="unknown")
            raise serializers.ValidationError({name[:100]: [detail] for name in unknown})
        known: dict[str, Any] = super().to_internal_value(data)
        return known


class RefundLineWishSerializer(KnownFieldsSerializer):
    """So many pieces of a line."""

    line = WholeNumberField(min_value=1, max_value=32767, help_text="The line's position in the order, from 1.")
    quantity = WholeNumberField(min_value=1, max_value=2**31 - 1)
    restock = FlagField(required=False, default=False, help_text="The pieces come back into stock.")


class RefundWishSerializer(KnownFieldsSerializer):
    """What is to go back: lines, an amount, or, with kind `full`, everything that is left."""

    kind = serializers.ChoiceField(
        RefundKind.choices,
        required=False,
        help_text="Left out, it is `lines` with lines or delivery, and `partial` with an amount alone.",
    )
    amount = TextField(
        required=False, max_length=30, help_text='Major units, "12.50"; with lines, at most what they cost.'
    )
    lines = serializers.ListField(child=RefundLineWishSerializer(), required=False, max_length=200)
    delivery = FlagField(required=False, default=False, help_text="What the delivery cost goes back as well.")
    destination = serializers.ChoiceField(
        RefundDestination.choices, required=False, default=RefundDestination.ORIGINAL.value
    )
    reason = TextField(max_length=200, help_text="The customer may read it.")


class RefundRefusalSerializer(KnownFieldsSerializer):
    """Why a refund is refused; for staff."""

    reason = TextField(max_length=200)


class NothingSerializer(KnownFieldsSerializer):
    """An empty object."""


class RefundLineSerializer(serializers.Serializer[Any]):
    """Pieces of a line that were given back, and what went back for them."""

    line = serializers.IntegerField()
    sku = serializers.CharField()
    title = serializers.CharField()
    quantity = serializers.IntegerField()
    amount = serializers.CharField()
    discount = serializers.CharField()
    tax = serializers.CharField()
    restock = serializers.BooleanField()


class RefundSerializer(serializers.Serializer[Any]):
    """A refund and how far it has come."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    kind = serializers.ChoiceField(RefundKind.choices)
    state = serializers.ChoiceField(RefundStep.choices)
    destination = serializers.ChoiceField(RefundDestination.choices)
    amount = serializers.CharField()
    currency = serializers.CharField()
    tax = serializers.CharField(help_text="The tax in the amount.")
    delivery = serializers.CharField(help_text="What of the amount is for the delivery.")
    credits = serializers.CharField(help_text="What of the amount comes back as the credits that paid for the order.")
    returned = serializers.CharField(help_text="What of the amount has arrived.")
    failed = serializers.CharField(help_text="What of the amount could not be sent back.")
    reason = serializers.CharField()
    needs_approval = serializers.BooleanField(help_text="A second person has to agree.")
    requested_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    lines = RefundLineSerializer(many=True)


class RefundPageSerializer(serializers.Serializer[Any]):
    """A page of refunds."""

    next = serializers.CharField(allow_null=True)
    results = RefundSerializer(many=True)


def shown_refund(refund: OrderRefund, standing: Standing) -> dict[str, Any]:
    """The values of RefundSerializer. The refund comes with its lines and theirs."""

    def major(minor: int) -> str:
        return str(Money(minor, refund.currency).major)

    return {
        "id": refund.pk,
        "order_id": refund.order_id,
        "kind": refund.kind,
        "state": standing.step.value,
        "destination": refund.destination,
        "amount": major(refund.amount_minor),
        "currency": refund.currency,
        "tax": major(refund.tax_minor),
        "delivery": major(refund.delivery_minor),
        "credits": major(refund.credits_minor),
        "returned": major(standing.back_minor),
        "failed": major(standing.failed_minor),
        "reason": refund.reason,
        "needs_approval": refund.needs_approval,
        "requested_at": refund.requested_at,
        "decided_at": refund.decided_at,
        "lines": [
            {
                "line": part.order_line.position,
                "sku": part.order_line.sku,
                "title": part.order_line.title,
                "quantity": part.quantity,
                "amount": major(part.amount_minor),
                "discount": major(part.discount_minor),
                "tax": major(part.tax_minor),
                "restock": part.restock,
            }
            for part in refund.lines.all()
        ],
    }
