"""What may become of a tax rate: one that has not begun may be corrected, one that has may be ended and nothing else.

What was in force on a day stays what was in force on that day, so that every tax can be worked out anew.
"""

from __future__ import annotations

import re
from datetime import date

from django.conf import settings

from catalog.models import TaxRate
from kit import clock

_PERCENT = re.compile(r"(\d{1,3})(?:[.,](\d{1,4}))?\s*%?", re.ASCII)
_WHOLE = 1_000_000
FROZEN = ("name", "country", "state", "postcodes", "category", "rate_ppm", "zero_reason", "valid_from")
"""What of a rate that has begun never changes."""


def today() -> date:
    """The shop's day, by which rates begin and end."""
    return clock.day_in(settings.SHOP_TIME_ZONE)


def has_begun(rate: TaxRate) -> bool:
    """Whether it has been in force for a day, or is today."""
    return rate.valid_from <= today()


def has_ended(rate: TaxRate) -> bool:
    """Whether it is in force no more."""
    return rate.valid_until is not None and rate.valid_until <= today()


def why_not(before: TaxRate, after: TaxRate) -> tuple[str, str] | None:
    """The field that keeps a rate from becoming another one, and why; None if it may."""
    if not has_begun(before):
        return None
    for field in FROZEN:
        if getattr(before, field) != getattr(after, field):
            return field, "The rate has begun: end it, and begin another."
    if before.valid_until == after.valid_until:
        return None
    if has_ended(before):
        return "valid_until", "The rate has ended."
    if after.valid_until is not None and after.valid_until <= today():
        return "valid_until", "A rate that has begun counts today: it ends tomorrow at the earliest."
    return None


def ppm_of(text: str) -> int | None:
    """The millionths that a percentage means: "19" and "19 %" are 190,000, "8.875" is 88,750; None for what is none.

    No more than four digits after the point, and no more than the whole.
    """
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        return None
    ppm = int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0"))
    return ppm if ppm <= _WHOLE else None


def percent_of(ppm: int) -> str:
    """The same the other way: 88,750 is "8.875"."""
    return f"{ppm // 10_000}.{ppm % 10_000:04}".rstrip("0").rstrip(".")
