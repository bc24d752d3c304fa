"""Above which amount a second person has to agree: REFUND_APPROVAL_ABOVE, for refunds and write-offs, and
CREDIT_APPROVAL_ABOVE, read once and asked by currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ImproperlyConfigured

from kit.money import CURRENCIES, MAX_MINOR, digits

ANY_CURRENCY = "*"


def read_limits(text: str, *, setting: str = "REFUND_APPROVAL_ABOVE") -> dict[str, Decimal]:
    """The limits of "USD:500,INR:40000,*:500", in major units; `*` stands for every other currency.

    Raises ImproperlyConfigured: whoever meant to set a limit must not run without it.
    """
    limits: dict[str, Decimal] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        currency, _, amount = entry.partition(":")
        known = currency == ANY_CURRENCY or currency in CURRENCIES
        try:
            limit = Decimal(amount)
        except InvalidOperation:
            limit = Decimal("NaN")
        if not known or currency in limits or not limit.is_finite() or limit < 0:
            raise ImproperlyConfigured(f"{setting}: {entry!r} is not a currency and an amount, once")
        limits[currency] = limit
    return limits


def limit_minor(limits: Mapping[str, Decimal], currency: str) -> int | None:
    """What one person may do by themselves in a currency, minor units; None for any amount."""
    limit = limits.get(currency, limits.get(ANY_CURRENCY))
    return None if limit is None else min(int(limit.scaleb(digits(currency))), MAX_MINOR)
