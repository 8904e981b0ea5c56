"""What may be meant by a country that no record is in."""

import pytest

from index.places.country_names import as_written, code_of, countries_like, near_names

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


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("DE", "DE"),
        ("deu", "DE"),
        ("GERMANY", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("Германия", "DE"),
        ("ドイツ", "DE"),
        ("the netherlands", "NL"),
        ("Holland", "NL"),
        ("cote d’ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("turkiye", "TR"),
        ("Turkey", "TR"),
        ("St. Lucia", "LC"),
        ("Trinidad & Tobago", "TT"),
        ("UK", "GB"),
        ("u.s.a.", "US"),
        ("Republic of Moldova", "MD"),
        ("Korea", None),
        ("Kongo", None),
        ("Africa", None),
        ("Atlantis", None),
        ("", None),
    ],
)
def test_a_country_has_many_names_and_those_that_several_share_are_of_none(typed: str, code: str | None) -> None:
    assert code_of(typed) == code


@pytest.mark.parametrize(
    ("typed", "like"),
    [("Germny", ["Germany"]), ("Korea", ["South Korea", "North Korea"]), ("Atlantis", [])],
)
def test_a_name_that_is_none_is_answered_with_near_ones(typed: str, like: list[str]) -> None:
    assert countries_like(typed) == like


def test_a_catalogue_s_own_way_of_writing_comes_before_any_other_name_of_the_country() -> None:
    assert as_written("deutschland", [*KNOWN, "Germany", "DE"]) == ["DE", "Germany"]
    assert as_written("austria", KNOWN) == ["Austria"]
    assert as_written("Georgia", ["Georgia", "GE"]) == ["Georgia"]
    assert as_written("Korea", KNOWN) == []
