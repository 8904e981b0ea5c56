"""Texts find tiles, and pictures articles, by the positions of the records: by hand in three dimensions, then in a whole world."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.geo import fibonacci_sphere, geodesic_km, unit_xyz
from index.records import Embeddings
from index.search.filters import Filter
from index.search.snapshot import Snapshot
from index.store.catalogue import Catalogue
from retrieval import Space
from retrieval.asking.how import How
from retrieval.asking.parts import Item, Part
from retrieval.asking.query import QueryVectors
from retrieval.asking.question import Question
from retrieval.ranking.bridge import GRID_POINTS, Bridge, Positions
from retrieval.ranking.meaning import LONGEST_SHORTLIST
from retrieval.ranking.search import Searcher
from tests.conftest import World
from tests.worlds import unit


def locate(lat, lon):
    """The direction of the place from the middle of the Earth: (0, 0) is x, (0, 90 E) is y, the north pole is z."""
    return unit_xyz(np.atleast_1d(lat), np.atleast_1d(lon)).astype(np.float32)


def asked(*modalities, parts, weights=None):
    weights = np.array([[1.0] * len(modalities)] if weights is None else weights)
    return QueryVectors(tuple("abcd"[: len(modalities)]), modalities, unit(parts), weights)


def tiles_at(places, vectors) -> Searcher:
    ids = tuple(f"{row:032x}" for row in range(len(places)))
    places = np.array(places, dtype=np.float64)
    found = Embeddings(ids=ids, places=places, vectors=unit(vectors), modality="tiles", model_digest="3fa1" * 16)
    return Searcher(Snapshot.in_memory(found), bridge=Bridge(locate))


@pytest.fixture(scope="module")
def three() -> Searcher:
    """Tiles at 0 and 90 degrees east and at the pole, whose own vectors are those of one another's places."""
    return tiles_at([(0, 0), (0, 90), (90, 0)], [(0, 1, 0), (0, 0, 1), (1, 0, 0)])


@pytest.fixture(scope="module")
def many() -> Searcher:
    """20,000 tiles all over the Earth, with vectors by chance."""
    rng = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))), rng.uniform(-180, 180, 20_000)
    return tiles_at(np.stack([lat, lon], axis=1), rng.normal(size=(20_000, 3)))


def test_a_text_finds_the_tile_whose_position_it_fits_and_not_the_one_whose_vector_it_fits(three):
    text = asked("articles", parts=[(0.2, 0.9, 0.5)])
    ranked, direct = three.search(text, 3, How()), three.search(text, 3, How(direct=True))
    assert (ranked.rows.tolist(), direct.rows.tolist()) == ([1, 2, 0], [0, 1, 2])
    np.testing.assert_allclose(ranked.scores, np.sort(text.vectors[0])[::-1], atol=1e-6)
    assert (ranked.way, direct.way) == ("by position, 3 rows", "exact on 3 rows")


@pytest.mark.parametrize("modality", ["tiles", "locations"])
def test_tiles_and_places_are_compared_with_the_tiles_themselves(three, modality):
    query = asked(modality, parts=[(0.2, 0.9, 0.5)])
    crossed, plain = (searcher.search(query, 3, How()) for searcher in (three, Searcher(three.snapshot)))
    assert crossed.way == plain.way == "exact on 3 rows"
    assert crossed.scores.tolist() == plain.scores.tolist()


