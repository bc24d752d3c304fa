"""Query parameters, read strictly: an unknown name, a name twice and a bad value are each a 400 that says which.

Plain functions instead of serializer fields, because those take what they should refuse: digits of other scripts,
underscores in numbers, blanks.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal

from django.http import QueryDict
from rest_framework.exceptions import ErrorDetail, ValidationError

MAX_LENGTH = 200
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Parameters:
    """The parameters of one request. Each reader takes one; an absent or empty one is None."""

    def __init__(self, query: QueryDict, known: Collection[str]) -> None:
        """Raises ValidationError for names that are not known and for a name given twice."""
        for name, values in query.lists():
            if name not in known:
                raise refused(name[:MAX_LENGTH], "Unknown parameter.", "unknown")
            if len(values) > 1:
                raise refused(name, "Given more than once.", "repeated")
        self._query = query

    def text(self, name: str, *, max_length: int = MAX_LENGTH) -> str | None:
        """Any text that can be stored, without surrounding blanks."""
        value = self._query.get(name, "").strip()
        if len(value) > max_length or "\0" in value:
            raise refused(name, f"Not a text of at most {max_length} characters.")
        return value or None

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of the allowed values, spelled exactly so."""
        value = self._query.get(name) or None
        if value is not None and value not in allowed:
            raise refused(name, "Not one of the values that may be asked for.", "invalid_choice")
        return value

    def choices(self, name: str, allowed: Collection[str]) -> list[str]:
        """Several of the allowed values, separated by commas."""
        values = [value for value in self._query.get(name, "").split(",") if value]
        if not set(values) <= set(allowed):
            raise refused(name, "Not all of these may be asked for.", "invalid_choice")
        return values

    def whole(self, name: str, *, at_least: int, at_most: int) -> int | None:
        """A whole number in ASCII digits, within the bounds."""
        value = self._query.get(name) or None
        if value is None:
            return None
        if not _WHOLE.fullmatch(value) or not at_least <= int(value) <= at_most:
            raise refused(name, f"Not a whole number from {at_least} to {at_most}.")
        return int(value)

    def decimal(self, name: str) -> Decimal | None:
        """An exact number of at least zero: "459.98"."""
        value = self._query.get(name) or None
        if value is None:
            return None
        if not _DECIMAL.fullmatch(value):
            raise refused(name, "Not a decimal number of at least zero.")
        return Decimal(value)

    def flag(self, name: str) -> bool | None:
        """true, false, 1 or 0."""
        value = self.choice(name, _FLAGS)
        return None if value is None else _FLAGS[value]


def refused(name: str, detail: str, code: str = "invalid") -> ValidationError:
    """The refusal of one parameter."""
    return ValidationError({name: [ErrorDetail(detail, code=code)]})
