"""Lists that show a part of their rows unless another is asked for: tabs above the list say which, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.admin.pages import ChoiceFilter

EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Part:
    """A tab: its value in the address, its name, what it shows in a sentence, and the rows of it."""

    value: str
    name: str
    says: str
    rows: Mapping[str, Any]
    is_rest: bool = False  # those without these properties instead


class PartFilter(ChoiceFilter):
    """The first part unless another is asked for; while somebody searches, everything.

    The page lists it in `list_filter` and, as horizontal, in `list_filter_options`.
    """

    template = "admin/part_filter.html"
    column = ""
    is_part = True
    parts: ClassVar[Sequence[Part]]

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self._part = self.chosen(request)
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The names of the parts."""
        return [(part.value, part.name) for part in self.parts]

    @classmethod
    def chosen(cls, request: HttpRequest) -> Part:
        """The part that a request shows."""
        named = {part.value: part for part in cls.parts}
        default = EVERYTHING if request.GET.get("q") else cls.parts[0].value
        return named.get(request.GET.get(cls.parameter_name or "", ""), named[default])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the part."""
        part = self._part
        return queryset.exclude(**part.rows) if part.is_rest else queryset.filter(**part.rows)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """The tabs."""
        for part in self.parts:
            address = changelist.get_query_string({self.parameter_name: part.value}, ["p"])
            yield {"part": part, "address": address, "is_chosen": part is self._part}
