"""Pages that are found by where the last one ended, not by counting: as fast on page 1000, and no row twice.

A cursor is opaque to clients but not secret: it holds nothing that the page did not show, and is checked when it
comes back, so one that was tampered with is a 400 or another place in the same list.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from catalog.api.parameters import Parameters, refused
from kit import strict_json
from kit.ids import parse_id

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
PARAMETERS = ("limit", "cursor")
"""The query parameters that a paginated list takes beside its own filters."""

# A title of 200 characters of four bytes each, escaped and in base 64, and room to spare.
_LONGEST_CURSOR = 2000


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order of rows: the columns, first to last, none of them null and the last one unique; all up or all down."""

    name: str
    columns: tuple[str, ...]
    types: tuple[type[int | str | uuid.UUID], ...]
    descending: bool = False

    def __post_init__(self) -> None:
        if not self.columns or len(self.columns) != len(self.types):
            raise ValueError("an ordering has a type for each of its columns, and at least one")


@dataclass(frozen=True, slots=True)
class Page[Row]:
    """Rows of a list, and the address of what follows, if anything does."""

    rows: list[Row]
    next: str | None

    def rendered(self, render: Callable[[list[Row]], Any]) -> dict[str, Any]:
        """As every paginated list of /api/v1 looks."""
        return {"next": self.next, "results": render(self.rows)}


def page[M: Model](request: Request, parameters: Parameters, rows: QuerySet[M], ordering: Ordering) -> Page[M]:
    """The page that `limit` and `cursor` ask for. One statement. Raises ValidationError for bad ones."""
    limit = parameters.whole("limit", at_least=1, at_most=MAX_LIMIT) or DEFAULT_LIMIT
    sign = "-" if ordering.descending else ""
    rows = rows.order_by(*(f"{sign}{column}" for column in ordering.columns))
    if cursor := parameters.text("cursor", max_length=_LONGEST_CURSOR):
        rows = rows.filter(_after(ordering, _positions(cursor, ordering)))
    # One row more than asked for tells whether there is a next page.
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], _address(request, _cursor(found[limit - 1], ordering)))


def _after(ordering: Ordering, positions: list[Any]) -> Q:
    comparison = "lt" if ordering.descending else "gt"
    after = Q()
    for index in range(len(positions)):
        equal = Q(**dict(zip(ordering.columns[:index], positions[:index], strict=True)))
        after |= equal & Q(**{f"{ordering.columns[index]}__{comparison}": positions[index]})
    # Says nothing new, but bounds the index that serves the order.
    return Q(**{f"{ordering.columns[0]}__{comparison}e": positions[0]}) & after


def _cursor(row: Model, ordering: Ordering) -> str:
    positions = [attrgetter(column)(row) for column in ordering.columns]
    text = json.dumps([ordering.name, *positions], separators=(",", ":"), default=str, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _positions(cursor: str, ordering: Ordering) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = strict_json.loads(raw)
    except (binascii.Error, ValueError):
        raise _bad_cursor() from None
    if not isinstance(parts, list) or len(parts) != len(ordering.columns) + 1 or parts[0] != ordering.name:
        raise _bad_cursor()
    return [_position(part, kind) for part, kind in zip(parts[1:], ordering.types, strict=True)]


def _position(part: Any, kind: type[Any]) -> Any:
    value: Any = parse_id(part) if kind is uuid.UUID else part
    if type(value) is not kind:
        raise _bad_cursor()
    return value


def _bad_cursor() -> Exception:
    return refused("cursor", "Not a cursor of this list in this order.")


def _address(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"
