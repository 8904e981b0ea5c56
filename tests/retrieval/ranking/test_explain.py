"""The explanation of a hit: shares of the parts add up to its score exactly, and the named place beside it is the nearest."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from index.errors import InputError
from index.geo import geodesic_km
from index.records import Place
from index.search.snapshot import open_snapshot
from retrieval.asking.parts import Item, Part
from retrieval.asking.query import QueryVectors
from retrieval.asking.question import Question
from retrieval.ranking.centring import centred, centred_query
from retrieval.ranking.explain import NamedPlaces, contributions
from retrieval.space import Space
from tests.conftest import World
from tests.retrieval.hand_space import HandSpace
from tests.worlds import catalogue_with, index_with, location, one_hot, unit

SPACE = HandSpace({"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)})
MEANS = {"articles": (0.1, 0.2, 0.0)}


def test_the_share_of_each_part_by_hand():
    query = Question(parts=(Part.of("x", 3.0), Part.of("y", -4.0))).embed(SPACE)  # (3, -4, 0) / 5
    shares = contributions(query, query.parts @ [0.6, 0.0, 0.8])
    assert [each.label for each in shares] == ["x", "y"]
    assert [each.cosine for each in shares] == pytest.approx([0.6, 0.0])
    assert [each.share for each in shares] == pytest.approx([0.36, 0.0])
    away = contributions(query, query.parts @ [0.0, -1.0, 0.0])
    assert [each.share for each in away] == pytest.approx([0.0, 0.8])  # what it is not speaks for it


def test_of_a_max_only_the_part_that_fits_best_counts():
    query = Question(parts=(Part.of("x"), Part.of("y")), combine="max").embed(SPACE)
    shares = contributions(query, query.parts @ [0.6, 0.8, 0.0])
    assert [each.weight for each in shares] == [0, 1]
    assert [each.share for each in shares] == pytest.approx([0, 0.8])


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_shares_add_up_to_the_score(seed, best, is_centred):
    rng = np.random.default_rng(seed)
    parts, hit, weights = unit(rng.normal(size=(4, 3))), unit(rng.normal(size=(1, 3))), rng.uniform(-1, 1, (3 if best else 1, 4))
    try:
        query = QueryVectors(tuple("abcd"), ("articles",) * 4, parts, weights)
        if is_centred:
            query, hit = centred_query(query, MEANS), centred(hit, MEANS["articles"])
    except InputError:
        assume(False)
    score = (query.vectors @ hit[0]).max()
    assert sum(each.share for each in contributions(query, query.parts @ hit[0])) == pytest.approx(score, abs=1e-5)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Two towns either side of the antimeridian, one at the pole, and a nearer point without a name."""
    towns = [location("East", 0.0, 179.0), location("West", 0.0, -178.0), location("Pole", 90.0, 0.0), location("", 0.0, 179.9)]
    catalogue = catalogue_with(tmp_path_factory.mktemp("named"), locations=towns)
    index_with(catalogue, "locations", one_hot(0, 1, 2, 3))
    snapshot = open_snapshot(catalogue, "locations")
    return NamedPlaces(snapshot), snapshot


@pytest.mark.parametrize(
    ("place", "title"),
    [
        (Place(lat=0.0, lon=179.8), "East"),  # 89 km to the east of it; to the other 245 km
        (Place(lat=0.0, lon=-179.0), "West"),
        (Place(lat=80.0, lon=-90.0), "Pole"),
    ],
)
def test_the_nearest_place_with_a_name_is_found_on_the_globe(named, place, title):
    places, snapshot = named
    found = places.nearest(place, one_hot(0)[0])
    assert found.title == title
    assert found.distance_km == pytest.approx(float(geodesic_km(place.lat, place.lon, found.place.lat, found.place.lon)))
    row = snapshot.row_of([found.id])[0]
    assert found.cosine == pytest.approx(float(snapshot.vectors[row, 0]))


def test_nearest_means_on_the_ellipsoid(tmp_path):
    # On the sphere the eastern town is the nearer one (111.2 against 111.5 km), on the flattened Earth the northern (111.3, 110.9).
    catalogue = catalogue_with(tmp_path, locations=[location("east", 0.0, 1.0), location("north", 1.003, 0.0)])
    index_with(catalogue, "locations", one_hot(0, 1))
    found = NamedPlaces(open_snapshot(catalogue, "locations")).nearest(Place(lat=0.0, lon=0.0), one_hot(0)[0])
    assert found.title == "north"


