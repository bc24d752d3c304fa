"""Razorpay's lists: newest first, `from` and `to` inclusive, `count` and `skip`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet

from payments.sandbox.answers import Reply
from payments.sandbox.razorpay_wire import fields
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.objects import collection

PAGING = ("from", "to", "count", "skip")
_LATEST = 2**53


def listed[M: Model](call: Call, rows: QuerySet[M], render: Callable[[M], dict[str, Any]]) -> Reply:
    """One page of the rows."""
    count = fields.whole(call.params, "count", 10, 1, 100)
    skip = fields.whole(call.params, "skip", 0, 0, _LATEST)
    if "from" in call.params:
        rows = rows.filter(created__gte=fields.whole(call.params, "from", 0, 0, _LATEST))
    if "to" in call.params:
        rows = rows.filter(created__lte=fields.whole(call.params, "to", _LATEST, 0, _LATEST))
    newest_first = rows.order_by("-created", "-seq")
    return Reply(200, collection([render(row) for row in counted(newest_first, skip, count)]))


def counted[M: Model](rows: QuerySet[M], skip: int, count: int) -> QuerySet[M]:
    """A page far down: counted in the index alone, so that only the page's own rows are read."""
    return rows.filter(seq__in=rows.values("seq")[skip : skip + count])
