"""Scores, percentiles and peaks. In most of these worlds a cell's vector is its point on the unit sphere, a query a direction."""

import numpy as np
import pytest
from scipy.stats import rankdata

from index.errors import InputError
from index.geo import fibonacci_sphere, great_circle_km, unit_xyz
from retrieval.heat.cells import Cells
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat import Heat, best_cosines, heat_of

SPACING_KM = 506  # of 2,000 even cells: a square of that side has 1/2,000 of the sphere


def sphere_of(count: int = 2000) -> Cells:
    lat, lon = fibonacci_sphere(count)
    return Cells(unit_xyz(lat, lon).astype(np.float32), np.stack([lat, lon], axis=1))


def along_the_equator(*cosines: float) -> Heat:
    """Cells every 10 degrees (1,112 km) from 0 to the east."""
    places = np.array([(0.0, 10.0 * number) for number in range(len(cosines))])
    return Heat(Cells(np.ones((len(cosines), 1), dtype=np.float32), places), np.array(cosines, dtype=np.float32))


@pytest.mark.parametrize(("lat", "lon"), [(48.2, 16.4), (0, 180), (-17, -179.9), (90, 0), (-90, 77)])
def test_the_map_and_the_first_peak_are_hottest_where_the_query_points(lat: float, lon: float) -> None:
    heat, grid = heat_of(sphere_of(), unit_xyz(lat, lon)), WorldGrid(360, 180)
    picture = heat.raster(grid)
    row, column = np.unravel_index(np.argmax(picture), picture.shape)
    assert great_circle_km(grid.lat[[row]], grid.lon[[column]], [lat], [lon]).item() < SPACING_KM
    (peak,) = heat.peaks(count=1)
    assert great_circle_km([peak.place.lat], [peak.place.lon], [lat], [lon]).item() < SPACING_KM
    assert peak.percentile == 100
    assert peak.cosine == pytest.approx(1, abs=0.01)


def test_the_map_is_coldest_on_the_other_side_of_the_world() -> None:
    picture = heat_of(sphere_of(), unit_xyz(45, 175)).raster(WorldGrid(36, 18), "cosine")
    assert np.unravel_index(np.argmin(picture), picture.shape) == (13, 17)  # the pixel of 45 S, 5 W
    assert picture.min() == pytest.approx(-1, abs=0.02)


def test_outside_is_the_probability_at_no_denser_places() -> None:
    heat = along_the_equator(0.2, 0.0, 0.1)
    heat.cells.area_shares = np.full(3, 1 / 3)
    warm = Heat(heat.cells, heat.cosines, temperature=0.1 / np.log(3))  # masses of 9, 1 and 3 thirteenths
    np.testing.assert_allclose(warm.outside, [100, 100 / 13, 400 / 13], rtol=1e-5)
    assert warm.raster(WorldGrid(36, 18), "probability")[9, 18] == pytest.approx(100)


def test_without_a_temperature_there_is_no_probability_to_draw() -> None:
    with pytest.raises(InputError, match="no temperature"):
        along_the_equator(0.2, 0.1).png(WorldGrid(36, 18), scale="probability")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_cosines_are_the_inner_products(dtype: type) -> None:
    vectors = np.random.default_rng(0).normal(size=(10_000, 7)).astype(dtype)  # more than two chunks
    query = np.linspace(-1, 1, 7, dtype=np.float32)
    slow = [sum(float(a) * float(b) for a, b in zip(vector, query, strict=True)) for vector in vectors]
    np.testing.assert_allclose(best_cosines(vectors, query), slow, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_of_several_queries_the_nearest_counts(dtype: type) -> None:
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=dtype)
    found = best_cosines(vectors, np.array([[1, 0], [0, 1]], dtype=np.float32))
    np.testing.assert_allclose(found, [1, 1, 0, 0.8], atol=1e-3)


