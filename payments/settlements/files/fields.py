"""The fields of a settlement file, each read as what it has to be or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from kit.money import Money, MoneyError

_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_MAJOR = re.compile(r"-?\d{1,19}([.,]\d+)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}", re.ASCII)
MOST_MINOR = 10**14
"""What one amount can be, so that the lines of a settlement add up within what the ledger holds."""
_FALSE, _TRUE = ("", "0", "false", "no", "f"), ("1", "true", "yes", "t")

type Fields = Mapping[str, str]


class Unit(StrEnum):
    """What the amounts of a file are in."""

    MINOR = "minor"
    MAJOR = "major"


class BadField(ValueError):
    """A field that is not what its column says. The text is safe to show."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(text)
        self.column = column


def optional(fields: Fields, column: str) -> str:
    """A text that may be missing, empty or null."""
    value = fields.get(column, "")
    return "" if value.lower() in ("null", "none", "nan") else value


def name(fields: Fields, column: str) -> str:
    """An id or a word."""
    value = optional(fields, column)
    if not _NAME.fullmatch(value):
        raise BadField(column, "missing" if not value else f"{value[:64]!r} is not an id")
    return value


def optional_name(fields: Fields, column: str) -> str:
    """An id that may be missing."""
    return name(fields, column) if optional(fields, column) else ""


def reference(fields: Fields, column: str) -> str:
    """A bank's reference, which may be missing."""
    value = optional(fields, column)
    if len(value) > 64:
        raise BadField(column, "longer than 64 characters")
    return value


def currency(fields: Fields, column: str) -> str:
    """An ISO currency, in capitals."""
    value = optional(fields, column).upper()
    try:
        return Money(0, value).currency
    except MoneyError:
        raise BadField(column, f"{value[:20]!r} is not a currency") from None


def amount(fields: Fields, column: str, currency: str, unit: Unit, *, blank_is_zero: bool = False) -> int:
    """An amount in minor units. In major units a comma may stand for the point; nothing stands between thousands."""
    value = optional(fields, column)
    if not value and blank_is_zero:
        return 0
    if unit == Unit.MINOR:
        if not _WHOLE.fullmatch(value):
            raise BadField(column, f"{value[:40]!r} is not a whole number of minor units")
        minor = int(value)
    elif _MAJOR.fullmatch(value):
        try:
            minor = Money.from_major(value.replace(",", "."), currency).minor
        except MoneyError as error:
            raise BadField(column, f"{value[:40]!r}: {error}") from None
    else:
        raise BadField(column, f"{value[:40]!r} is not an amount")
    if abs(minor) > MOST_MINOR:
        raise BadField(column, f"{value[:40]!r} is more than a line can be")
    return minor


def flag(fields: Fields, column: str, *, default: bool) -> bool:
    """Yes or no."""
    value = optional(fields, column).lower()
    if column not in fields or not value:
        return default
    if value not in _FALSE + _TRUE:
        raise BadField(column, f"{value[:20]!r} is neither true nor false")
    return value in _TRUE
