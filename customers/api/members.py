"""What members see of their membership and of their place: their own, and of others no more than the names and ids of
those below them.
"""

from __future__ import annotations

import uuid
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
from customers.genealogy import tree
from customers.memberships.acts import membership_of
from customers.memberships.upgrades import upgrade_in_progress
from customers.models import Customer, MembershipEvent, MembershipHistory, Placement, UpgradeKind, User
from kit.errors import NotFound
from kit.ids import parse_id

_NEWEST_FIRST = Ordering("-id", ("id",), (int,), descending=True)
_BY_ID = Ordering("customer_id", ("customer_id",), (uuid.UUID,))
_PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100, otherwise 20."),
    OpenApiParameter("cursor", description="From the previous page's `next`."),
]


class ActiveMembershipSerializer(serializers.Serializer[Any]):
    """A membership that lasts."""

    id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    product_number = serializers.IntegerField(source="product.number")
    title = serializers.CharField(source="product.title")
    tier = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class UpgradeSerializer(serializers.Serializer[Any]):
    """An upgrade on its way."""

    kind = serializers.ChoiceField(UpgradeKind.choices)
    product_id = serializers.UUIDField()
    tier = serializers.IntegerField()
    order_id = serializers.UUIDField(allow_null=True, help_text="Null: the shop gives it.")
    begun_at = serializers.DateTimeField()


class MembershipHistorySerializer(serializers.Serializer[Any]):
    """One thing that happened to one of the caller's memberships."""

    id = serializers.IntegerField()
    membership_id = serializers.UUIDField()
    tier = serializers.IntegerField(source="membership.tier")
    event = serializers.ChoiceField(MembershipEvent.choices)
    days = serializers.IntegerField(help_text="Given, or below zero, taken off again.")
    ends_at = serializers.DateTimeField(source="ends_to", help_text="The membership's end since then.")
    order_id = serializers.UUIDField(allow_null=True)
    at = serializers.DateTimeField()


class MembershipSerializer(serializers.Serializer[Any]):
    """The caller's membership and upgrade, if there are any, and a page of all that happened, the newest first."""

    membership = ActiveMembershipSerializer(allow_null=True)
    upgrade = UpgradeSerializer(allow_null=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    results = MembershipHistorySerializer(many=True)


class RightBelowSerializer(serializers.Serializer[Any]):
    """Somebody right below the caller."""

    id = serializers.UUIDField(source="customer_id")
    name = serializers.SerializerMethodField(help_text="May be empty.")

    def get_name(self, placement: Placement) -> str:
        """Never the e-mail."""
        return f"{placement.customer.first_name} {placement.customer.last_name}".strip()


class GenealogySerializer(serializers.Serializer[Any]):
    """The caller's place, and a page of those right below."""

    placed = serializers.BooleanField()
    placed_at = serializers.DateTimeField(allow_null=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    results = RightBelowSerializer(many=True)


class BelowSerializer(serializers.Serializer[Any]):
    """Whether somebody stands below the caller."""

    below = serializers.BooleanField()


class MembershipView(APIView):
    """GET membership/"""

    permission_classes = (IsCustomer,)

    @extend_schema(parameters=_PAGE, responses=MembershipSerializer)
    def get(self, request: Request) -> Response:
        """The caller's own membership, an upgrade on its way, and the history of both."""
        customer = _customer(request)
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        history = MembershipHistory.objects.filter(membership__customer=customer).select_related("membership")
        page = keyset.page(request, parameters, history, _NEWEST_FIRST)
        told = {
            "membership": membership_of(customer.pk),
            "upgrade": upgrade_in_progress(customer.pk),
            "next": page.next,
            "results": page.rows,
        }
        return Response(MembershipSerializer(told).data)


class GenealogyView(APIView):
    """GET genealogy/"""

    permission_classes = (IsCustomer,)

    @extend_schema(parameters=_PAGE, responses=GenealogySerializer)
    def get(self, request: Request) -> Response:
        """The caller's own place, and those right below."""
        customer = _customer(request)
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        place = Placement.objects.filter(pk=customer.pk).first()
        page = keyset.page(request, parameters, tree.children(customer.pk), _BY_ID)
        told = {
            "placed": place is not None,
            "placed_at": place.placed_at if place else None,
            "next": page.next,
            "results": page.rows,
        }
        return Response(GenealogySerializer(told).data)


@extend_schema(parameters=[OpenApiParameter("customer_id", OpenApiTypes.UUID, location="path")])
class BelowView(APIView):
    """GET genealogy/below/{customer_id}/"""

    permission_classes = (IsCustomer,)

    @extend_schema(responses=BelowSerializer)
    def get(self, request: Request, customer_id: str) -> Response:
        """Whether somebody stands below the caller, on whatever level; no, too, of who does not exist."""
        parsed = parse_id(customer_id)
        if parsed is None:
            raise NotFound("customer")
        return Response({"below": tree.is_below(parsed, _customer(request).pk)})


def _customer(request: Request) -> Customer:
    assert isinstance(request.user, User)
    return request.user.customer
