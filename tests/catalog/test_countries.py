"""Countries as people write them."""

from __future__ import annotations

import pycountry
import pytest

from catalog.countries import alpha2, is_alpha2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("US", "US"),
        ("us", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("united states of america", "US"),
        ("UK", "GB"),
        ("united kingdom", "GB"),
        ("Great Britain", "GB"),
        ("South Korea", "KR"),
        ("North Korea", "KP"),
        ("Russia", "RU"),
        ("Czechia", "CZ"),
        ("Czech Republic", "CZ"),
        ("Vietnam", "VN"),
        ("Viet Nam", "VN"),
        ("Turkey", "TR"),
        ("T\u00fcrkiye", "TR"),
        ("C\u00f4te d\u2019Ivoire", "CI"),
        ("cote d'ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Bosnia & Herzegovina", "BA"),
        ("Bosnia and Herzegovina", "BA"),
        ("  Germany ", "DE"),
        ("DEU", "DE"),
        ("India", "IN"),
        ("IND", "IN"),
        ("Hong Kong", "HK"),
        ("Taiwan", "TW"),
        ("Iran", "IR"),
        ("Laos", "LA"),
        ("The Netherlands", "NL"),
        ("Georgia", "GE"),
    ],
)
def test_codes_and_english_names_are_understood(text: str, code: str) -> None:
    assert alpha2(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Atlantis",
        "XX",
        "XK",
        "EU",
        "ZZ",
        "840",
        "\0",
        "\uac00",
        "\u0420\u043e\u0441\u0441\u0438\u044f",
        "U" * 5000,
    ],
)
def test_what_is_no_country_is_none(text: str) -> None:
    assert alpha2(text) is None


def test_every_code_of_the_standard_means_itself() -> None:
    for country in pycountry.countries:
        assert alpha2(country.alpha_2) == alpha2(country.alpha_3) == alpha2(country.name) == country.alpha_2


def test_only_capitals_of_an_assigned_code_are_alpha_2() -> None:
    assert is_alpha2("US")
    assert not any(map(is_alpha2, ("us", "USA", "XX", "")))
