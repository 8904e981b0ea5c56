"""A whole search: filters, words, centring and diversity on top of meaning, never short while records are left."""

import numpy as np
import pytest

from index.errors import InputError
from index.records import Place
from index.search.filters import Filter
from retrieval import Space
from retrieval.asking.how import How
from retrieval.asking.parts import Item, Part
from retrieval.asking.question import Question
from tests.conftest import World
from train.precision import BFLOAT16_TOLERANCE


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def filtered(**values) -> How:
    return How(filter=Filter.parse(values))


def test_only_what_the_filter_lets_through_answers_and_the_answer_is_not_short(space):
    answer = space.search("snow and ice", kinds=("articles", "locations"), k=7, **dict(filtered(bbox="0,-180,10,180")))
    assert {modality: len(hits) for modality, hits in answer.hits.items()} == {"articles": 7, "locations": 7}
    assert all(hit.place.lat == 5 for hit in answer), "only the tropics were asked"
    assert answer.ways["locations"] == "exact on 100 rows"


def test_a_filter_that_lets_nothing_through_gives_no_hits_and_says_why(space):
    answer = space.search("snow", kinds=("articles",), **dict(filtered(near="-80,0,10")))
    assert answer.hits == {"articles": []}
    assert answer.ways == {"articles": "no row passes the filter"}


def test_modalities_that_lack_a_fact_are_left_out_unless_they_were_asked_for(space):
    how = filtered(sensors="nasa_coarse")
    assert set(space.search("snow", **dict(how)).hits) == {"tiles"}
    with pytest.raises(InputError, match="sensors"):
        space.search("snow", kinds=("articles",), **dict(how))


def test_with_words_a_name_is_found_that_means_nothing_to_the_space(space):
    plain = space.search("hot sand at village 17", kinds=("articles",), k=3)
    words = space.search("hot sand at village 17", kinds=("articles",), k=3, words=True)
    assert words.hits["articles"][0].title == "South 17"
    assert words.ways["articles"].endswith("and full text")
    slow = space.embed_records("articles", [words.hits["articles"][0].id])[0] @ space.embed_texts(["hot sand at village 17"])[0]
    assert words.hits["articles"][0].score == pytest.approx(float(slow), abs=1e-5), "scores stay those of meaning"
    assert len(plain.hits["articles"]) == 3


def test_hits_can_be_kept_apart_and_the_answer_is_filled_up_from_behind(space):
    answer = space.search("snow and ice", kinds=("locations",), k=10, apart_km=2000)
    assert len(answer.hits["locations"]) == 10
    from index.geo import geodesic_km

    places = [hit.place for hit in answer.hits["locations"]]
    for row, one in enumerate(places):
        assert all(float(geodesic_km(one.lat, one.lon, other.lat, other.lon)) >= 2000 for other in places[:row])


def test_calibrated_scores_are_cosines_seen_from_the_means(space):
    answer = space.search("snow", kinds=("tiles",), k=24, centred=True)
    mean = {modality: np.array(manifest.mean) for modality, manifest in space.manifests.items()}
    query = space.embed_texts(["snow"])[0] - mean["articles"]
    for hit in answer:
        row = space.embed_records("tiles", [hit.id])[0] - mean["tiles"]
        # Many tiles at once are indexed in bfloat16, one is embedded in float32; seen from the mean the difference is larger.
        tolerance = BFLOAT16_TOLERANCE / np.linalg.norm(row)
        assert hit.score == pytest.approx(float(query @ row / np.linalg.norm(query) / np.linalg.norm(row)), abs=tolerance)
    assert [hit.score for hit in answer] == sorted((hit.score for hit in answer), reverse=True)


def test_a_query_of_several_parts_asks_for_some_and_away_from_others(space):
    north = space.search("snow", kinds=("articles",), k=1).hits["articles"][0]
    query = Question(
        parts=(Part.of("a place in the world"), Part.of(Item("articles", north.id)), Part.of("hot sand and palm trees", -1.0))
    )
    answer = space.search(query, kinds=("locations",), k=5)
    assert all(hit.place.lat == 70 for hit in answer)
    assert answer.vectors is not None
    assert len(answer.vectors.parts) == 3


def test_percentiles_fall_with_the_rank_and_lie_between_0_and_100(space):
    percentiles = [hit.percentile for hit in space.search("snow", kinds=("locations",), k=200)]
    assert percentiles == sorted(percentiles, reverse=True)
    assert percentiles[0] > 95
    assert percentiles[-1] < 5


@pytest.mark.parametrize("backend", ["exact", "faiss", "lancedb"])
def test_all_backends_give_the_same_answer(world, backend):
    space = Space.open(world.checkpoint, world.folder, backend=backend)
    exact = Space.open(world.checkpoint, world.folder, backend="exact")
    place = Place(lat=70.0, lon=20.0)
    assert [hit.id for hit in space.search(place=place, k=4)] == [hit.id for hit in exact.search(place=place, k=4)]
