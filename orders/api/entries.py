"""Events that take entries, and the caller's own entries: listed, begun, and how far each has come."""

from __future__ import annotations

import re
import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import events
from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from catalog.models import Event
from customers.api.serializers import TextField
from customers.api.views import IsCustomer
from customers.models import Customer, EventProfile, User
from kit import clock
from kit.ids import new_id
from orders.api.refund_shapes import KnownFieldsSerializer
from orders.api.refusals import Conflict
from orders.api.serializers import STATUS_CHOICES
from orders.models import EntryOrder, OrderStatus

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NEWEST_FIRST = Ordering("-id", ("id",), (uuid.UUID,), descending=True)
_SLUG = OpenApiParameter("slug", location="path", description="An event's.")
_ENTRY = OpenApiParameter("id", location="path", description="32 hex digits.")
_PAGE = (OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor"))


class EventSerializer(serializers.Serializer[Any]):
    """An event. Its amount is in major units."""

    slug = serializers.CharField()
    name = serializers.CharField()
    amount = serializers.CharField(source="variant.price.major")
    currency = serializers.CharField(source="variant.currency")
    opens_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField()
    places_left = serializers.IntegerField(source="variant.stock.available")


class EventPageSerializer(serializers.Serializer[Any]):
    """A page of events."""

    next = serializers.CharField(allow_null=True)
    results = EventSerializer(many=True)


class EntryWishSerializer(KnownFieldsSerializer):
    """Who takes part."""

    name = TextField(max_length=120)
    description = TextField(max_length=2000, required=False, allow_blank=True, default="")


class EntryEventSerializer(serializers.Serializer[Any]):
    """The event of an entry."""

    slug = serializers.CharField()
    name = serializers.CharField()


class EntryOrderSerializer(serializers.Serializer[Any]):
    """The order that pays, or is to pay, for an entry."""

    id = serializers.UUIDField(source="order_id")
    number = serializers.IntegerField(source="order.number")
    status = serializers.ChoiceField(STATUS_CHOICES)


class EntrySerializer(serializers.Serializer[Any]):
    """An entry; `order` is the one that lives, null before one is placed and after it was called off or refunded."""

    id = serializers.CharField(source="pk.hex", help_text="32 hex digits.")
    name = serializers.CharField()
    description = serializers.CharField()
    event = EntryEventSerializer()
    entered = serializers.BooleanField()
    entered_at = serializers.DateTimeField(allow_null=True)
    order = EntryOrderSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class EntryPageSerializer(serializers.Serializer[Any]):
    """A page of entries."""

    next = serializers.CharField(allow_null=True)
    results = EntrySerializer(many=True)


class EventsView(APIView):
    """GET events/"""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="events_list", parameters=[*_PAGE], responses=EventPageSerializer, auth=[])
    def get(self, request: Request) -> Response:
        """The events that take entries now, the newest first."""
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        page = keyset.page(request, parameters, events.open_events(clock.now()), _NEWEST_FIRST)
        return Response(page.rendered(lambda rows: EventSerializer(rows, many=True).data))


class EventEntriesView(APIView):
    """POST events/{slug}/entries/"""

    permission_classes = (IsCustomer,)

    @extend_schema(parameters=[_SLUG], request=EntryWishSerializer, responses={201: EntrySerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Begin an entry in an event that takes entries: it stands once its order is paid. 409 when it takes none."""
        event = Event.objects.filter(slug=slug).first() if "\0" not in slug else None
        if event is None:
            raise NotFound
        wish = EntryWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        if not event.is_open(clock.now()):
            raise Conflict("event_not_open")
        assert isinstance(request.user, User)
        who = {"event": event, "customer": request.user.customer, "updated_by": request.user}
        # A request that was cut off after this and comes again finds the entry that it began.
        key = getattr(request, "idempotency_claim", None) or new_id()
        profile, _ = EventProfile.objects.get_or_create(pk=key, defaults={**who, **wish.validated_data})
        return Response(EntrySerializer(_shown([profile])[0]).data, status=status.HTTP_201_CREATED)


class EntriesView(APIView):
    """GET entries/"""

    permission_classes = (IsCustomer,)

    @extend_schema(operation_id="entries_list", parameters=[*_PAGE], responses=EntryPageSerializer)
    def get(self, request: Request) -> Response:
        """The caller's entries, the newest first."""
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        page = keyset.page(request, parameters, _profiles(_customer(request)), _NEWEST_FIRST)
        return Response(page.rendered(lambda rows: EntrySerializer(_shown(rows), many=True).data))


class EntryView(APIView):
    """GET entries/{id}/"""

    permission_classes = (IsCustomer,)

    @extend_schema(parameters=[_ENTRY], responses=EntrySerializer)
    def get(self, request: Request, id: str) -> Response:
        """One of the caller's entries."""
        wanted = uuid.UUID(id) if _ID.fullmatch(id) else None
        profile = _profiles(_customer(request)).filter(pk=wanted).first() if wanted else None
        if profile is None:
            raise NotFound
        return Response(EntrySerializer(_shown([profile])[0]).data)


def _customer(request: Request) -> Customer:
    assert isinstance(request.user, User)
    return request.user.customer


def _profiles(customer: Customer) -> Any:
    return EventProfile.objects.filter(customer=customer).select_related("event")


def _shown(profiles: list[EventProfile]) -> list[EventProfile]:
    """The profiles with their live orders. One statement."""
    live = EntryOrder.objects.filter(profile__in=profiles, ended_at__isnull=True).select_related("order")
    orders = {entry.profile_id: entry for entry in live}
    for profile in profiles:
        entry = orders.get(profile.pk)
        if entry is not None:
            entry.status = OrderStatus(entry.order.status).label  # type: ignore[attr-defined]  # as it is spelled here
        profile.order, profile.entered = entry, profile.entered_by is not None  # type: ignore[attr-defined]
    return profiles
