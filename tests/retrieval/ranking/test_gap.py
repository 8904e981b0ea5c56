"""The gap between two modalities and what centring does to finding one from the other, in worlds drawn on a circle."""

import numpy as np
import pytest

from index.errors import InputError
from retrieval.ranking.gap import Side, centroid_distance, measure_gap
from tests.worlds import unit

RNG = np.random.default_rng(0)
FAR_APART = np.array([[0.0, 0.0], [0.0, 30.0], [0.0, 60.0]])


def tilted(lean: float) -> Side:
    """Three places in three directions around the vertical, all leaning on one more axis: the cone of a modality."""
    angles = np.radians([0, 120, 240])
    flat = np.stack([np.cos(angles), np.sin(angles), np.full(3, 0.0), np.full(3, 0.0)], axis=1)
    flat[:, 2 if lean > 0 else 3] = abs(lean)
    return Side(unit(flat), FAR_APART)


def test_the_gap_is_the_distance_of_the_centroids():
    assert centroid_distance(np.array([[1.0, 0], [0, 1]]), np.array([[-1.0, 0], [0, -1]])) == pytest.approx(2**0.5)
    assert centroid_distance(np.eye(2), np.eye(2)[::-1]) == 0


def test_two_cones_that_lean_apart_come_together():
    gap = measure_gap(tilted(1.0), tilted(-1.0), RNG, k=1)
    assert gap.distance == pytest.approx(1.0)  # sqrt(1/2) along each of two axes
    assert gap.distance_centred == pytest.approx(0, abs=1e-6)
    assert gap.found == gap.found_centred == 1
    assert gap.as_dict()["queries"] == 3


def test_calibration_finds_what_a_hub_had_hidden():
    # The first row leans far towards the queries, so it is everybody's best until each modality is seen from its own mean.
    asking = tilted(1.0)
    rows = asking.vectors.astype(np.float64) * [1, 1, 0, 0] + np.array([[0, 0, 3.0, 0.5], [0, 0, 0, 0.5], [0, 0, 0, 0.5]])
    answering = Side(unit(rows), FAR_APART)
    gap = measure_gap(asking, answering, RNG, k=1)
    assert gap.found == pytest.approx(1 / 3)
    assert gap.found_centred == 1


def test_found_means_a_row_within_the_radius_across_the_antimeridian():
    vectors = unit([[1, 0.1], [0.1, 1], [-1, -1]])
    asking = Side(vectors, np.array([[0, 179.9], [0, 0], [0, 90]]))
    answering = Side(vectors, np.array([[0, -179.9], [0, 3], [0, 90]]))  # 22, 334 and 0 km away
    assert measure_gap(asking, answering, RNG, k=1, radius_km=100).found == pytest.approx(2 / 3)
    assert measure_gap(asking, answering, RNG, k=1, radius_km=10).found == pytest.approx(1 / 3)
    assert measure_gap(asking, answering, RNG, k=3, radius_km=10).found == pytest.approx(1 / 3)
    assert measure_gap(asking, answering, RNG, k=99, radius_km=340).found == 1


def test_many_queries_in_parts_and_a_sample_of_them_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    vectors, places = unit(rng.normal(size=(40, 5))), np.stack([rng.uniform(-60, 60, 40), rng.uniform(-180, 180, 40)], axis=1)
    side, other = Side(vectors, places), Side(unit(vectors + 0.5), places)
    whole = measure_gap(side, other, RNG, k=2)
    monkeypatch.setattr("retrieval.ranking.gap.CHUNK", 7)
    assert measure_gap(side, other, RNG, k=2) == whole
    assert measure_gap(side, other, RNG, k=2, sample=5).queries == 5


def test_an_empty_side_is_refused():
    empty = Side(np.empty((0, 4), dtype=np.float32), np.empty((0, 2)))
    with pytest.raises(InputError, match="two modalities"):
        measure_gap(tilted(1.0), empty, RNG)
    with pytest.raises(InputError, match="two modalities"):
        measure_gap(tilted(1.0), tilted(-1.0), RNG, k=0)