@pytest.mark.parametrize("query", [[1.0, 2.0], [[1.0], [2.0]], [np.nan, 0, 0], [[[1.0, 0, 0]]], np.empty((0, 3))])
def test_a_query_of_another_size_or_without_numbers_is_refused(query: list[float]) -> None:
    with pytest.raises(InputError, match="expected finite queries of 3 numbers"):
        heat_of(sphere_of(10), np.array(query))


def test_a_percentile_is_the_percentage_of_the_others_that_are_beaten_and_half_of_those_tied() -> None:
    heat = along_the_equator(0.1, 0.4, 0.2, 0.2, 0.3)
    np.testing.assert_allclose(heat.percentiles, [0, 100, 37.5, 37.5, 75])


@pytest.mark.parametrize("cosines", [(0.3,), (0.3, 0.3, 0.3)])
def test_where_nothing_differs_every_percentile_is_the_middle(cosines: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(along_the_equator(*cosines).percentiles, 50)


@pytest.mark.parametrize("spread", [0.1, 1e-40])
def test_percentiles_are_the_ranks_of_a_sort(spread: float) -> None:
    cosines = np.random.default_rng(0).normal(size=50_000) * spread
    found = along_the_equator(*cosines).percentiles
    np.testing.assert_allclose(found, (rankdata(cosines.astype(np.float32)) - 1) / 499.99, atol=1e-2)
    assert found.min() == 0
    assert found.max() == 100


def test_the_flank_of_a_peak_is_no_peak_however_high_and_far() -> None:
    heat = along_the_equator(0.1, 0.9, 0.8, 0.7, 0.2, 0.6, 0.1)
    # 0.7 is 2,224 km from 0.9, but has 0.8 within 1,500 km, which itself is hidden by 0.9.
    assert [peak.row for peak in heat.peaks(min_km=1500)] == [1, 5]
    assert [peak.place.lon for peak in heat.peaks(min_km=1500)] == [10, 50]
    assert [peak.row for peak in heat.peaks(min_km=1000)] == [1, 2, 3, 5, 4, 0, 6]  # nothing is nearer than that
    assert [peak.row for peak in heat.peaks(2, min_km=1000)] == [1, 2]


@pytest.mark.parametrize(("decimals", "min_km"), [(6, 2000), (1, 2000), (0, 900), (-1, 3000)])
def test_peaks_are_the_cells_that_none_around_them_beats(decimals: int, min_km: float) -> None:
    """Around both poles and the antimeridian; the fewer decimals the more ties, -1 makes all alike: the first row wins."""
    cells = sphere_of(400)
    cosines = np.random.default_rng(1).normal(size=400).round(decimals).astype(np.float32)
    lat, lon = cells.places.T
    near = great_circle_km(lat, lon, lat, lon) <= min_km
    best = [min(np.flatnonzero(each), key=lambda row: (-cosines[row], row)) for each in near]
    slow = sorted((row for row in range(400) if best[row] == row), key=lambda row: (-cosines[row], row))
    for count in (1, 3, 400):
        assert [peak.row for peak in Heat(cells, cosines).peaks(count, min_km=min_km)] == slow[:count]
    assert slow


def test_half_way_around_the_world_there_is_room_for_one_peak() -> None:
    assert [peak.row for peak in along_the_equator(0.1, 0.3, 0.2).peaks(min_km=1e6)] == [1]


@pytest.mark.parametrize(("count", "min_km"), [(0, 500), (3, 0), (3, float("nan"))])
def test_no_peaks_or_no_distance_are_refused(count: int, min_km: float) -> None:
    with pytest.raises(InputError, match="at least 1 peak"):
        along_the_equator(0.1, 0.2).peaks(count, min_km=min_km)


def test_a_notebook_shows_heat_as_a_picture() -> None:
    assert heat_of(sphere_of(50), unit_xyz(48.2, 16.4))._repr_png_().startswith(b"\x89PNG")
