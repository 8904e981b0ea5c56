"""Corrected cosines are those of vectors moved to the mean of their modality, though no stored vector is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import CatalogueError, InputError
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.ranking.centring import Centring, centred, centred_query
from retrieval.space import Space
from tests.conftest import World
from tests.retrieval.hand_space import HandSpace
from tests.worlds import one_hot, unit

# Two rows either side of the mean (0.8, 0) of a modality, at (0.8, 0.6) and (0.8, -0.6).
PAIR, MEAN = np.array([[0.8, 0.6], [0.8, -0.6]], dtype=np.float32), (0.8, 0.0)
seeds = st.integers(0, 2**32 - 1)


def cone(seed: int, count: int, dim: int = 4):
    """A modality as encoders make it: unit vectors around one direction, their mean, and a query centred on a mean of its own."""
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=(count, dim)) + 2 * one_hot(0, dim=dim))
    query = centred(unit(rng.normal(size=(1, dim)) + 2 * one_hot(1, dim=dim)), rng.normal(size=dim) / 10)[0]
    return rows, rows.mean(axis=0, dtype=np.float64), query


def exact(rows):
    """A search by plain inner product, as backends do it, that remembers how much was asked for."""
    asked = []

    def search(queries, k):
        asked.append(k)
        products = queries @ rows.T
        best = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return best, np.take_along_axis(products, best, axis=1)

    return search, asked


def test_what_all_rows_share_says_nothing_any_more():
    centring = Centring.of(PAIR, MEAN)
    np.testing.assert_allclose(centring.lengths, [0.6, 0.6], atol=1e-7)
    up = np.array([0.0, 1.0], dtype=np.float32)  # a centred query
    np.testing.assert_allclose(centring.correct(up, np.array([0, 1]), PAIR @ up), [1, -1], atol=1e-6)
    along = np.array([1.0, 0.0], dtype=np.float32)
    np.testing.assert_allclose(centring.correct(along, np.array([0, 1]), PAIR @ along), [0, 0], atol=1e-6)


@given(seeds)
def test_the_formula_equals_moving_and_renormalising_the_rows(seed):
    rows, mean, query = cone(seed, 20)
    chosen = np.array([3, 0, 17])
    corrected = Centring.of(rows, mean).correct(query, chosen, rows[chosen] @ query)
    np.testing.assert_allclose(corrected, centred(rows, mean)[chosen] @ query, atol=2e-5)


def test_rows_stored_in_half_precision_are_corrected_as_stored():
    rows, mean, query = cone(1, 20)
    half = rows.astype(np.float16)
    corrected = Centring.of(half, mean).correct(query, np.arange(20), half.astype(np.float32) @ query)
    np.testing.assert_allclose(corrected, centred(half, mean) @ query, atol=2e-5)


def test_a_row_on_the_mean_has_no_direction_and_gets_zero():
    rows = one_hot(0, 0, 1)
    centring = Centring.of(rows, rows[0])
    np.testing.assert_allclose(centring.correct(rows[2], np.arange(3), rows @ rows[2]), [0, 0, 0.5**0.5], atol=1e-6)


def test_lengths_of_a_matrix_read_in_parts_are_the_same(monkeypatch):
    rows, mean, _ = cone(2, 50)
    whole = Centring.of(rows, mean).lengths
    monkeypatch.setattr("retrieval.ranking.centring.CHUNK", 7)
    np.testing.assert_array_equal(Centring.of(rows, mean).lengths, whole)
    assert len(Centring.of(rows[:0], mean).lengths) == 0


@given(seeds, st.integers(1, 12))
def test_a_search_through_plain_products_finds_what_the_corrected_ones_would(seed, k):
    rows, mean, query = cone(seed, 300)
    search, _ = exact(rows)
    found, cosines = Centring.of(rows, mean).search(search, query, k, len(rows))
    every = centred(rows, mean).astype(np.float64) @ query
    np.testing.assert_allclose(cosines, np.sort(every)[::-1][:k], atol=2e-5)
    np.testing.assert_allclose(every[found], cosines, atol=2e-5)


def test_a_search_stops_once_no_row_beyond_can_come_in():
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(5000, 64)))
    search, asked = exact(rows)
    Centring.of(rows, rows.mean(axis=0)).search(search, rows[7], 1, len(rows))
    assert max(asked) < 100


def test_a_search_that_gives_no_rows_gives_no_hits():
    centring = Centring.of(PAIR, MEAN)

    def nothing(queries, k):
        return np.full((1, k), -1), np.full((1, k), -np.inf, dtype=np.float32)

    for most in (0, 2):
        rows, cosines = centring.search(nothing, one_hot(1, dim=2)[0], 3, most)
        assert len(rows) == len(cosines) == 0


def test_every_part_of_a_query_is_seen_from_the_mean_of_its_own_modality():
    space = HandSpace({"a": (0.8, 0.6)})
    query = Question(parts=(Part.of("a"),)).embed(space)
    np.testing.assert_allclose(centred_query(query, {"articles": MEAN}).vectors, [[0, 1]], atol=1e-6)
    with pytest.raises(CatalogueError, match="mean of the articles"):
        centred_query(query, {"tiles": MEAN})


def test_a_query_on_the_mean_is_refused():
    with pytest.raises(InputError, match="without centring"):
        centred(one_hot(0), one_hot(0)[0])


def test_in_a_trained_world_the_means_of_the_manifests_bring_the_modalities_together(world: World):
    space = Space.open(world.checkpoint, world.folder)
    ids = {modality: space.catalogue.column(modality, [])["id"].to_pylist() for modality in ("articles", "locations")}
    plain = {modality: space.embed_records(modality, ids[modality]) for modality in ids}
    moved = {modality: centred(vectors, space.manifests[modality].mean) for modality, vectors in plain.items()}
    before, after = (np.linalg.norm(each["articles"].mean(0) - each["locations"].mean(0)) for each in (plain, moved))
    assert after < before / 2
