"""What a customer has of credit: the balance of each currency, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers.api.views import IsCustomer
from customers.models import User
from kit.money import Money
from payments.models import Account, CreditBalance, LedgerEntry, TransferKind

_NEWEST_FIRST = Ordering("-id", ("id",), (int,), descending=True)


class CreditBalanceSerializer(serializers.Serializer[Any]):
    """What there is of one currency."""

    currency = serializers.CharField()
    balance = serializers.CharField()


class CreditEntrySerializer(serializers.Serializer[Any]):
    """Credit that came, or, below zero, went; `order_id` is the order that it came from or paid for."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(TransferKind.choices)
    amount = serializers.CharField()
    currency = serializers.CharField()
    order_id = serializers.UUIDField(allow_null=True)
    at = serializers.DateTimeField()


class CreditsSerializer(serializers.Serializer[Any]):
    """The balances, and a page of what made them, the newest first."""

    balances = CreditBalanceSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    results = CreditEntrySerializer(many=True)


class CreditsView(APIView):
    """GET credits/"""

    permission_classes = (IsCustomer,)

    @extend_schema(
        parameters=[OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor")],
        responses=CreditsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The caller's own credit."""
        assert isinstance(request.user, User)
        customer = request.user.customer
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        entries = LedgerEntry.objects.filter(customer=customer, account=Account.CUSTOMER_CREDIT)
        page = keyset.page(request, parameters, entries.select_related("transfer"), _NEWEST_FIRST)
        balances = CreditBalance.objects.filter(customer=customer).order_by("currency")
        body = {
            "balances": [
                {"currency": one.currency, "balance": str(Money(one.balance_minor, one.currency).major)}
                for one in balances
            ],
            **page.rendered(_shown),
        }
        return Response(CreditsSerializer(body).data)


def _shown(entries: Sequence[LedgerEntry]) -> list[dict[str, Any]]:
    """Ours to give is the account's credit side; the customer reads what came as above zero."""
    return [
        {
            "id": entry.pk,
            "kind": entry.transfer.kind,
            "amount": str(Money(-entry.amount_minor, entry.currency).major),
            "currency": entry.currency,
            "order_id": entry.subject_id,
            "at": entry.transfer.at,
        }
        for entry in entries
    ]
