"""What every page of the back office has in common: nobody deletes, lists are bounded, filters take what they offer.

Stands in the lowest app because the apps above build their pages on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter

from catalog.admin import paging
from catalog.admin.paging import BoundedChangeList, BoundedPaginator

SHORTEST_PREFIX = 3
"""A search for the beginning of something takes at least as many characters; shorter ones match as a whole."""


def coloured(text: str, tone: str) -> str:
    """A state as a coloured word, on lists and on pages."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})


class ChoiceFilter(DropdownFilter):
    """One of the offered values of a column; anything else in the address is as if nothing had been chosen."""

    column: ClassVar[str]
    options: ClassVar[Sequence[tuple[str, Any]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        """What is offered."""
        return self.options

    def value(self) -> str | None:
        """The chosen value, if it is one that is offered."""
        chosen: str | None = super().value()
        return chosen if any(chosen == value for value, _ in self.lookup_choices) else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows with the chosen value."""
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(**{self.column: chosen})


class BackOfficeAdmin(ModelAdmin):
    """A page that deletes nothing and whose list costs the same however long the table is."""

    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    list_before_template = "admin/reach.html"
    sortable_by = ()

    # What rows are newest by: a unique column that grows.
    newest_by: ClassVar[str] = "pk"
    # Names in the address of filters that no index serves.
    scanning_filters: ClassVar[frozenset[str]] = frozenset()
    older_are_found: ClassVar[str] = "by searching"
    # Which rows come first.
    first_are: ClassVar[str] = "newest"
    # What the list counts, where that is not the model's own name.
    counts: ClassVar[str] = ""
    # Names in the address by which other pages point to a part of this list.
    pointers: ClassVar[frozenset[str]] = frozenset()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: what was sold, paid or written down stays; what is no longer wanted is made inactive."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        """The bounded one."""
        return BoundedChangeList

    def within_reach(self, request: HttpRequest, queryset: QuerySet[Any]) -> tuple[QuerySet[Any], bool]:
        """The part of all rows that the filters of this request look at, and whether older rows were left out."""
        if request.GET.get("q") or not any(request.GET.get(name) for name in self.scanning_filters):
            return queryset, False
        return paging.newest(queryset, self.newest_by, paging.REACH)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """The page's own filters and pointers; no other column can be asked about through the address."""
        named = {getattr(entry, "parameter_name", None) for entry in self.list_filter}
        ranges = {
            f"{entry[0]}_{end}" for entry in self.list_filter if isinstance(entry, tuple) for end in ("from", "to")
        }
        return lookup in named | ranges | self.pointers


class ReadOnlyAdmin(BackOfficeAdmin):
    """A page to look at, for superusers too."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: a POST is refused."""
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Without the log of edits that cannot have happened."""
        response: HttpResponse = super().render_change_form(
            request, {**context, "show_history": False}, *args, **kwargs
        )
        return response
