"""Tables for spreadsheets: CSV in which no cell is taken for a formula, whoever wrote what is in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

# What spreadsheets take for the beginning of a formula, full-width forms too; tab and carriage return hide one.
# OWASP ASVS 5.0, 1.2.10.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: Any) -> str:
    """The value as text; what would begin a formula is quoted by an apostrophe, which spreadsheets do not show."""
    text = "" if value is None else str(value)
    if isinstance(value, str) and text.lstrip(" ").startswith(_FORMULA):
        return f"'{text}"
    return text


def csv_rows(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Each row as a line of RFC 4180, as it comes. Numbers stay numbers; text is made harmless."""
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([cell(value) for value in row])
        yield line.getvalue()
