"""Which taxes are due where: reads the table of rates as part of whoever's statement asks for what they are on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where something goes, and on which day it is sold. `state` is its ISO 3166-2 code without the country, or empty
    where nobody knows one."""

    country: str
    state: str
    postal_code: str
    day: date


NOWHERE = Place("", "", "", date.min)
"""Where no taxes are: for whoever only looks at prices."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax by name, in millionths; `zero_reason` says why one of zero is zero."""

    name: str
    ppm: int
    zero_reason: str = ""


RATES_AT = """(
    SELECT jsonb_agg(jsonb_build_array(rate.name, rate.rate_ppm, rate.zero_reason) ORDER BY rate.name) FROM (
        SELECT DISTINCT ON (r.name) r.name, r.rate_ppm, r.zero_reason FROM catalog_taxrate r
        WHERE r.country = %(tax_country)s AND r.state IN ('', %(tax_state)s) AND r.category = {category}
          AND (r.postcodes = '' OR %(tax_postcode)s LIKE replace(r.postcodes, '*', '%%'))
          AND r.valid_from <= %(tax_day)s AND (r.valid_until IS NULL OR r.valid_until > %(tax_day)s)
        ORDER BY r.name, r.postcodes = '', length(r.postcodes) DESC, r.state = '', r.valid_from DESC
    ) rate
)"""
"""An SQL expression: the rates of a category at a place, of each name the most specific. `category` is an SQL
expression; the values are those of `rates_values`, the result is read by `rates_of`."""


def rates_values(place: Place) -> dict[str, Any]:
    """The values of `RATES_AT`."""
    return {
        "tax_country": place.country,
        "tax_state": place.state,
        "tax_postcode": place.postal_code.upper(),
        "tax_day": place.day,
    }


def rates_of(found: Any) -> tuple[Rate, ...]:
    """What `RATES_AT` has found."""
    rows = json.loads(found) if isinstance(found, str) else found
    return tuple(Rate(*row) for row in rows or ())
