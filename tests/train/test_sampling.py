"""Drawing batches: stateless, without replacement, and with dense regions held back by the square root."""

from collections import Counter

import numpy as np
import pytest

from train.sampling import block_weights, draw

EVEN = np.full(50, 1 / 50)


def test_a_record_weighs_one_over_the_root_of_how_many_share_its_block() -> None:
    """Four records in one 5 degree block, one alone: 1/2, 1/2, 1/2, 1/2 and 1, divided by their sum of 3."""
    weights = block_weights([48.1, 48.2, 48.3, 49.9, -20.0], [16.1, 16.2, 16.3, 19.9, 100.0])
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 3])


def test_a_block_four_times_as_dense_is_drawn_twice_as_often_as_a_whole() -> None:
    lat, lon = [10.5] * 16 + [40.5] * 4, [10.5] * 20
    weights = block_weights(lat, lon)
    assert weights[:16].sum() == pytest.approx(2 * weights[16:].sum())
    assert weights.sum() == pytest.approx(1)


def test_blocks_do_not_reach_over_their_edge_but_over_the_antimeridian_180_is_minus_180() -> None:
    np.testing.assert_allclose(block_weights([4.999, 5.0], [2.0, 2.0]), [0.5, 0.5])
    lone_and_pair = block_weights([1.0, 1.0, 1.0], [180.0, -180.0, 90.0])
    np.testing.assert_allclose(lone_and_pair, np.array([1, 1, np.sqrt(2)]) / (2 + np.sqrt(2)))


def test_the_poles_have_a_weight_like_any_other_place() -> None:
    np.testing.assert_allclose(block_weights([90.0, -90.0, 0.0], [0.0, 0.0, 0.0]), [1 / 3] * 3)


def test_the_same_seed_and_step_draw_the_same_whatever_was_drawn_before() -> None:
    alone = draw(EVEN, 10, seed=3, step=7, stream=0)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    for step in range(7):
        draw(EVEN, 10, seed=3, step=step, stream=0)
    np.testing.assert_array_equal(draw(EVEN, 10, seed=3, step=7, stream=0), alone)


@pytest.mark.parametrize("other", [{"seed": 4}, {"step": 8}, {"stream": 1}])
def test_another_seed_step_or_stream_draws_others(other: dict[str, int]) -> None:
    here = {"seed": 3, "step": 7, "stream": 0}
    assert draw(EVEN, 10, **here).tolist() != draw(EVEN, 10, **{**here, **other}).tolist()


def test_seed_and_step_are_not_simply_added() -> None:
    assert draw(EVEN, 10, seed=1, step=0, stream=0).tolist() != draw(EVEN, 10, seed=0, step=1, stream=0).tolist()


def test_no_record_comes_twice_in_a_batch() -> None:
    uneven = np.array([0.9] + [0.1 / 19] * 19)
    for step in range(200):
        rows = draw(uneven, 15, seed=0, step=step, stream=0)
        assert len(rows) == len(set(rows.tolist())) == 15
        assert 0 <= rows.min() <= rows.max() < 20


@pytest.mark.parametrize("size", [5, 6, 1000])
def test_with_fewer_records_than_the_batch_all_come_once_shuffled(size: int) -> None:
    draws = [tuple(draw(np.full(5, 0.2), size, seed=0, step=step, stream=0).tolist()) for step in range(20)]
    assert all(sorted(rows) == [0, 1, 2, 3, 4] for rows in draws)
    assert len(set(draws)) > 10


def test_every_record_is_reached_although_the_batch_does_not_divide_them() -> None:
    seen = {row for step in range(60) for row in draw(EVEN, 7, seed=0, step=step, stream=0).tolist()}
    assert seen == set(range(50))


def test_pairs_come_as_often_as_drawing_one_after_the_other_by_weight_would_give() -> None:
    """P(i, then j) = w_i * w_j / (1 - w_i), by hand for three records; 20,000 draws leave a standard error below 0.0035."""
    w = np.array([0.5, 0.3, 0.2])
    n = 20_000
    counts = Counter(tuple(draw(w, 2, seed=11, step=step, stream=0).tolist()) for step in range(n))
    for i in range(3):
        for j in range(3):
            expected = 0.0 if i == j else w[i] * w[j] / (1 - w[i])
            assert counts[i, j] / n == pytest.approx(expected, abs=0.015), (i, j)
