"""Figures out of what was measured: plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that so many percent do not exceed. 0 of nothing."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]


def ratio(part: float | None, whole: float | None) -> float | None:
    """None where either is not known or the whole is nothing."""
    if part is None or not whole:
        return None
    return part / whole
