"""What taxes come to: pure arithmetic of minor units and millionths, exact until the one rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from catalog.taxes import Rate
from kit.money import allocate

WHOLE = 1_000_000
"""Millionths of the whole: a rate of 19 % is 190,000."""


class TaxRounding(StrEnum):
    """Where and how a tax is rounded to minor units. Stored on every order, so that it can be computed anew."""

    LINE_HALF_UP = "line_half_up"  # each tax of each line; halves go up. The usual way
    LINE_HALF_EVEN = "line_half_even"  # halves go to the even neighbour
    TOTAL_HALF_UP = "total_half_up"  # each tax once for the whole order, then shared out over its lines


@dataclass(frozen=True, slots=True)
class Levy:
    """One tax on one line or delivery, as it is frozen there. Millionths and minor units."""

    name: str
    ppm: int
    amount_minor: int


def levy(
    amounts: Sequence[int], rates: Sequence[tuple[Rate, ...]], *, included: bool, rounding: TaxRounding
) -> list[tuple[Levy, ...]]:
    """The taxes on each amount, after discounts, in the order given. `included` says that the amounts contain them.

    Every tax is rounded by itself, so that two of one rate on one amount come to the same. Taxes of zero are in the
    answer as well: they say that something is taxed at zero.
    """
    exact = [_exact(amount, due, included=included) for amount, due in zip(amounts, rates, strict=True)]
    if rounding == TaxRounding.TOTAL_HALF_UP:
        return _shared_out(exact, rates)
    half = _half_even if rounding == TaxRounding.LINE_HALF_EVEN else _half_up
    return [
        tuple(Levy(rate.name, rate.ppm, half(worth)) for rate, worth in zip(due, worths, strict=True))
        for due, worths in zip(rates, exact, strict=True)
    ]


def _exact(amount: int, due: tuple[Rate, ...], *, included: bool) -> list[Fraction]:
    base = WHOLE + (sum(rate.ppm for rate in due) if included else 0)
    return [Fraction(amount * rate.ppm, base) for rate in due]


def _shared_out(exact: Sequence[Sequence[Fraction]], rates: Sequence[tuple[Rate, ...]]) -> list[tuple[Levy, ...]]:
    """Each tax of one name and rate is rounded once, and shared out by what it would come to on each line."""
    shares: dict[tuple[str, int], dict[int, Fraction]] = {}
    for index, (due, worths) in enumerate(zip(rates, exact, strict=True)):
        for rate, worth in zip(due, worths, strict=True):
            lines = shares.setdefault((rate.name, rate.ppm), {})
            lines[index] = lines.get(index, Fraction(0)) + worth
    rounded: dict[tuple[str, int, int], int] = {}
    for (name, ppm), lines in shares.items():
        common = math.lcm(*(worth.denominator for worth in lines.values()))
        parts = allocate(_half_up(sum(lines.values(), Fraction(0))), [int(worth * common) for worth in lines.values()])
        rounded |= {(name, ppm, index): part for index, part in zip(lines, parts, strict=True)}
    return [
        tuple(Levy(rate.name, rate.ppm, rounded[rate.name, rate.ppm, index]) for rate in due)
        for index, due in enumerate(rates)
    ]


def _half_up(amount: Fraction) -> int:
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def _half_even(amount: Fraction) -> int:
    return round(amount)
