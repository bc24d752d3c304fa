"""Countries, states and postal codes that belong together, and those that do not."""

from __future__ import annotations

import pycountry
import pytest

from catalog.addresses import CheckedAddress, Part, check_place


@pytest.mark.parametrize(
    ("country", "state", "postal_code"),
    [
        ("US", "NY", "10001"),
        ("usa", "new york", "10001-1234"),
        ("India", "Karnataka", "560001"),
        ("IN", "KA", "560001"),
        ("IN", "Orissa", "751001"),  # its name until 2011
        ("DE", "", "10115"),
        ("DE", "Berlin", "10115"),
        ("GB", "England", "SW1A 1AA"),
        ("GB", "", "sw1a 1aa"),
        ("CA", "ON", "m5v 3l9"),
        ("IE", "", ""),  # where letters arrive without a postal code
        ("AE", "Dubai", ""),
        ("SG", "", "018956"),
        ("BR", "SP", "01310-100"),
        ("JP", "Tokyo", "100-0001"),
    ],
)
def test_a_place_that_there_is_is_accepted(country: str, state: str, postal_code: str) -> None:
    assert check_place(country, state, postal_code).wrong == frozenset()


@pytest.mark.parametrize(
    ("country", "state", "postal_code", "wrong"),
    [
        ("Atlantis", "NY", "10001", {Part.COUNTRY}),
        ("", "NY", "10001", {Part.COUNTRY}),
        ("US", "ZZ", "10001", {Part.STATE}),
        ("US", "", "10001", {Part.STATE}),
        ("US", "NY", "", {Part.POSTAL_CODE}),
        ("US", "NY", "1000", {Part.POSTAL_CODE}),
        ("US", "NY", "10001\n", set()),  # blanks around it are no part of it
        ("US", "NY", "100011", {Part.POSTAL_CODE}),
        ("US", "CA", "10001", {Part.POSTAL_CODE}),  # New York's
        ("IN", "KL", "560001", {Part.POSTAL_CODE}),  # Karnataka's
        ("IN", "Ontario", "ABC", {Part.STATE, Part.POSTAL_CODE}),
        ("DE", "XX", "1011", {Part.STATE, Part.POSTAL_CODE}),
        ("CA", "BC", "M5V 3L9", {Part.POSTAL_CODE}),  # Ontario's
    ],
)
def test_what_is_not_so_in_the_world_is_told(country: str, state: str, postal_code: str, wrong: set[Part]) -> None:
    assert check_place(country, state, postal_code).wrong == wrong


def test_a_state_that_only_the_address_data_know_is_kept_as_its_code() -> None:
    assert check_place("AE", "Dubai", "") == CheckedAddress("AE", "DU", "", frozenset())
    assert check_place("US", "US-NY", "10001").wrong == frozenset()
    assert check_place("DE", "", "\uff11\uff10\uff11\uff11\uff15").wrong == {Part.POSTAL_CODE}
    assert check_place("US", "new york", " 10001 ") == CheckedAddress("US", "new york", "10001", frozenset())


def test_every_country_can_be_asked_about() -> None:
    for country in pycountry.countries:
        assert check_place(country.alpha_2, "", "").country == country.alpha_2
