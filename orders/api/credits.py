"""What a customer has of credit: the balance of each currency with its terms, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Sum
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
from customers.models import Customer, User
from kit import clock
from kit.money import Money
from payments.credits.statement import CreditMove, move_of
from payments.models import Account, CreditBalance, CreditTerm, LedgerEntry, TransferKind

_NEWEST_FIRST = Ordering("-id", ("id",), (int,), descending=True)


class CreditTermSerializer(serializers.Serializer[Any]):
    """So much of a balance ends then; null: never. What ends first is spent first."""

    amount = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class CreditBalanceSerializer(serializers.Serializer[Any]):
    """What there is of one currency, and until when. What is over already is in the balance until it is booked."""

    currency = serializers.CharField()
    balance = serializers.CharField()
    spendable = serializers.CharField(help_text="Without what is over already.")
    terms = CreditTermSerializer(many=True)


class CreditEntrySerializer(serializers.Serializer[Any]):
    """Credit that came or, below zero, went; `order_id` is the order that it came from or paid for."""

    id = serializers.IntegerField()
    what = serializers.ChoiceField(CreditMove.choices)
    kind = serializers.ChoiceField(TransferKind.choices, help_text="How the ledger calls it.")
    amount = serializers.CharField()
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Until when it was good as it came.")
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
        """The caller's own credit: what there is, until when, and how it came about."""
        assert isinstance(request.user, User)
        customer = request.user.customer
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        entries = LedgerEntry.objects.filter(customer=customer, account=Account.CUSTOMER_CREDIT)
        page = keyset.page(request, parameters, entries.select_related("transfer"), _NEWEST_FIRST)
        body = {"balances": _balances(customer), **page.rendered(_shown)}
        return Response(CreditsSerializer(body).data)


def _balances(customer: Customer) -> list[dict[str, Any]]:
    """Each currency's balance with its terms, of those that end together the sum. Two statements."""
    now = clock.now()
    left = CreditTerm.objects.filter(customer=customer, left_minor__gt=0).values("currency", "expires_at")
    terms: dict[str, list[tuple[datetime | None, int]]] = {}
    for row in left.annotate(sum=Sum("left_minor")).order_by("currency", F("expires_at").asc(nulls_last=True)):
        terms.setdefault(row["currency"], []).append((row["expires_at"], row["sum"]))
    rows = []
    for one in CreditBalance.objects.filter(customer=customer).order_by("currency"):
        known = terms.get(one.currency, [])
        good = sum(minor for ends, minor in known if ends is None or ends > now)
        rows.append(
            {
                "currency": one.currency,
                "balance": _major(one.balance_minor, one.currency),
                "spendable": _major(good, one.currency),
                "terms": [{"amount": _major(minor, one.currency), "expires_at": ends} for ends, minor in known],
            }
        )
    return rows


def _shown(entries: Sequence[LedgerEntry]) -> list[dict[str, Any]]:
    """Ours to give is the account's credit side; the customer reads what came as above zero."""
    return [
        {
            "id": entry.pk,
            "what": move_of(entry).value,
            "kind": entry.transfer.kind,
            "amount": _major(-entry.amount_minor, entry.currency),
            "currency": entry.currency,
            "expires_at": entry.expires_at,
            "order_id": entry.subject_id,
            "at": entry.transfer.at,
        }
        for entry in entries
    ]


def _major(minor: int, currency: str) -> str:
    return str(Money(minor, currency).major)
