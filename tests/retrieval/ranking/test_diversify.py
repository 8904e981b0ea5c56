"""Hits that differ: by hand, against slow loops, and for any candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ConfigError, InputError
from index.geo import geodesic_km
from retrieval.ranking.diversify import Diversity, apart, maximal_marginal_relevance, without_duplicates
from tests.worlds import unit

seeds, counts = st.integers(0, 2**32 - 1), st.integers(0, 30)
EAST_30 = unit([[1, 0], [3**0.5 / 2, 0.5], [0.5, 3**0.5 / 2], [0, 1]])  # 0, 30, 60, 90 degrees


def world(seed: int, count: int):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, 3))) if count else np.empty((0, 3), dtype=np.float32)
    return (
        np.sort(rng.uniform(-1, 1, count))[::-1],
        vectors,
        np.stack([rng.uniform(-90, 90, count), rng.uniform(-180, 180, count)], 1),
    )


def test_a_near_duplicate_of_a_better_hit_is_left_out():
    np.testing.assert_array_equal(without_duplicates(EAST_30, 0.6, 4), [0, 2])  # cos 30 = .87, cos 60 = .5, cos 90 - 60 = .87
    np.testing.assert_array_equal(without_duplicates(EAST_30, 0.9, 4), [0, 1, 2, 3])
    np.testing.assert_array_equal(without_duplicates(EAST_30, 0.9, 2), [0, 1])


def test_a_threshold_of_one_keeps_equals_and_one_just_below_does_not():
    twice = np.repeat(np.array([[0.6, 0.8]], dtype=np.float64), 2, axis=0)
    np.testing.assert_array_equal(without_duplicates(twice, 1.0, 2), [0, 1])
    np.testing.assert_array_equal(without_duplicates(twice, 0.999, 2), [0])


def test_hits_are_apart_across_the_antimeridian_and_at_the_pole():
    np.testing.assert_array_equal(apart([0, 0, 0], [179.9, -179.9, 0.0], 100, 3), [0, 2])  # 22 km, then half the globe
    np.testing.assert_array_equal(apart([90, 90, 89], [0, 180, 90], 100, 3), [0, 2])  # one pole, and 112 km from it
    np.testing.assert_array_equal(apart([5, 5], [5, 5], 0, 2), [0, 1])


@given(seeds, counts, st.floats(-1, 1))
def test_no_two_kept_are_duplicates_and_every_one_left_out_is_one_of_a_better(seed, count, threshold):
    _, vectors, _ = world(seed, count)
    kept = without_duplicates(vectors, threshold, count).tolist()
    cosines = vectors @ vectors.T
    for row in range(count):
        better = [other for other in kept if other < row]
        alike = cosines[row, better] > threshold + 1e-6
        assert not alike.any() if row in kept else (cosines[row, better] > threshold - 1e-6).any()


@given(seeds, counts, st.floats(0, 20_000), counts)
def test_no_two_kept_are_near_and_more_candidates_only_add_behind(seed, count, min_km, first):
    _, _, places = world(seed, count)
    lat, lon = places.T
    kept = apart(lat, lon, min_km, count).tolist()
    for row in range(count):
        better = [other for other in kept if other < row]
        near = (geodesic_km(lat[row], lon[row], lat[better], lon[better]) < min_km).any()
        assert near != (row in kept)
    assert apart(lat[:first], lon[:first], min_km, count).tolist() == [row for row in kept if row < first]
    assert apart(lat, lon, min_km, first).tolist() == kept[:first]


def test_mmr_by_hand():
    scores = [0.9, 0.8, 0.5, 0.45]
    # after the first: .5*.8 - .5*.87 = -.03, .5*.5 - .5*.5 = 0, .5*.45 - 0 = .225; then -.03 against .25 - .43 = -.18
    np.testing.assert_array_equal(maximal_marginal_relevance(scores, EAST_30, 4), [0, 3, 1, 2])
    np.testing.assert_array_equal(maximal_marginal_relevance(scores, EAST_30, 2), [0, 3])


def test_mmr_with_relevance_alone_keeps_the_order_and_equal_ones_too():
    np.testing.assert_array_equal(maximal_marginal_relevance([0.5, 0.5, 0.4, 0.4], EAST_30, 9, relevance=1.0), [0, 1, 2, 3])


def test_a_first_hit_of_negative_score_is_still_the_best():
    np.testing.assert_array_equal(maximal_marginal_relevance([-0.5, -0.6], EAST_30[:2], 2), [0, 1])


@given(seeds, counts, counts, st.floats(0, 1))
def test_mmr_equals_the_slow_obvious_loop(seed, count, k, relevance):
    scores, vectors, _ = world(seed, count)
    left, slow = list(range(count)), []
    while left and len(slow) < k:

        def worth(row, before=tuple(slow)):
            alike = max((float(vectors[row] @ vectors[other]) for other in before), default=0.0)
            return relevance * scores[row] - (1 - relevance) * alike

        slow.append(max(left, key=worth))
        left.remove(slow[-1])
    found = maximal_marginal_relevance(scores, vectors, k, relevance)
    assert len(found) == len(slow) == len(set(found.tolist()))
    if relevance > 0.01:  # ties by rounding aside
        np.testing.assert_array_equal(found, slow)


def test_all_three_together_are_one_step():
    vectors = unit([[1, 0, 0], [1, 0.01, 0], [0, 1, 0], [0.9, 0.1, 0.4], [0, 0, 1]])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    places = np.array([[0, 0], [0, 50], [0, 0.1], [0, 90], [0, 120.0]])

    def chosen(k=5, **options):
        return Diversity.parse(options, where="diversity").choose(scores, vectors, places, k).tolist()

    assert chosen() == [0, 1, 2, 3, 4]
    assert chosen(k=2) == [0, 1]
    assert chosen(duplicate=0.99) == [0, 2, 3, 4]
    assert chosen(apart_km=100) == [0, 1, 3, 4]
    assert chosen(duplicate=0.99, apart_km=100) == [0, 3, 4]
    assert chosen(duplicate=0.99, apart_km=100, k=2) == [0, 3]
    assert chosen(duplicate=0.99, apart_km=100, mmr=0.5, k=2) == [0, 4]  # number 3 is much like number 0


def test_what_no_number_can_mean_is_refused():
    with pytest.raises(InputError, match=r"\[-1, 1\], got 2"):
        without_duplicates(EAST_30, 2.0, 3)
    with pytest.raises(InputError, match="at least 0 km, got -1"):
        apart([0], [0], -1.0, 3)
    with pytest.raises(InputError, match=r"\[0, 1\], got 1.5"):
        maximal_marginal_relevance([1.0], EAST_30[:1], 3, 1.5)
    with pytest.raises(InputError, match="got nan"):
        apart([0], [0], float("nan"), 3)
    with pytest.raises(ConfigError, match="unknown setting 'far'"):
        Diversity.parse({"far": 1}, where="diversity")
