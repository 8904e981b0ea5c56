"""Texts find tiles, and tiles articles, by the positions of the records: by hand in three dimensions, then in a whole world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.snapshot import Snapshot, open_snapshot
from retrieval import Space
from retrieval.bridge import TEMPERATURE, Bridge
from retrieval.diversify import Diversity
from retrieval.meaning import LONGEST_SHORTLIST, ByPosition
from retrieval.parts import Item, Part
from retrieval.query import Query, QueryVectors
from retrieval.search import How, Searcher
from tests.conftest import World
from tests.worlds import catalogue_with, index_with, tile, unit

LOCATIONS = unit([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


def locate(lat, lon):
    """The equator at 0, 90 and 180 degrees east is at the first, second and third axis."""
    return LOCATIONS[(np.atleast_1d(lon) / 90).astype(int)]


def asked(*modalities, parts, weights=None):
    weights = np.array([[1.0] * len(modalities)] if weights is None else weights)
    return QueryVectors(tuple("abcd"[: len(modalities)]), modalities, unit(parts), weights)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    """Tiles at 0, 90 and 180 degrees east whose own vectors are those of other places."""
    tiles = [tile(value, lon=lon) for value, lon in enumerate((0.0, 90.0, 180.0))]
    catalogue = catalogue_with(tmp_path_factory.mktemp("tiles"), tiles=tiles)
    index_with(catalogue, "tiles", unit([(0, 1, 0), (0, 0, 1), (1, 0, 0)]))
    return open_snapshot(catalogue, "tiles")


def lons(searcher: Searcher, query: QueryVectors, how: How | None = None) -> list[float]:
    ranked = searcher.search(query, 3, how or How())
    return searcher.snapshot.places[ranked.rows][:, 1].tolist()


def test_a_text_finds_the_tile_whose_position_it_fits_and_not_the_one_whose_vector_it_fits(snapshot):
    searcher = Searcher(snapshot, bridge=Bridge(LOCATIONS, locate))
    text = asked("articles", parts=[(0.2, 0.9, 0.5)])
    assert lons(searcher, text) == [90, 180, 0]
    assert lons(searcher, text, How(direct=True)) == lons(Searcher(snapshot), text) == [0, 90, 180]
    ranked = searcher.search(text, 3, How())
    np.testing.assert_allclose(ranked.scores, np.sort(text.vectors[0])[::-1], atol=1e-6)
    assert ranked.way == "exact on 3 rows, by position"


@pytest.mark.parametrize("modality", ["tiles", "locations"])
def test_tiles_and_places_are_compared_with_tiles_themselves(snapshot, modality):
    query = asked(modality, parts=[(0.2, 0.9, 0.5)])
    crossed, plain = (Searcher(snapshot, bridge=each).search(query, 3, How()) for each in (Bridge(LOCATIONS, locate), None))
    assert crossed.way == plain.way == "exact on 3 rows"
    assert crossed.scores.tolist() == plain.scores.tolist()


def test_of_a_mixed_query_each_part_is_compared_with_what_it_can_be_compared_with(snapshot):
    searcher = Searcher(snapshot, bridge=Bridge(LOCATIONS, locate))
    query = asked("articles", "tiles", parts=[(0, 1, 0), (1, 0, 0)], weights=[[3.0, 4.0]])
    ranked = searcher.search(query, 3, How())
    positions, own = locate(0, snapshot.places[ranked.rows][:, 1]), snapshot.vectors[ranked.rows]
    by_hand = (3 * positions[:, 1] + 4 * own[:, 0]) / 5
    np.testing.assert_allclose(ranked.scores, by_hand, atol=1e-6)
    assert (np.diff(ranked.scores) <= 0).all()


def test_either_of_two_texts_will_do(snapshot):
    query = asked("articles", "articles", parts=[(1, 0, 0), (0, 0, 1)], weights=np.eye(2))
    ranked = Searcher(snapshot, bridge=Bridge(LOCATIONS, locate)).search(query, 3, How())
    assert sorted(snapshot.places[ranked.rows[:2]][:, 1].tolist()) == [0, 180]
    np.testing.assert_allclose(ranked.scores, [1, 1, 0], atol=1e-6)


def test_where_a_vector_fits_is_the_mean_of_the_locations_by_their_softmax():
    vector = unit([(0.6, 0.59, 0.1)])
    share = np.exp(vector[0] / TEMPERATURE) / np.exp(vector[0] / TEMPERATURE).sum()
    np.testing.assert_allclose(Bridge(LOCATIONS, locate).where(vector), unit([share]), atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_where_any_vector_fits_is_a_unit_vector(seed):
    rng = np.random.default_rng(seed)
    found = Bridge(unit(rng.normal(size=(5, 4))), locate).where(unit(rng.normal(size=(3, 4))))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_the_shortlist_has_an_end_and_is_never_longer_than_was_asked_of_the_index(snapshot):
    class Counting:
        def search(self, vectors, k, allowed=None):
            self.wanted = k
            return searcher.planner.search(vectors, k, allowed)

    searcher = Searcher(snapshot, bridge=Bridge(LOCATIONS, locate))
    counting = Counting()
    counting.snapshot = snapshot
    meaning = ByPosition(searcher.crossing(asked("articles", parts=[(0, 1, 0)]), How()), counting)
    for k, wanted in ((1, 500), (1_000, 4_000), (1_000_000, LONGEST_SHORTLIST)):
        meaning.best(k, None)
        assert counting.wanted == wanted


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def test_the_score_of_a_tile_is_the_cosine_of_the_text_with_its_position(space):
    answer = space.search("snow and ice", into=("tiles",), k=5)
    assert answer.ways["tiles"].endswith("by position")
    for hit in answer:
        position = space.embed_places(hit.place.lat, hit.place.lon)[0]
        assert hit.score == pytest.approx(float(position @ space.embed_texts(["snow and ice"])[0]), abs=1e-5)
    percentiles = [hit.percentile for hit in answer]
    assert percentiles == sorted(percentiles, reverse=True)


def test_a_picture_finds_articles_by_their_positions_and_texts_find_articles_by_what_they_say(space, world):
    assert space.search(image=world.tile_file, into=("articles",)).ways["articles"].endswith("by position")
    assert not space.search("snow", into=("articles",)).ways["articles"].endswith("by position")
    assert not space.search("snow", into=("locations",)).ways["locations"].endswith("by position")


def test_filters_words_and_distances_hold_by_position_too(space):
    from index.filters import Filter

    how = How(filter=Filter.parse({"bbox": "0,-180,10,180"}), diversity=Diversity(apart_km=500), words=True)
    answer = space.search("snow", into=("tiles",), k=3, how=how)
    assert len(answer.hits["tiles"]) == 3
    assert all(hit.place.lat == 5 for hit in answer)


@pytest.mark.parametrize("how", [How(direct=True), How(calibrated=True)], ids=["direct", "calibrated"])
def test_who_wants_the_tiles_themselves_compared_gets_that(space, how):
    assert not space.search("snow", into=("tiles",), how=how).ways["tiles"].endswith("by position")


def test_without_locations_there_is_no_bridge_and_tiles_are_compared_themselves(own_world: World):
    from index.catalogue import Catalogue

    Catalogue.open(own_world.folder).db.drop_table("locations")
    space = Space.open(own_world.checkpoint, own_world.folder)
    assert space.bridge is None
    assert not space.search("snow", into=("tiles",)).ways["tiles"].endswith("by position")


def test_shares_of_a_mixed_query_add_up_to_the_score_by_position(space):
    item = space.search("snow", into=("tiles",), k=1).hits["tiles"][0].id
    query = Query((Part("snow and ice"), Part(Item("tiles", item), 0.5), Part("hot sand", -0.25)))
    answer = space.explain(space.search(query=query, into=("tiles", "articles"), k=4))
    assert set(answer.why) == {hit.id for hit in answer}
    for hit in answer:
        assert sum(part.share for part in answer.why[hit.id].parts) == pytest.approx(hit.score, abs=1e-4)
