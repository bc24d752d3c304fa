"""Amounts as documents and mails show them: the currency's own sign where it has one that everybody knows."""

from __future__ import annotations

import functools

from babel.numbers import get_currency_symbol

from kit.money import Money

_NO_BREAK = "\N{NO-BREAK SPACE}"


def shown(minor: int, currency: str) -> str:
    """An amount with its currency: ₹1,50,000.00, -€12.30, KWD 1.234. Indian amounts are grouped as in India."""
    sign = "-" if minor < 0 else ""
    symbol = _symbol(currency)
    gap = _NO_BREAK if symbol == currency else ""
    return f"{sign}{symbol}{gap}{plain(abs(minor), currency)}"


def plain(minor: int, currency: str) -> str:
    """The same without the currency."""
    text = f"{Money(abs(minor), currency).major:f}"
    whole, point, digits = text.partition(".")
    grouped = _lakhs(whole) if currency == "INR" else f"{int(whole):,}"
    return f"{'-' if minor < 0 else ''}{grouped}{point}{digits}"


def percent(ppm: int) -> str:
    """A rate: 19 %, 8.875 %."""
    return f"{percent_text(ppm)}{_NO_BREAK}%"


def percent_text(ppm: int) -> str:
    """The same as a decimal alone."""
    return f"{ppm // 10_000}.{ppm % 10_000:04}".rstrip("0").rstrip(".")


def _lakhs(whole: str) -> str:
    """The last three digits, then two at a time."""
    head, tail = whole[:-3], whole[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*groups, tail])


@functools.lru_cache(maxsize=200)
def _symbol(currency: str) -> str:
    return str(get_currency_symbol(currency, locale="en_US"))
