"""Stripe's lists: newest first, a cursor in either direction, `has_more`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan

from payments.sandbox.answers import Reply
from payments.sandbox.stripe_wire import fields
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import StripeError, no_such
from payments.sandbox.stripe_wire.expanding import expanded

PAGING = ("created", "limit", "starting_after", "ending_before")
# One comparison of the pair, which an index on it answers from its place, however far down the list.
_PLACE = (F("created"), F("seq"))
_COMPARISONS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_DEFAULT_LIMIT, _MAX_LIMIT = 10, 100


def listed[M: Model](call: Call, rows: QuerySet[M], render: Callable[[M], dict[str, Any]], url: str) -> Reply:
    """One page of the rows, filtered by `created`, after or before the cursor."""
    limit = fields.whole(call.params, "limit") or _DEFAULT_LIMIT
    if limit > _MAX_LIMIT:
        raise StripeError("This value must be less than or equal to 100.", param="limit")
    created = _created(call.params.get("created"))
    after, before = fields.text(call.params, "starting_after"), fields.text(call.params, "ending_before")
    if after and before:
        raise StripeError("You cannot parametrize both starting_after and ending_before.")
    if before:
        start = _place(rows, before, "ending_before")
        newer = _within(rows, created, start, ("gt", "gte")).filter(TupleGreaterThan(_PLACE, start))
        found = list(newer.order_by("created", "seq")[: limit + 1])
        page = found[:limit][::-1]
    else:
        place = _place(rows, after, "starting_after") if after else None
        older = _within(rows, created, place, ("lt", "lte"))
        older = older.filter(TupleLessThan(_PLACE, place)) if place else older
        found = list(older.order_by("-created", "-seq")[: limit + 1])
        page = found[:limit]
    document = {"object": "list", "data": [render(row) for row in page], "has_more": len(found) > limit, "url": url}
    return Reply(200, expanded(document, call.params), call.request_id)


def _created(given: Any) -> dict[str, int]:
    """The bounds of `created`, by comparison."""
    if given is None:
        return {}
    if isinstance(given, str):
        given = {"gte": given, "lte": given}
    if not isinstance(given, dict) or not set(given) <= set(_COMPARISONS):
        raise StripeError("Invalid hash: created", param="created")
    bounds = {name: fields.whole(given, name, least=0) for name in given}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _within[M: Model](
    rows: QuerySet[M], created: dict[str, int], place: tuple[int, int] | None, implied: tuple[str, ...]
) -> QuerySet[M]:
    """The rows created within the bounds.

    Bounds that hold for the place, and so for all beyond it, are left out: the index would start from them instead.
    """
    for name, bound in created.items():
        if place is None or name not in implied or not _COMPARISONS[name](place[0], bound):
            rows = rows.filter(**{f"created__{name}": bound})
    return rows


def _place[M: Model](rows: QuerySet[M], public_id: str, param: str) -> tuple[int, int]:
    named = rows.model._default_manager.filter(public_id=public_id)
    place: tuple[int, int] | None = named.values_list("created", "seq").first()
    if place is None:
        raise no_such("object", public_id, param=param)
    return place
