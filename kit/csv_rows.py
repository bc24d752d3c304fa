"""A CSV file as rows of named fields, in constant memory. What is malformed is refused, with its line.

Taken: a byte order mark, LF or CRLF, commas, semicolons or tabs between fields, fields in quotes, more columns than are
needed, in any order.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MOST_BYTES = 2 * 1024**3
MOST_ROWS = 10_000_000
_LONGEST_LINE = 64 * 1024
_MOST_COLUMNS = 200
_SEPARATORS = ",;\t"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadFile(ValueError):
    """A file that is not believed. The text names file and line, if it is about one, and is safe to show."""

    def __init__(self, name: str, why: str, *, line: int | None = None, column: str = "") -> None:
        where = name + (f", line {line}" if line else "") + (f", column {column}" if column else "")
        super().__init__(f"{where}: {why}")
        self.why, self.line = why, line


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row and where it begins. `fields` has every column of the header, its name in lower case."""

    file_line: int
    fields: Mapping[str, str]


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[FileRow]:
    """The rows of a file. Raises BadFile, or OSError."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(path.name, f"larger than {MOST_BYTES} bytes")
    with path.open("rb") as file:
        lines = _Lines(file, path.name)
        try:
            yield from _rows(lines, path.name, needed)
        except csv.Error as error:
            raise BadFile(path.name, str(error), line=lines.row_begins) from None


class _Lines:
    """The lines of a file, none of them endless; knows the numbers of the last one and of the present row's first.

    Decoded one by one: a text file decodes a block ahead, and what is wrong with a line would be said of another.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name, self.number, self.row_begins = file, name, 0, 1

    def __iter__(self) -> Iterator[str]:
        while raw := self._file.readline(_LONGEST_LINE):
            self.number += 1
            if len(raw) == _LONGEST_LINE:
                raise BadFile(self._name, f"longer than {_LONGEST_LINE} bytes", line=self.number)
            try:
                line = (raw.removeprefix(_BYTE_ORDER_MARK) if self.number == 1 else raw).decode()
            except UnicodeDecodeError:
                raise BadFile(self._name, "not UTF-8", line=self.number) from None
            if "\0" in line:
                raise BadFile(self._name, "a NUL character", line=self.number)
            yield line


def _rows(lines: _Lines, name: str, needed: Sequence[str]) -> Iterator[FileRow]:
    stream = iter(lines)
    first = next(stream, "")
    separator = max(_SEPARATORS, key=first.count)
    header = next(csv.reader([first], delimiter=separator, strict=True), [])
    columns = [column.strip().lower() for column in header]
    _check_header(columns, name, needed)
    lines.row_begins = lines.number + 1
    number = 0
    for cells in csv.reader(stream, delimiter=separator, strict=True):
        begins, lines.row_begins = lines.row_begins, lines.number + 1
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number > MOST_ROWS:
            raise BadFile(name, f"more than {MOST_ROWS} rows")
        if len(cells) != len(columns):
            raise BadFile(name, f"{len(cells)} fields, not {len(columns)}", line=begins)
        yield FileRow(begins, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))


def _check_header(columns: Sequence[str], name: str, needed: Sequence[str]) -> None:
    if len(columns) > _MOST_COLUMNS:
        raise BadFile(name, f"more than {_MOST_COLUMNS} columns", line=1)
    doubled = sorted({column for column in columns if column and columns.count(column) > 1})
    if doubled:
        raise BadFile(name, f"the column {doubled[0]} is there twice", line=1)
    missing = [column for column in needed if column not in columns]
    if missing:
        raise BadFile(name, f"no column {missing[0]}", line=1)