def test_without_any_name_there_is_no_nearest(tmp_path):
    catalogue = catalogue_with(tmp_path, locations=[location("")])
    index_with(catalogue, "locations", one_hot(0))
    assert NamedPlaces(open_snapshot(catalogue, "locations")).nearest(Place(lat=0.0, lon=0.0), one_hot(0)[0]) is None


def test_the_nearest_of_many_equals_the_slow_obvious_search(tmp_path):
    rng = np.random.default_rng(0)
    many = [location(f"p{i}", float(lat), float(lon)) for i, (lat, lon) in enumerate(rng.uniform([-90, -180], [90, 180], (300, 2)))]
    catalogue = catalogue_with(tmp_path, locations=many)
    index_with(catalogue, "locations", np.repeat(one_hot(0), 300, axis=0))
    places = NamedPlaces(open_snapshot(catalogue, "locations"))
    for lat, lon in rng.uniform([-90, -180], [90, 180], (40, 2)).tolist():
        slow = min(many, key=lambda each: float(geodesic_km(lat, lon, each.place.lat, each.place.lon)))
        assert places.nearest(Place(lat=lat, lon=lon), one_hot(0)[0]).title == slow.title


def test_in_a_trained_world_snow_speaks_for_a_northern_article_and_sand_does_not(world: World):
    space = Space.open(world.checkpoint, world.folder)
    rows = space.catalogue.column("articles", ["title"]).to_pylist()
    north = next(row["id"] for row in rows if row["title"] == "North 5")
    hit = space.embed_records("articles", [north])[0]
    query = Question(parts=(Part.of("snow and ice"), Part.of("hot sand and palm trees", -0.5))).embed(space)
    snow, sand = contributions(query, query.parts @ hit)
    assert snow.share > 0
    assert snow.cosine > sand.cosine
    assert snow.share + sand.share == pytest.approx(float(query.vectors[0] @ hit), abs=1e-5)


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


@pytest.mark.parametrize("centred", [False, True])
def test_of_every_hit_the_shares_add_up_to_its_score(space: Space, centred: bool) -> None:
    item = space.search("snow", kinds=("tiles",), k=1).hits["tiles"][0].id
    query = Question(parts=(Part.of("snow and ice"), Part.of(Item("tiles", item), 0.5), Part.of(Place(lat=5.0, lon=0.0), -0.3)))
    answer = space.explain(space.search(query, k=4, centred=centred))
    assert set(answer.why) == {hit.id for hit in answer}
    for hit in answer:
        assert sum(part.share for part in answer.why[hit.id].parts) == pytest.approx(hit.score, abs=1e-4)


def test_a_hit_is_explained_by_another_place_than_itself(space: Space) -> None:
    """Every location has a name, and there is one at each place of the grid: articles lie near one, locations are one."""
    answer = space.explain(space.search("snow", kinds=("articles", "locations"), k=2))
    for hit in answer.hits["articles"]:
        near = answer.why[hit.id].near
        assert near is not None
        slow = min(float(geodesic_km(hit.place.lat, hit.place.lon, 70.0, lon)) for lon in np.linspace(-180, 176.4, 100))
        assert near.distance_km == pytest.approx(slow, abs=1e-3)
        vectors = space.embed_records("articles", [hit.id]), space.embed_records("locations", [near.id])
        assert near.cosine == pytest.approx((vectors[0] @ vectors[1].T).item(), abs=1e-3)
    assert [answer.why[hit.id].near for hit in answer.hits["locations"]] == [None, None]


def test_an_explained_answer_says_why_in_its_json_and_another_does_not(space: Space) -> None:
    answer = space.search("snow", kinds=("articles",), k=1)
    assert "why" not in answer.as_dict()["hits"]["articles"][0]
    why = space.explain(answer).as_dict()["hits"]["articles"][0]["why"]
    assert why["parts"][0]["label"] == "snow"
    assert set(why["near"]) == {"id", "title", "lat", "lon", "distance_km", "cosine"}
