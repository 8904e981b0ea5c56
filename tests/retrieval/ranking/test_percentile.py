"""A percentile is the share of rows that a score beats: exact where all rows are in the sample, near to it otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ranking.percentile import percentiles, sample_rows


def test_a_score_beats_the_share_of_rows_below_it_and_half_of_its_equals():
    sampled = [0.1, 0.2, 0.2, 0.9]
    np.testing.assert_allclose(percentiles([0.0, 0.1, 0.15, 0.2, 0.9, 1.0], sampled), [0, 12.5, 25, 50, 87.5, 100])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.lists(st.floats(-1, 1), max_size=10))
def test_percentiles_equal_the_slow_obvious_count(sampled, scores):
    slow = [100 * np.mean([(each < score) + 0.5 * (each == score) for each in sampled]) for score in scores]
    np.testing.assert_allclose(percentiles(scores, sampled), slow)


def test_a_sample_is_near_to_all_rows_and_nearest_at_the_top():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=200_000)
    rows = sample_rows(len(scores), rng)
    assert len(np.unique(rows)) == 4096
    assert (np.diff(rows) > 0).all()
    middle, top = np.quantile(scores, [0.01, 0.5, 0.9]), np.quantile(scores, [0.998, 0.999, 0.9999])
    np.testing.assert_allclose(percentiles(middle, scores[rows]), percentiles(middle, scores), atol=2.2)
    np.testing.assert_allclose(percentiles(top, scores[rows]), percentiles(top, scores), atol=0.2)


def test_a_small_modality_is_taken_whole():
    np.testing.assert_array_equal(sample_rows(5, np.random.default_rng(0)), np.arange(5))


def test_percentiles_among_nothing_are_our_own_mistake():
    with pytest.raises(ValueError, match="at least one"):
        percentiles([0.5], [])
