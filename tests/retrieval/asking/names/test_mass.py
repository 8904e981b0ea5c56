"""Where a text may be about, by its names alone and joined with the model's heat."""

import numpy as np
import pytest

from index.geo import great_circle_km
from index.places.name_index import Entry, NameIndex
from index.places.whereabouts import Whereabouts
from index.records import Place
from retrieval.asking.names.added import Added, best_place
from retrieval.asking.names.lookup import distinct, names_of
from retrieval.asking.names.mass import LAND_KM2, NARROWEST_KM, Mass
from retrieval.asking.names.meant import Meant
from retrieval.asking.names.resolve import names_in
from tests.retrieval.asking.names.atlas import gazetteer

# Nordstadt, 100 km south of it, Overmark, Sudland's Springfield, and the middle of nowhere.
POINTS = np.array([[60.0, 10.0], [59.1, 10.0], [62.0, 10.4], [-30.0, 20.0], [10.0, -150.0]])


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> NameIndex:
    return gazetteer(tmp_path_factory.mktemp("atlas"))


@pytest.fixture(scope="module")
def points(names) -> Whereabouts:
    return Whereabouts(POINTS, names)


def mass_of(text: str, names: NameIndex, **more) -> Mass:
    mass = Mass.of(names_of(text, [names], **more), text)
    assert mass is not None
    return mass


def log_density(text: str, names: NameIndex, points: Whereabouts) -> np.ndarray:
    rows, values = mass_of(text, names).log_density(points)
    found = np.zeros(len(points))
    found[rows] = values
    return found


def test_a_town_is_narrow_and_a_country_wide(names, points) -> None:
    town, country = log_density("Nordstadt", names, points), log_density("Norland", names, points)
    assert town[0] > country[0] > 0
    assert country[0] == country[1] == country[2] > 0
    assert town[0] > town[1] > town[2]
    assert (town[3:] == 0).all()
    assert (country[3:] == 0).all()


def test_the_density_of_a_town_is_that_of_its_formula(names, points) -> None:
    """share / (pi s^2) / (1 + (d / s)^2)^2 over the background, s = 20 km, with the share that the name has."""
    mass = mass_of("Nordstadt", names)
    ((place, share),) = mass.places
    km = great_circle_km(POINTS[1:2, 0], POINTS[1:2, 1], POINTS[:1, 0], POINTS[:1, 1])[0, 0]
    expected = share * LAND_KM2 / (np.pi * NARROWEST_KM**2) / (1 + (km / NARROWEST_KM) ** 2) ** 2 / mass.background
    assert place.name == "Nordstadt"
    assert share + mass.background == pytest.approx(1)
    assert log_density("Nordstadt", names, points)[1] == pytest.approx(np.log1p(expected), rel=1e-3)


def test_a_country_that_holds_a_named_town_counts_little(names, points) -> None:
    assert log_density("Nordstadt, Norland", names, points)[2] < log_density("Norland", names, points)[2] - 1


def test_a_continent_counts_at_the_towns_in_it_and_at_no_others(tmp_path) -> None:
    of = {"kind": "town", "country": "SU", "people": 90_000}
    entries = [
        Entry(name="Australis", lat=-20, lon=20, kind="continent", region="AU", radius_km=30),
        Entry(name="Kingstown", lat=-30, lon=20, continent="AU", **of),
        Entry(name="Queenstown", lat=30, lon=20, continent="BO", **of),
    ]
    NameIndex.build(tmp_path / "names", entries)
    names = NameIndex.open(tmp_path / "names")

    mass = mass_of("Kingstown, Queenstown, Australis", names)
    share = {place.name: share for place, share in mass.places}
    towns, values = mass.at_points()
    (continent,) = (place for place, _ in mass.places if place.kind == "continent")
    assert {each.name for each in towns} == {"Kingstown", "Queenstown"}
    even = {"Kingstown": LAND_KM2 / (np.pi * continent.radius_km**2), "Queenstown": 0.0}
    for town, value in zip(towns, values, strict=True):
        own = share[town.name] * LAND_KM2 / (np.pi * NARROWEST_KM**2)
        expected = np.log1p((own + share["Australis"] * even[town.name]) / mass.background)
        assert value == pytest.approx(expected, rel=1e-6)


