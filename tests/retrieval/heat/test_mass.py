"""Probability over cells and the smallest set that holds a share of it."""

import math

import numpy as np
import pytest

from index.errors import InputError
from retrieval.heat.cells import Cells
from retrieval.heat.heat import Heat
from retrieval.heat.mass import probability_mass, smallest_area, smallest_set


def test_the_mass_is_the_softmax_at_the_temperature() -> None:
    cosines = np.array([0.5, 0.5 + 0.07 * math.log(3)])
    np.testing.assert_allclose(probability_mass(cosines, 0.07), [1 / 4, 3 / 4])
    np.testing.assert_allclose(probability_mass(cosines, 0.07 / 2), [1 / 10, 9 / 10])  # half as warm: the ratio squared


def test_a_cell_counts_by_what_it_stands_for() -> None:
    cosines = np.array([0.0, 0.1 * math.log(2)])
    np.testing.assert_allclose(probability_mass(cosines, 0.1, [20, 10]), [0.5, 0.5])


def test_ten_cells_in_a_town_do_not_outweigh_one_in_the_country() -> None:
    places = np.array([(0.0, 0.001 * number) for number in range(10)] + [(0.0, 180.0)])
    heat = Heat(Cells(np.ones((11, 1), dtype=np.float32), places), np.zeros(11, dtype=np.float32))
    assert heat.mass(0.1, by_area=False)[10] == pytest.approx(1 / 11)
    assert Heat(Cells(heat.cells.vectors, places, reach_km=math.inf), heat.cosines).mass(0.1)[10] == pytest.approx(0.5, abs=1e-3)


def test_a_very_low_temperature_does_not_overflow() -> None:
    np.testing.assert_allclose(probability_mass(np.array([1.0, 0.9], dtype=np.float32), 1e-6), [1, 0])


@pytest.mark.parametrize(("share", "rows"), [(0.5, [2]), (0.51, [2, 0]), (0.9, [2, 0, 3]), (0.95, [2, 0, 3]), (1, [2, 0, 3, 1])])
def test_the_smallest_set_takes_the_likeliest_cells_until_the_share_is_held(share: float, rows: list[int]) -> None:
    assert smallest_set(np.array([0.3, 0.05, 0.5, 0.15]), share).tolist() == rows


def test_the_smallest_region_takes_the_densest_cells() -> None:
    assert smallest_set(np.array([0.5, 0.3, 0.2]), 0.45, weights=[100, 1, 1]).tolist() == [1, 2]


@pytest.mark.parametrize("temperature", [0.001, 0.05, 10])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1])
def test_the_smallest_area_is_that_of_the_smallest_set(temperature: float, share: float) -> None:
    rng = np.random.default_rng(5)
    areas = rng.uniform(0.5, 2, 20_000)
    mass = probability_mass(rng.normal(0, 0.1, 20_000).astype(np.float32), temperature, areas)
    assert smallest_area(mass, share, areas) == pytest.approx(areas[smallest_set(mass, share, areas)].sum(), rel=1e-3)


def test_where_all_cells_are_alike_the_smallest_area_is_a_share_of_all() -> None:
    assert smallest_area(np.full(10, 0.1), 0.9, np.full(10, 2.0)) == pytest.approx(18)
    assert smallest_area(np.array([1.0]), 0.9, np.array([3.0])) == 3


def test_of_equal_cells_the_first_rows_are_taken() -> None:
    assert smallest_set(np.full(10, 0.1), 0.3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature must be more than 0"):
        probability_mass(np.zeros(2), temperature)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan]])
def test_weights_that_are_not_positive_or_not_one_for_each_cell_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="one positive weight for each of 2 cells"):
        probability_mass(np.zeros(2), 0.1, weights)


@pytest.mark.parametrize("share", [0, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="share of the mass"):
        smallest_set(np.array([1.0]), share)
