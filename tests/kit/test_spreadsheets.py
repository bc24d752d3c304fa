"""Nothing that somebody typed becomes a formula in somebody else's spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.spreadsheets import csv_rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        (-1, "-1"),
        (Decimal("-1.50"), "-1.50"),
        (None, ""),
        ("Ada, Countess", "Ada, Countess"),
    ],
)
def test_what_begins_like_a_formula_is_quoted(value: Any, text: str) -> None:
    (line,) = csv_rows([[value]])
    assert next(csv.reader(io.StringIO(line))) == [text]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2))
def test_every_cell_comes_back_and_none_begins_a_formula(values: list[str]) -> None:
    (line,) = csv_rows([values])
    read = next(csv.reader(io.StringIO(line, newline="")))
    assert [
        text.removeprefix("'") if text != value else text for text, value in zip(read, values, strict=True)
    ] == values
    assert not any(text.startswith(("=", "+", "-", "@", "\uff1d")) for text in read)
