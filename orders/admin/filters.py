"""Filters of the list of orders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter

from catalog.admin.pages import ChoiceFilter
from orders.models import Fulfilment, Order, OrderStatus, PaymentTerms
from payments.models import GatewayName, PaymentRequest

_NAME = re.compile(r"\w{1,20}", re.ASCII)

SEEN_LATELY = 1_000
"""Currencies and dialects are offered that this many of the newest orders have."""
NUMBER_LEEWAY = 1_000
"""Orders placed at one moment take their numbers in any order, but none is so many away from its neighbours."""


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = column = "status"
    options = OrderStatus.choices


class FulfilmentFilter(ChoiceFilter):
    title = "fulfilment"
    parameter_name = column = "fulfilment"
    options = Fulfilment.choices


class TermsFilter(ChoiceFilter):
    title = "payment terms"
    parameter_name = "terms"
    column = "payment_terms"
    options = PaymentTerms.choices


class GatewayFilter(ChoiceFilter):
    """Orders with a payment request at a gateway."""

    title = "gateway"
    parameter_name = "gateway"
    column = ""
    options = GatewayName.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Payments know no orders: the two meet in the subject's id."""
        if self.value() is None:
            return queryset
        requests = PaymentRequest.objects.filter(subject_id=OuterRef("pk"), gateway=self.value())
        return queryset.filter(Exists(requests))


class SeenLatelyFilter(ChoiceFilter):
    """Offers what the newest orders have: the whole table is never asked for its values."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        """The values, in one statement, and the chosen one even if no new order has it."""
        newest = Order.objects.order_by("-number").values_list(self.column, flat=True)[:SEEN_LATELY]
        chosen = request.GET.get(str(self.parameter_name), "")
        known = {*newest, chosen} if _NAME.fullmatch(chosen) else set(newest)
        return [(value, value) for value in sorted(known)]


class CurrencyFilter(SeenLatelyFilter):
    title = "currency"
    parameter_name = column = "currency"


class DialectFilter(SeenLatelyFilter):
    title = "dialect"
    parameter_name = column = "dialect"


class PlacedFilter(RangeDateFilter):
    """Placed on any day from the first to the last, both included, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What is no date is as if nothing had been entered."""
        start, end = placed_range(request.GET)
        if start:
            queryset = queryset.filter(placed_at__gte=start)
        return queryset.filter(placed_at__lt=end) if end else queryset


def placed_range(parameters: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The first instant of the range asked for, and the first one after it."""
    first, last = _day(parameters.get("placed_at_from")), _day(parameters.get("placed_at_to"))
    return _midnight(first), _midnight(last + timedelta(days=1) if last and last < date.max else None)


def numbered_within(orders: QuerySet[Order], start: datetime | None, end: datetime | None) -> QuerySet[Order]:
    """Only orders whose numbers were taken about then: one statement for each end that is given.

    The list is in the order of numbers. With this it reads the numbers of the range, not every order placed since.
    """
    numbers = Order.objects.values_list("number", flat=True)
    if start:
        first = numbers.filter(placed_at__gte=start).order_by("placed_at").first()
        if first is None:
            return orders.none()
        orders = orders.filter(number__gte=first - NUMBER_LEEWAY)
    if end:
        last = numbers.filter(placed_at__lt=end).order_by("-placed_at").first()
        if last is None:
            return orders.none()
        orders = orders.filter(number__lte=last + NUMBER_LEEWAY)
    return orders


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day else None
