"""Lists of the back office that answer as fast over ten million rows as over ten.

Nothing here counts a table or sorts one: a list shows the newest MOST_ROWS rows of what was asked for, and a filter
that no index serves looks at the newest REACH rows only. Whoever looks for something older searches, or narrows by
date.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

MOST_ROWS = 2_000
REACH = 100_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic for the type checker alone
    """Counts up to MOST_ROWS and no further; `is_cut` says that there are more."""

    template_name = "admin/bounded_pagination.html"
    most_rows = MOST_ROWS

    @cached_property
    def _counted(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.most_rows + 1].count()

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through. One statement that reads no more than so many."""
        return min(self._counted, self.most_rows)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than can be paged through."""
        return self._counted > self.most_rows


class BoundedChangeList(ChangeList):
    """A change list whose filters look back no further than they can in a moment."""

    is_out_of_reach = False
    has_parts = False
    reach = REACH

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The rows asked for; notes for the page whether older ones were not looked at."""
        rows: QuerySet[Any] = self.model_admin.get_queryset(request)
        self.root_queryset, self.is_out_of_reach = self.model_admin.within_reach(request, rows)
        found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        self._keep_part()
        return found

    def _keep_part(self) -> None:
        """Which part of the list is shown is no filter: it is not offered to be cleared."""
        parts = {spec.parameter_name for spec in self.filter_specs if getattr(spec, "is_part", False)}
        filters = [name for name in self.get_filters_params() if name not in parts]
        self.has_parts = bool(parts)
        if parts:
            self.has_active_filters = bool(filters)
            self.clear_all_filters_qs = self.get_query_string(remove=filters)

    def get_results(self, request: HttpRequest) -> None:
        """One page of the rows. The heading offers to show all only where some are left out and nothing else does."""
        super().get_results(request)
        if self.has_parts or not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


def newest(queryset: QuerySet[Any], key: str, reach: int) -> tuple[QuerySet[Any], bool]:
    """The newest `reach` rows by an indexed key, and whether there are older ones. One statement over that index."""
    older = list(queryset.order_by(f"-{key}").values_list(key, flat=True)[reach : reach + 1])
    return (queryset.filter(**{f"{key}__gt": older[0]}), True) if older else (queryset, False)
