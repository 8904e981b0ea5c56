"""A query is the direction of a weighted sum, or several of them of which the best counts: by hand in three dimensions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index.errors import ConfigError, InputError
from index.records import Place
from retrieval.asking.parts import Item, Part
from retrieval.asking.query import QueryVectors, best_of
from retrieval.asking.question import Question
from retrieval.space import Space
from tests.conftest import World
from tests.retrieval.hand_space import HandSpace
from tests.worlds import tile, unit

HERE = Place(lat=10.0, lon=20.0)
SPACE = HandSpace({"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "-x": (-1, 0, 0), HERE: (0, 1, 0), 7: (0, 0, 1)})


def asked(*parts: Part, combine="mean"):
    return Question(parts=parts, combine=combine).embed(SPACE)


def test_one_part_asks_with_its_own_vector_whatever_its_weight():
    np.testing.assert_array_equal(asked(Part.of("x")).vectors, [[1, 0, 0]])
    np.testing.assert_array_equal(asked(Part.of("x", 7.5)).vectors, [[1, 0, 0]])


def test_parts_of_different_kinds_are_summed_with_their_weights():
    found = asked(Part.of("x", 3.0), Part.of(HERE, 4.0))
    np.testing.assert_allclose(found.vectors, [[0.6, 0.8, 0]], atol=1e-7)  # 3, 4, 5
    assert found.modalities == ("articles", "locations")
    assert found.labels == ("x", "place 10.0000, 20.0000")


def test_a_negative_weight_pushes_away():
    np.testing.assert_allclose(asked(Part.of("x", 4.0), Part.of("y", -3.0)).vectors, [[0.8, -0.6, 0]], atol=1e-7)
    np.testing.assert_allclose(asked(Part.of("x", -1.0)).vectors, [[-1, 0, 0]], atol=1e-7)


def test_max_asks_with_every_positive_part_and_all_negatives():
    found = asked(Part.of("x", 4.0), Part.of("y", 4.0), Part.of("z", -3.0), combine="max")
    np.testing.assert_allclose(found.vectors, [[0.8, 0, -0.6], [0, 0.8, -0.6]], atol=1e-7)


def test_weights_of_any_size_keep_their_ratios():
    np.testing.assert_allclose(asked(Part.of("x", 3e-307), Part.of("y", 4e-307)).vectors, [[0.6, 0.8, 0]], atol=1e-7)


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_an_empty_query_is_refused(combine):
    with pytest.raises(ConfigError, match=r"parts: .* at least 1 item"):
        Question.parse({"parts": (), "combine": combine}, where="question")
    with pytest.raises(InputError, match="ask with a text"):
        Question.of(combine=combine)


@pytest.mark.parametrize("parts", [(Part.of("x", -1.0),), (Part.of("x"), Part.of("y", 2.0))], ids=["no positive", "unlike weights"])
def test_max_refuses_weights_that_would_not_count(parts):
    with pytest.raises(InputError, match="combine by 'mean'"):
        Question(parts=parts, combine="max")


def test_an_unknown_way_to_combine_is_refused():
    with pytest.raises(ConfigError, match="'mean' or 'max', got 'median'"):
        Question.of("x", combine="median")


@pytest.mark.parametrize(
    "parts",
    [
        (Part.of("x"), Part.of("x", -1.0)),
        (Part.of("x"), Part.of("-x")),
        (Part.of("x"), Part.of("y"), Part.of("x", -1), Part.of("y", -1)),
    ],
)
def test_parts_that_cancel_each_other_out_are_refused_in_one_line(parts):
    with pytest.raises(InputError, match="cancel each other out") as refused:
        asked(*parts)
    assert "\n" not in str(refused.value)


def test_a_max_with_one_part_that_is_cancelled_out_is_refused():
    with pytest.raises(InputError, match="cancel each other out"):
        asked(Part.of("x"), Part.of("y"), Part.of("y", -1.0), combine="max")


def test_a_query_says_in_one_line_what_it_asks_for_and_away_from():
    assert Question(parts=(Part.of("snow"), Part.of(HERE), Part.of("city", -2.0))).label == "snow + place 10.0000, 20.0000 − city"
    assert Question(parts=(Part.of("city", -2.0), Part.of("snow"))).label == "− city + snow"


def test_the_origin_is_the_first_positive_part_that_lies_somewhere():
    elsewhere = tile(7, lat=-5.0, lon=6.0)
    assert asked(Part.of("x"), Part.of(elsewhere), Part.of(HERE)).origin == elsewhere.place
    assert asked(Part.of(HERE, -0.5), Part.of(elsewhere)).origin == elsewhere.place
    assert asked(Part.of("x")).origin is None


vectors_3d = arrays(np.float64, (4, 3), elements=st.floats(-1, 1))


@given(vectors_3d, arrays(np.float64, 4, elements=st.floats(-3, 3)))
def test_a_sum_of_any_parts_is_of_unit_norm_or_refused(raw, weights):
    assume((np.linalg.norm(raw, axis=1) > 1e-2).all())
    assume(np.abs(weights).max() > 1e-3)
    labels, modalities = ("",) * 4, ("articles",) * 4
    try:
        found = QueryVectors(labels, modalities, unit(raw), weights[None])
    except InputError:
        assert np.linalg.norm(weights @ unit(raw)) <= 1.001e-3 * np.abs(weights).sum()
        return
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert (found.vectors @ (weights @ unit(raw)) > 0).all()


def test_the_best_of_several_answers_counts_a_row_once_with_its_greatest_cosine():
    rows = np.array([[3, 1, 0], [1, 2, -1]])
    cosines = np.array([[0.9, 0.5, 0.2], [0.7, 0.5, -np.inf]], dtype=np.float32)
    best, scores = best_of(rows, cosines, 9)
    np.testing.assert_array_equal(best, [3, 1, 2, 0])
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.5, 0.2])
    np.testing.assert_array_equal(best_of(rows, cosines, 2)[0], [3, 1])


def test_of_equal_cosines_the_lower_row_comes_first():
    best, _ = best_of(np.array([[5], [2], [9]]), np.full((3, 1), 0.5, dtype=np.float32), 2)
    np.testing.assert_array_equal(best, [2, 5])


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4))
def test_the_k_best_of_each_part_hold_the_k_best_of_all(seed, k, parts):
    rng = np.random.default_rng(seed)
    rows, queries = unit(rng.normal(size=(12, 3))), unit(rng.normal(size=(parts, 3)))
    cosines = queries @ rows.T
    each = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    found, scores = best_of(each, np.take_along_axis(cosines, each, axis=1), k)
    slow = np.argsort(-cosines.max(axis=0), kind="stable")[:k]
    np.testing.assert_array_equal(found, slow)
    np.testing.assert_array_equal(scores, cosines.max(axis=0)[slow])


def test_in_a_trained_world_a_text_and_a_stored_record_ask_together(world: World):
    space = Space.open(world.checkpoint, world.folder)
    titles = space.catalogue.column("articles", ["title"]).to_pylist()
    north = next(row["id"] for row in titles if row["title"] == "North 3")
    query = Question(
        parts=(Part.of("snow and ice"), Part.of(Item("articles", north), 0.5), Part.of("hot sand and palm trees", -0.5))
    )
    asked = query.embed(space)
    vectors = space.embed_records("articles", [row["id"] for row in titles])
    best = np.argsort(-(vectors @ asked.vectors[0]))[:10]
    assert all(titles[row]["title"].startswith("North") for row in best)
    np.testing.assert_allclose(asked.parts[1], space.embed_records("articles", [north])[0], atol=1e-6)