def test_a_text_without_names_has_no_mass(names) -> None:
    assert Mass.of(names_in("moss and birches", [names]), "moss and birches") is None


def test_what_is_meant_is_certain_and_what_is_no_place_is_left_out(names) -> None:
    upper = Meant.read("springfield=62,10.5")
    (named,) = names_of("Springfield", [names], meant=[upper])
    assert (named.best.label, named.confidence, named.chosen) == ("Springfield, Overmark, Norland", 1.0, True)
    assert [each.label for each in named.others] == ["Springfield, Sudland", "Springfield, Undermark, Norland"]
    assert names_of("Springfield", [names], meant=[Meant.read("SPRINGFIELD=")]) == ()
    assert mass_of("Springfield", names, meant=[upper]).background < 0.01


def test_each_name_is_shown_once(names) -> None:
    found = distinct(names_in("Riverton, Nordstadt, riverton and RIVERTON", [names]))
    assert [each.text for each in found] == ["Riverton", "Nordstadt"]


def test_what_is_added_is_the_same_at_some_rows_and_everywhere(names, points) -> None:
    added = Added.of(mass_of("Nordstadt", names), points, 0.1)
    everywhere = added.everywhere()
    rows = np.array([4, 0, 2, 1])
    assert added.at(rows).tolist() == everywhere[rows].tolist()
    assert added.most(1).tolist() == [0]
    assert added.most(1, among=np.array([1, 4])).tolist() == [1]
    assert everywhere[0] == pytest.approx(0.1 * added.trust * log_density("Nordstadt", names, points)[0], rel=1e-5)
    assert added.log_density == pytest.approx(log_density("Nordstadt", names, points)[added.rows], rel=1e-5)


def test_bare_names_are_trusted_more_than_names_in_a_description(names) -> None:
    bare, long = "Nordstadt", "moss and birches beside frozen lakes under grey skies near Nordstadt"
    assert mass_of(bare, names).trust > mass_of("steel works in Nordstadt", names).trust > mass_of(long, names).trust == 1


def test_the_best_place_is_the_named_town_or_the_best_point_where_that_is_better(names, points) -> None:
    mass = mass_of("moss near Nordstadt", names)
    added, other = Added.of(mass, points, 0.1), Place(lat=10, lon=-150)

    def cosines(value: float):
        return lambda places: np.full(len(places), value)

    assert best_place(other, 0.5, mass, added, cosines(0.4)) == Place(lat=60, lon=10)
    assert best_place(other, 9.0, mass, added, cosines(0.4)) == other


def test_points_lie_in_the_country_of_the_nearest_town(points) -> None:
    assert points.inside("country", "NO").tolist() == [0, 1, 2]
    assert points.inside("region", "NO-U").tolist() == [2]
    assert points.inside("region", "XX-1").tolist() == []
    rows, km = points.near(Place(lat=60, lon=10), 150)
    assert dict(zip(rows.tolist(), km.round().tolist(), strict=True)) == {0: 0, 1: 100}


def test_a_bare_name_of_a_town_is_that_town_wherever_the_model_is_warm(names, points) -> None:
    """Of three Springfields the largest is meant; the model is warm at another one."""
    elsewhere = Place(lat=62.0, lon=10.4)

    def answered(text: str, allowed=None) -> Place:
        mass = mass_of(text, names)
        added = Added.of(mass, points, 0.01)
        return best_place(elsewhere, 9.0, mass, added, lambda places: np.zeros(len(places)), allowed)

    assert answered("Springfield") == Place(lat=-30.0, lon=20.0)
    assert answered("moss and birches on the hills near Springfield") == elsewhere
    assert answered("Springfield", lambda lat, lon: lat > 0) == elsewhere
