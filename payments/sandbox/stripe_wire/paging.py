"""Stripe's lists: newest first, a cursor in either direction, `has_more`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet

from payments.sandbox.answers import Reply
from payments.sandbox.stripe_wire import fields
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import StripeError, no_such
from payments.sandbox.stripe_wire.expanding import expanded

_COMPARISONS = ("gt", "gte", "lt", "lte")
_DEFAULT_LIMIT, _MAX_LIMIT = 10, 100


def listed[M: Model](call: Call, rows: QuerySet[M], render: Callable[[M], dict[str, Any]], url: str) -> Reply:
    """One page of the rows, filtered by `created`, after or before the cursor."""
    limit = fields.whole(call.params, "limit") or _DEFAULT_LIMIT
    if limit > _MAX_LIMIT:
        raise StripeError("This value must be less than or equal to 100.", param="limit")
    rows = _created_within(rows, call.params.get("created"))
    after, before = fields.text(call.params, "starting_after"), fields.text(call.params, "ending_before")
    if after and before:
        raise StripeError("You cannot parametrize both starting_after and ending_before.")
    if before:
        newer = rows.filter(seq__gt=_place(rows, before, "ending_before")).order_by("seq")
        found = list(newer[: limit + 1])
        page = found[:limit][::-1]
    else:
        older = rows.filter(seq__lt=_place(rows, after, "starting_after")) if after else rows
        found = list(older.order_by("-seq")[: limit + 1])
        page = found[:limit]
    document = {"object": "list", "data": [render(row) for row in page], "has_more": len(found) > limit, "url": url}
    return Reply(200, expanded(document, call.params), call.request_id)


def _created_within[M: Model](rows: QuerySet[M], created: Any) -> QuerySet[M]:
    if created is None:
        return rows
    if isinstance(created, str):
        return rows.filter(created=fields.whole({"created": created}, "created", least=0))
    if not isinstance(created, dict) or not set(created) <= set(_COMPARISONS):
        raise StripeError("Invalid hash: created", param="created")
    bounds = {f"created__{name}": fields.whole(created, name, least=0) for name in created}
    return rows.filter(**{name: bound for name, bound in bounds.items() if bound is not None})


def _place[M: Model](rows: QuerySet[M], public_id: str, param: str) -> int:
    seq: int | None = rows.model._default_manager.filter(public_id=public_id).values_list("seq", flat=True).first()
    if seq is None:
        raise no_such("object", public_id, param=param)
    return seq
