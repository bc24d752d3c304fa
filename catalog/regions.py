"""Parts of countries as people write them, as ISO 3166-2 codes."""

from __future__ import annotations

import functools

import pycountry

from catalog.countries import spelling

# Codes that ISO 3166-2 has given up, and names in daily use that it does not have.
_ALSO = {
    "IN": {"TS": "TG", "OR": "OD", "CT": "CG", "UT": "UK", "DN": "DH", "DD": "DH", "Orissa": "OD", "Pondicherry": "PY"},
    "US": {"Washington DC": "DC", "Washington D.C.": "DC"},
}
_LONGEST_NAME = 120


def region_code(country: str, text: str) -> str:
    """The code, without its country, of the part of a country (alpha-2) that a code or a name means; empty if none is
    known by it. Case, accents, blanks and punctuation make no difference.
    """
    return _by_spelling(country).get(spelling(text), "") if 0 < len(text) <= _LONGEST_NAME else ""


@functools.lru_cache(maxsize=300)
def _by_spelling(country: str) -> dict[str, str]:
    parts = pycountry.subdivisions.get(country_code=country) or ()  # type: ignore[no-untyped-call]
    codes = [(part.code.partition("-")[2], part.name) for part in parts]
    names = {spelling(name): code for code, name in codes}
    also = {spelling(name): code for name, code in _ALSO.get(country, {}).items()}
    # Codes last: no name may hide one.
    return names | also | {spelling(code): code for code, _ in codes}
