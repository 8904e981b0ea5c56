"""Neighbours across modalities: mutual ones, and how mixed the clouds are, against hand-made worlds and slow loops."""

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import InputError
from index.geo import geodesic_km
from retrieval.atlas.clouds import measure_clouds, mixing
from retrieval.atlas.neighbours import SAMPLE, measure_mutual, mutual
from retrieval.ranking.gap import Side
from tests.worlds import one_hot, unit

RNG = np.random.default_rng(0)


def drawn(count: int, *, lean: npt.ArrayLike = 0.0, seed: int = 0) -> npt.NDArray[np.float32]:
    """Unit vectors [count, 12] around the mean ``lean``."""
    return unit(np.random.default_rng(seed).normal(size=(count, 12)) + lean)


def side(vectors: npt.NDArray[np.float32]) -> Side:
    lat = np.linspace(-50, 50, len(vectors))
    return Side(vectors, np.stack([lat, 2 * lat], axis=1))


def test_a_neighbour_is_mutual_if_few_others_are_nearer_to_it() -> None:
    asking = Side(one_hot(0, 1, 2), np.array([(0.0, 0.0), (10.0, 0.0), (20.0, 0.0)]))
    answering = Side(one_hot(0, 1), np.array([(0.0, 179.0), (10.0, 1.0)]))
    # The third fits neither, and gets the first; to that one the first of those that ask is nearer.
    found = mutual("articles", asking, "tiles", answering, 1)
    assert (found.mutual, found.chance, found.records) == (pytest.approx(2 / 3), pytest.approx(1 / 3), 3)
    assert mutual("articles", asking, "tiles", answering, 2).mutual == 1
    km = geodesic_km([0.0, 10.0, 20.0], 0.0, [0.0, 10.0, 0.0], [179.0, 1.0, 179.0])
    assert found.median_km == pytest.approx(np.median(km))


def test_mutual_neighbours_are_those_that_a_slow_loop_finds() -> None:
    one, other = drawn(60), drawn(45, seed=1)
    slow = 0
    for row, vector in enumerate(one):
        nearest = max(range(45), key=lambda at: float(other[at] @ vector))
        back = sorted(range(60), key=lambda at: -float(one[at] @ other[nearest]))
        slow += row in back[:4]
    found = measure_mutual({"articles": side(one), "tiles": side(other)}, k=4)
    assert found[0].mutual == pytest.approx(slow / 60)
    assert [(each.one, each.other) for each in found] == [("articles", "tiles"), ("tiles", "articles")]


def test_of_many_records_a_sample_is_compared() -> None:
    many = side(drawn(SAMPLE + 100))
    found = measure_mutual({"articles": many, "locations": many})
    assert found[0].records == SAMPLE
    assert found[0].chance == pytest.approx(10 / SAMPLE)


def test_neighbours_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="got none of one"):
        mutual("articles", side(drawn(0)), "tiles", side(drawn(5)), 1)


def test_clouds_in_one_place_mix_as_chance_has_it_and_clouds_apart_not_at_all() -> None:
    assert mixing(drawn(400), drawn(400, seed=1)) == pytest.approx(1, abs=0.05)
    assert mixing(drawn(400, lean=9), drawn(400, lean=-9, seed=1)) == 0


def test_pairs_that_are_nearer_to_each_other_than_to_their_own_mix_more_than_by_chance() -> None:
    # Of 2 and 2 records the nearest of each is of the other: 1, by chance 2 in 3.
    assert mixing(one_hot(0, 1), one_hot(0, 1)) == pytest.approx(1.5)


def test_the_larger_cloud_does_not_crowd_out_the_smaller() -> None:
    assert mixing(drawn(1500), drawn(60, seed=1)) == pytest.approx(1, abs=0.15)


def test_calibration_moves_two_cones_into_each_other() -> None:
    cones = {"articles": drawn(300, lean=2), "tiles": drawn(300, lean=-2, seed=1), "locations": drawn(300, lean=2, seed=2)}
    articles_tiles, articles_locations, _ = measure_clouds(cones)
    assert (articles_tiles.one, articles_tiles.other) == ("articles", "tiles")
    assert articles_tiles.distance > 1.5
    assert articles_tiles.distance_centred < 0.1
    assert articles_tiles.mixing == 0
    assert articles_tiles.mixing_centred == pytest.approx(1, abs=0.1)
    assert articles_locations.mixing == pytest.approx(1, abs=0.1)


def test_clouds_of_one_record_are_refused() -> None:
    with pytest.raises(InputError, match="2 records or more"):
        mixing(drawn(1), drawn(50))
