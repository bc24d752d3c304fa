"""The flyers of an order: its customer enters them while they are drafts, a mailing system reports how they do."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers.models import User
from orders import actors
from orders.api.flyer_shapes import (
    FiguresSerializer,
    FiguresWishSerializer,
    FlyerPageSerializer,
    FlyerSerializer,
    FlyerWishSerializer,
    shown_figures,
    shown_flyer,
)
from orders.api.refusals import Conflict
from orders.api.views import KEY, find_order, is_owner, staff_with, visible_orders
from orders.campaigns import keys
from orders.campaigns.editing import edit_campaign
from orders.campaigns.moves import CampaignRefused
from orders.campaigns.reporting import Figures, report_figures
from orders.models import Campaign, MailingKey, Order

VIEW, CHANGE = "orders.view_campaign", "orders.change_campaign"
_IN_ORDER = Ordering("position", ("position",), (int,))
_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_FLYER = OpenApiParameter("flyer", OpenApiTypes.INT, location="path", description="Counts the order's flyers from 1.")


class FlyersView(APIView):
    """GET orders/{id or number}/flyers/"""

    @extend_schema(
        operation_id="order_flyers_list",
        parameters=[KEY, OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor")],
        responses=FlyerPageSerializer,
    )
    def get(self, request: Request, key: str) -> Response:
        """The flyers of the order, one for each piece: for its customer, and for staff with the right
        `orders.view_campaign`.
        """
        order, _ = _order_for(request, key, right=VIEW)
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        page = keyset.page(request, parameters, _campaigns(order), _IN_ORDER)
        return Response(page.rendered(lambda rows: FlyerSerializer([shown_flyer(row) for row in rows], many=True).data))


class FlyerView(APIView):
    """GET and PATCH orders/{id or number}/flyers/{n}/"""

    @extend_schema(operation_id="order_flyer", parameters=[KEY, _FLYER], responses=FlyerSerializer)
    def get(self, request: Request, key: str, flyer: str) -> Response:
        """One flyer of the order."""
        order, _ = _order_for(request, key, right=VIEW)
        return Response(FlyerSerializer(shown_flyer(_find(order, flyer))).data)

    @extend_schema(
        operation_id="order_flyer_change",
        parameters=[KEY, _FLYER],
        request=FlyerWishSerializer,
        responses=FlyerSerializer,
    )
    def patch(self, request: Request, key: str, flyer: str) -> Response:
        """Enter what the flyer says, as long as it is a draft: its customer, or staff with the right
        `orders.change_campaign`. 409 once it is scheduled or over.
        """
        order, own = _order_for(request, key, right=CHANGE)
        assert isinstance(request.user, User)
        campaign = _find(order, flyer)
        wish = FlyerWishSerializer(data=request.data, context={"campaign": campaign})
        wish.is_valid(raise_exception=True)
        actor = actors.customer(request.user.pk) if own else actors.staff(request.user.pk)
        try:
            edit_campaign(campaign.pk, wish.validated_data, actor=actor)
        except CampaignRefused as refusal:
            raise Conflict(refusal.first.code) from None
        return Response(FlyerSerializer(shown_flyer(_find(order, flyer))).data)


class MailingKeyAuthentication(BaseAuthentication):
    """For REST framework: request.auth is the key of a mailing system, and there is no user."""

    def authenticate(self, request: Request) -> tuple[None, MailingKey] | None:
        """None without the header; AuthenticationFailed when there is one that does not count. One statement."""
        secret = request.META.get("HTTP_APIKEY")
        if secret is None:
            return None
        key = keys.find_key(secret)
        if key is None:
            raise AuthenticationFailed
        return None, key

    def authenticate_header(self, _request: Request) -> str:
        """The challenge of a 401."""
        return "apikey"


class MailingKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself on definition
    """How the OpenAPI document describes the keys."""

    target_class = MailingKeyAuthentication
    name = "mailingKey"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        """A key in a header of its own."""
        return {"type": "apiKey", "in": "header", "name": "apikey"}


class HasMailingKey(BasePermission):
    """The caller is a mailing system."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """False without a key."""
        return isinstance(request.auth, MailingKey)


class FlyerFiguresView(APIView):
    """POST flyers/{id}/figures/"""

    authentication_classes = (MailingKeyAuthentication,)
    permission_classes = (HasMailingKey,)

    @extend_schema(
        operation_id="flyer_figures_report",
        parameters=[OpenApiParameter("id", OpenApiTypes.INT, location="path", description="The flyer's own id.")],
        request=FiguresWishSerializer,
        responses={200: FiguresSerializer},
    )
    def post(self, request: Request, id: str) -> Response:
        """Report totals of a flyer campaign, for mailing systems with a key of theirs. Reports may come twice, late and
        in any order: nothing ever falls. Mails that arrived make it Sending, 100 per cent Completed. 409 for a draft.
        """
        wish = FiguresWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        assert isinstance(request.auth, MailingKey)
        if not _NUMBER.fullmatch(id):
            raise NotFound
        try:
            campaign = report_figures(int(id), Figures(**wish.validated_data), source=request.auth.name)
        except Campaign.DoesNotExist:
            raise NotFound from None
        except CampaignRefused as refusal:
            raise Conflict(refusal.first.code) from None
        return Response(FiguresSerializer(shown_figures(campaign)).data)


def _order_for(request: Request, key: str, *, right: str) -> tuple[Order, bool]:
    """The order for its customer, or for staff with the right, and whether it is the former. Raises NotFound for who
    may not see the order, PermissionDenied for staff who may do no more than that.
    """
    order = find_order(visible_orders(request, right), key)
    own = is_owner(request, order)
    if not own and not staff_with(request, right):
        raise PermissionDenied
    return order, own


def _campaigns(order: Order) -> Any:
    return Campaign.objects.filter(order=order).select_related("line", "main_image")


def _find(order: Order, flyer: str) -> Campaign:
    campaign = _campaigns(order).filter(position=int(flyer)).first() if re.fullmatch(r"[1-9]\d{0,3}", flyer) else None
    if campaign is None:
        raise NotFound
    assert isinstance(campaign, Campaign)
    return campaign
