"""Countries as people write them, as ISO 3166 alpha-2 codes."""

from __future__ import annotations

import functools
import re
import unicodedata

import babel
import pycountry

# Names in daily use that neither ISO 3166 nor CLDR has as such.
_ALSO = {
    "GB": ("UK", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "US": ("United States of America", "America"),
    "AE": ("UAE", "Emirates"),
    "CZ": ("Czech Republic",),
    "NL": ("Holland", "The Netherlands"),
    "TR": ("Turkey",),
    "MK": ("Macedonia",),
    "CI": ("Ivory Coast",),
    "CV": ("Cape Verde",),
    "SZ": ("Swaziland",),
    "MM": ("Burma",),
    "TL": ("East Timor",),
    "VA": ("Vatican",),
    "HK": ("Hong Kong",),
    "MO": ("Macau", "Macao"),
    "PS": ("Palestine",),
    "FM": ("Micronesia",),
    "CD": ("DR Congo", "Democratic Republic of the Congo"),
    "CG": ("Republic of the Congo",),
    "GM": ("The Gambia",),
    "BS": ("The Bahamas",),
}
_LONGEST_NAME = 80
_PUNCTUATION = re.compile(r"[\s.,'\u2019()\-]+")


def alpha2(text: str) -> str | None:
    """The country that a code (alpha-2, alpha-3) or an English name means, else None.

    Upper and lower case, accents, blanks and punctuation make no difference: "USA", "u.s.", "cote d'ivoire".
    """
    return _by_spelling().get(spelling(text)) if len(text) <= _LONGEST_NAME else None


def is_alpha2(code: str) -> bool:
    """Whether it is an officially assigned alpha-2 code, in capitals."""
    return _by_spelling().get(code.lower()) == code


def spelling(name: str) -> str:
    """What of a name tells it apart from others, however it is written."""
    letters = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    bare = "".join(character for character in letters if not unicodedata.combining(character))
    return _PUNCTUATION.sub("", bare)


@functools.cache
def _by_spelling() -> dict[str, str]:
    spellings: dict[str, str] = {}
    territories = babel.Locale("en").territories
    countries = list(pycountry.countries)
    for country in countries:
        code = country.alpha_2
        also = _ALSO.get(code, ())
        names = [getattr(country, field, None) for field in ("name", "official_name", "common_name")]
        for name in (*names, territories.get(code), *also):
            if name:
                spellings[spelling(name)] = code
    # Codes last: no name may hide one.
    for country in countries:
        spellings[country.alpha_3.lower()] = country.alpha_2
    for country in countries:
        spellings[country.alpha_2.lower()] = country.alpha_2
    return spellings
