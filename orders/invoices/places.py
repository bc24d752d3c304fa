"""The states of India as GST invoices name them: a code of two digits and the name.

The codes are those that begin every GSTIN (CBIC, list of state codes under the CGST Rules 2017, rule 46(n)).
"""

from __future__ import annotations

import unicodedata

import pycountry

_GST_CODES = {
    "JK": "01",
    "HP": "02",
    "PB": "03",
    "CH": "04",
    "UK": "05",
    "HR": "06",
    "DL": "07",
    "RJ": "08",
    "UP": "09",
    "BR": "10",
    "SK": "11",
    "AR": "12",
    "NL": "13",
    "MN": "14",
    "MZ": "15",
    "TR": "16",
    "ML": "17",
    "AS": "18",
    "WB": "19",
    "JH": "20",
    "OD": "21",
    "CG": "22",
    "MP": "23",
    "GJ": "24",
    "DH": "26",
    "MH": "27",
    "KA": "29",
    "GA": "30",
    "LD": "31",
    "KL": "32",
    "TN": "33",
    "PY": "34",
    "AN": "35",
    "TS": "36",
    "AP": "37",
    "LA": "38",
}
ABROAD = "96-Foreign country"


def state_name(country: str, code: str) -> str:
    """The English name of a part of a country by its ISO 3166-2 code, without accents; empty if there is none."""
    found = pycountry.subdivisions.get(code=f"{country}-{code}") if code else None  # type: ignore[no-untyped-call]
    letters = unicodedata.normalize("NFKD", found.name) if found else ""
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def country_name(code: str) -> str:
    """A country's name by its alpha-2 code; the code itself if nobody knows one."""
    found = pycountry.countries.get(alpha_2=code)
    return str(getattr(found, "common_name", found.name)) if found else code


def gst_state_code(country: str, state_code: str) -> str:
    """The two digits of a state of India; empty elsewhere, and where nobody knows the state."""
    return _GST_CODES.get(state_code, "") if country == "IN" else ""


def place_of_supply(country: str, state_code: str) -> str:
    """As a GST invoice names it: 29-Karnataka. Empty where nobody knows the state."""
    if country != "IN":
        return ABROAD
    code = gst_state_code(country, state_code)
    return f"{code}-{state_name('IN', state_code)}" if code else ""
