"""The rule by which the shop upgrades by itself: who buys for so much in a period comes to a tier. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ImproperlyConfigured

from kit.money import Money, MoneyError


@dataclass(frozen=True, slots=True)
class VolumeRule:
    """Who has bought for `amount` is upgraded to `tier`."""

    tier: int
    amount: Money


def read_rules(text: str) -> tuple[VolumeRule, ...]:
    """The rules of "20=1000 USD, 30=5000 USD". Raises ImproperlyConfigured for anything else, and for an amount that
    everybody has bought for."""
    rules = [_read(entry) for entry in text.split(",") if entry.strip()]
    if len({(rule.tier, rule.amount.currency) for rule in rules}) != len(rules):
        raise ImproperlyConfigured(f"AUTO_UPGRADES: {text!r} names a tier twice in one currency")
    return tuple(rules)


def _read(entry: str) -> VolumeRule:
    tier, _, amount = entry.strip().partition("=")
    number, _, currency = amount.strip().partition(" ")
    try:
        rule = VolumeRule(int(tier), Money.from_major(Decimal(number), currency.strip()))
    except (ValueError, InvalidOperation, MoneyError):
        raise ImproperlyConfigured(f"AUTO_UPGRADES: {entry.strip()!r} is not like 20=1000 USD") from None
    if rule.tier < 1 or rule.amount.minor <= 0:
        raise ImproperlyConfigured(f"AUTO_UPGRADES: {entry.strip()!r} is met by everybody")
    return rule
