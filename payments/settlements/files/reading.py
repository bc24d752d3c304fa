"""A CSV file as rows of named fields, in constant memory. What is malformed is refused, with its line and column.

Taken: a byte order mark, LF or CRLF, commas, semicolons or tabs between fields, fields in quotes, more columns than are
needed, in any order.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from payments.settlements.files.fields import BadField

MOST_BYTES = 2 * 1024**3
MOST_ROWS = 10_000_000
_LONGEST_LINE = 64 * 1024
_MOST_COLUMNS = 200
_SEPARATORS = ",;\t"


class BadFile(ValueError):
    """A file that is not believed. The text names file, line and column and is safe to show."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row and where it is. `fields` has every column of the header, its name in lower case."""

    file_line: int
    fields: Mapping[str, str]


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[FileRow]:
    """The rows of a file. Raises BadFile."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(f"{path.name}: larger than {MOST_BYTES} bytes")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file, path.name)
        try:
            yield from _rows(lines, path.name, needed)
        except UnicodeDecodeError:
            raise BadFile(f"{path.name}, after line {lines.number}: not UTF-8") from None
        except csv.Error as error:
            raise BadFile(f"{path.name}, line {lines.number}: {error}") from None


def refused(name: str, row: FileRow, error: BadField) -> BadFile:
    """What is said of a file in which a field is not what it has to be."""
    return BadFile(f"{name}, line {row.file_line}, column {error.column}: {error}")


class _Lines:
    """The lines of a file, none of them endless; knows the number of the last one."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file, self._name, self.number = file, name, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_LINE):
            self.number += 1
            if len(line) == _LONGEST_LINE:
                raise BadFile(f"{self._name}, line {self.number}: longer than {_LONGEST_LINE} characters")
            if "\0" in line:
                raise BadFile(f"{self._name}, line {self.number}: a NUL character")
            yield line


def _rows(lines: _Lines, name: str, needed: Sequence[str]) -> Iterator[FileRow]:
    stream = iter(lines)
    first = next(stream, "")
    separator = max(_SEPARATORS, key=first.count)
    header = next(csv.reader([first], delimiter=separator, strict=True), [])
    columns = [column.strip().lower() for column in header]
    _check_header(columns, name, needed)
    number = 0
    for cells in csv.reader(stream, delimiter=separator, strict=True):
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number > MOST_ROWS:
            raise BadFile(f"{name}: more than {MOST_ROWS} rows")
        if len(cells) != len(columns):
            raise BadFile(f"{name}, line {lines.number}: {len(cells)} fields, not {len(columns)}")
        yield FileRow(lines.number, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))


def _check_header(columns: Sequence[str], name: str, needed: Sequence[str]) -> None:
    if len(columns) > _MOST_COLUMNS:
        raise BadFile(f"{name}, line 1: more than {_MOST_COLUMNS} columns")
    doubled = sorted({column for column in columns if column and columns.count(column) > 1})
    if doubled:
        raise BadFile(f"{name}, line 1: the column {doubled[0]} is there twice")
    missing = [column for column in needed if column not in columns]
    if missing:
        raise BadFile(f"{name}, line 1: no column {missing[0]}")
