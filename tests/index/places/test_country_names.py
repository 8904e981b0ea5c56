"""What may be meant by a country that no record is in."""

import pytest

from index.places.country_names import near_names

KNOWN = [
    "Austria",
    "Central African Republic",
    "Czechia",
    "Dominican Republic",
    "North Korea",
    "South Korea",
    "Turkey",
    "United Kingdom",
]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("at", ["Austria"]),
        ("AUT", ["Austria"]),
        (" Austria", ["Austria"]),
        ("Czech Republic", ["Czechia"]),
        ("türkiye", ["Turkey"]),
        ("UK", ["United Kingdom"]),
        ("Korea", ["South Korea", "North Korea"]),
        ("Austra", ["Austria"]),
        ("Atlantis", []),
        ("", []),
    ],
)
def test_codes_other_names_in_use_and_slips_are_understood(typed: str, meant: list[str]) -> None:
    assert near_names(typed, KNOWN) == meant


def test_where_the_country_that_was_meant_is_not_there_others_of_its_name_are_named() -> None:
    assert near_names("Republic of Korea", ["North Korea"]) == ["North Korea"]