def test_of_a_mixed_query_each_part_is_compared_with_what_it_can_be_compared_with(three):
    query = asked("articles", "tiles", parts=[(0, 1, 0), (1, 0, 0)], weights=[[3.0, 4.0]])
    ranked = three.search(query, 3, How())
    by_hand = {0: 0.0, 1: 3 / 7, 2: 4 / 7}  # row 1 lies where the text fits, row 2 looks as the tile does
    assert ranked.rows.tolist() == [2, 1, 0]
    np.testing.assert_allclose(ranked.scores, [by_hand[row] for row in ranked.rows], atol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_no_score_is_beyond_1_whatever_is_mixed(seed):
    rng = np.random.default_rng(seed)
    query = asked("articles", "tiles", "locations", parts=rng.normal(size=(3, 3)), weights=rng.uniform(0.1, 1, (1, 3)))
    searcher = tiles_at(np.stack([rng.uniform(-90, 90, 9), rng.uniform(-180, 180, 9)], axis=1), rng.normal(size=(9, 3)))
    assert np.abs(searcher.search(query, 9, How()).scores).max() <= 1 + 1e-6


def test_either_of_two_texts_will_do_and_both_are_asked_away_from_a_third(three):
    either = asked("articles", "articles", parts=[(1, 0, 0), (0, 0, 1)], weights=np.eye(2))
    ranked = three.search(either, 3, How())
    assert sorted(ranked.rows[:2].tolist()) == [0, 2]
    np.testing.assert_allclose(ranked.scores, [1, 1, 0], atol=1e-6)
    away = asked("articles", "articles", "articles", parts=np.eye(3)[[0, 2, 0]], weights=[[1.0, 0, -0.5], [0, 1.0, -0.5]])
    assert three.search(away, 1, How()).rows.tolist() == [0]  # asked for x alone (x - x / 2 is x), the other one is 2 / sqrt(5)
    np.testing.assert_allclose(three.search(away, 3, How()).scores, [1, 2 / 5**0.5, 0], atol=1e-6)


def test_among_many_the_best_are_those_that_comparing_all_positions_gives(many):
    text = asked("articles", parts=[(-0.5, 0.7, -0.2)])
    fit = locate(*many.snapshot.places.T) @ text.vectors[0]
    ranked = many.search(text, 20, How())
    assert ranked.rows.tolist() == np.argsort(-fit)[:20].tolist()
    assert re.fullmatch(r"by position, the likeliest 2,0\d\d of 20,000 rows", ranked.way), ranked.way


def test_what_a_tile_looks_like_finds_it_among_many_for_a_mixed_query_too(many):
    positions, looks = locate(*many.snapshot.places.T), many.snapshot.vectors
    far = looks[np.argmin(positions[:, 0])]  # of the tile that is as far from where the text is as can be
    for weight in (0.01, 10.0):
        query = asked("articles", "tiles", parts=[(1, 0, 0), far], weights=[[weight, 1.0]])
        best = np.argmax(weight * positions[:, 0] + looks @ far)
        assert many.search(query, 1, How()).rows.tolist() == [best]


def test_a_filter_leaves_the_best_of_what_it_lets_through(many):
    text, south = asked("articles", parts=[(0, 0, 1)]), How(filter=Filter.parse({"bbox": "-90,-180,-60,180"}))
    ranked = many.search(text, 5, south)
    lats = many.snapshot.places[:, 0]
    assert lats[ranked.rows].tolist() == sorted(lats[lats <= -60], reverse=True)[:5]
    assert ranked.way.startswith("by position, 1,")


@pytest.mark.parametrize("side_deg", [0.5, 0.001], ids=["in one cell of the grid", "at one spot"])
def test_of_many_records_around_one_city_the_best_are_found_with_a_filter_and_without(side_deg):
    """12,000 tiles within a side of so many degrees, more than are compared at once, and 8,000 anywhere."""
    rng = np.random.default_rng(1)
    city = np.array([48.2, 16.4]) + rng.uniform(-side_deg, side_deg, (12_000, 2))
    anywhere = np.stack([np.degrees(np.arcsin(rng.uniform(-1, 1, 8_000))), rng.uniform(-180, 180, 8_000)], axis=1)
    searcher = tiles_at(np.concatenate([city, anywhere]), rng.normal(size=(20_000, 3)))
    positions = locate(*searcher.snapshot.places.T)
    text = asked("articles", parts=locate(48.2 + side_deg / 2, 16.4).tolist())
    inside = How(filter=Filter.parse({"bbox": "48.2,10,60,20"}))
    for how, rows in ((How(), np.arange(20_000)), (inside, inside.filter.rows(searcher.snapshot))):
        tenth = np.sort(positions[rows] @ text.vectors[0])[-10]
        found = positions[searcher.search(text, 10, how).rows] @ text.vectors[0]
        assert (found >= tenth - 1e-6).mean() >= 0.95


def test_a_filter_that_leaves_few_is_answered_by_all_their_own_positions(many):
    text = asked("articles", parts=[(0, 0, 1)])
    ranked = many.search(text, 5, How(filter=Filter.parse({"bbox": "-90,-180,-60,180"})))
    assert re.fullmatch(r"by position, 1,\d\d\d rows", ranked.way), ranked.way


def test_a_position_is_encoded_once(many):
    encoded = []
    bridge = Bridge(lambda lat, lon: encoded.append(np.size(lat)) or locate(lat, lon))
    positions = Positions(bridge, many.snapshot.places)
    rows = np.array([5, 3, 5, 19_999])
    first, again = positions.of(rows), positions.of(rows)
    np.testing.assert_allclose(first, locate(*many.snapshot.places[rows].T), atol=1e-6)
    np.testing.assert_array_equal(first, again)
    assert encoded == [3]


def test_no_more_than_the_longest_shortlist_is_ranked_and_the_answer_says_so(many):
    ranked = many.search(asked("articles", parts=[(0, 0, 1)]), 15_000, How())
    assert len(ranked.rows) == LONGEST_SHORTLIST
    assert ranked.way == "by position, the likeliest 10,000 of 20,000 rows"


def test_positions_are_compared_once_though_more_is_asked_for(many, monkeypatch):
    counted = []
    monkeypatch.setattr(many.bridge, "locate", lambda lat, lon: counted.append(len(lat)) or locate(lat, lon))
    apart = How(apart_km=300)
    ranked = many.search(asked("articles", parts=[(0, 0, 1)]), 10, apart)
    assert len(ranked.rows) == 10
    assert counted.count(500) <= 1


def test_of_few_records_all_positions_are_encoded_once_and_the_grid_never():
    counted = []
    searcher = tiles_at([(0, 0), (0, 90), (90, 0)], np.eye(3))
    searcher.bridge.locate = lambda lat, lon: counted.append(len(lat)) or locate(lat, lon)
    for parts in ((0, 0, 1), (0, 1, 0)):
        searcher.search(asked("articles", parts=[parts]), 2, How())
    assert counted == [3]


def test_a_cell_is_the_nearest_point_of_the_grid_at_the_poles_and_the_antimeridian_too():
    places = np.array([(90.0, 0.0), (-90.0, 12.0), (0.0, 180.0), (0.0, -180.0), (51.3, 12.4)])
    grid = np.stack(fibonacci_sphere(GRID_POINTS), axis=1)
    nearest = [int(np.argmin(geodesic_km(lat, lon, grid[:, 0], grid[:, 1]))) for lat, lon in places]
    assert Positions(Bridge(locate), places).cells.tolist() == nearest


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def test_the_score_of_a_tile_is_the_cosine_of_the_text_with_its_position(space):
    answer = space.search("snow and ice", kinds=("tiles",), k=5)
    assert answer.ways["tiles"].startswith("by position")
    for hit in answer:
        position = space.embed_places(hit.place.lat, hit.place.lon)[0]
        assert hit.score == pytest.approx(float(position @ space.embed_texts(["snow and ice"])[0]), abs=1e-5)
    percentiles = [hit.percentile for hit in answer]
    assert percentiles == sorted(percentiles, reverse=True)


def test_a_picture_finds_articles_by_their_positions_and_texts_find_articles_by_what_they_say(space, world):
    assert space.search(image=world.tile_file, kinds=("articles",)).ways["articles"].startswith("by position")
    answer = space.search("snow", kinds=("articles", "locations"))
    assert not any(way.startswith("by position") for way in answer.ways.values())


def test_filters_words_and_distances_hold_by_position_too(space):
    how = How(filter=Filter.parse({"bbox": "0,-180,10,180"}), apart_km=4000, words=True)
    answer = space.search("snow", kinds=("tiles",), k=3, **dict(how))
    assert answer.ways["tiles"] == "by position, 12 rows, and full text"
    places = [hit.place for hit in answer]
    assert len(places) == 3
    assert all(place.lat == 5 for place in places)
    assert all(geodesic_km(one.lat, one.lon, other.lat, other.lon) >= 4000 for one, other in combinations(places, 2))


@pytest.mark.parametrize("how", [How(direct=True), How(centred=True)], ids=["direct", "centred"])
def test_who_wants_the_tiles_themselves_compared_gets_that(space, how):
    assert not space.search("snow", kinds=("tiles",), **dict(how)).ways["tiles"].startswith("by position")


def test_no_location_need_be_indexed(own_world: World):
    Catalogue.open(own_world.folder).db.drop_table("locations")
    answer = Space.open(own_world.checkpoint, own_world.folder).search("snow", kinds=("tiles",))
    assert answer.ways["tiles"].startswith("by position")


@pytest.mark.parametrize("direct", [False, True])
def test_shares_of_a_mixed_query_add_up_to_the_score(space, direct):
    item = space.search("snow", kinds=("tiles",), k=1).hits["tiles"][0].id
    query = Question(parts=(Part.of("snow and ice"), Part.of(Item("tiles", item), 0.5), Part.of("hot sand", -0.25)))
    answer = space.explain(space.search(query, kinds=("tiles", "articles"), k=4, direct=direct))
    assert set(answer.why) == {hit.id for hit in answer}
    for hit in answer:
        assert sum(part.share for part in answer.why[hit.id].parts) == pytest.approx(hit.score, abs=1e-4)
