"""Which cell is nearest to a pixel, how far a cell reaches, and how much of the world it stands for."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import InputError
from index.geo import chord_of_km, fibonacci_sphere, great_circle_km, unit_xyz
from retrieval.heat.cells import NO_DATA, Cells
from retrieval.heat.grids import MercatorTile, WorldGrid


def cells_at(*places: tuple[float, float], reach_km: float | None = math.inf) -> Cells:
    return Cells(np.ones((len(places), 2), dtype=np.float32), np.array(places, dtype=np.float64), reach_km=reach_km)


def km_from(place: tuple[float, float], grid: WorldGrid) -> npt.NDArray[np.float64]:
    """[H, W]"""
    lat, lon = np.meshgrid(grid.lat, grid.lon, indexing="ij")
    return great_circle_km(lat.ravel(), lon.ravel(), [place[0]], [place[1]]).reshape(lat.shape)


@pytest.mark.parametrize("grid", [WorldGrid(72, 36), MercatorTile(0, 0, 0), MercatorTile(3, 7, 0)])
def test_every_pixel_has_the_cell_that_is_nearest_on_the_sphere(grid: WorldGrid) -> None:
    lat, lon = fibonacci_sphere(300)
    found = cells_at(*zip(lat, lon, strict=True)).rows_on(grid)
    pixels = unit_xyz(*np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    np.testing.assert_array_equal(found, np.argmax(pixels @ unit_xyz(lat, lon).T, axis=-1))


def test_the_antimeridian_is_no_edge() -> None:
    found = cells_at((0, 175), (0, -160)).rows_on(WorldGrid(360, 180))[90]  # the row of 0.5 S
    # Between the cells lie 25 degrees: to -172.5 it is nearer to 175 E. Column 0 is -180 to -179.
    assert found[[359, 0, 6]].tolist() == [0, 0, 0]
    assert found[[8, 20]].tolist() == [1, 1]


def test_at_a_pole_all_longitudes_meet() -> None:
    found = cells_at((89.9, 10), (80, 0), (80, 90), (80, 180), (80, -90)).rows_on(WorldGrid(360, 180))
    assert (found[0] == 0).all()  # 89.5 N


def test_pixels_beyond_the_reach_of_every_cell_have_no_data() -> None:
    grid = WorldGrid(360, 180)
    found = cells_at((60, 179.5), reach_km=700).rows_on(grid)
    np.testing.assert_array_equal(found == NO_DATA, km_from((60, 179.5), grid) > 700)
    assert (found == 0).sum() > 100


def test_a_pixel_that_is_larger_than_the_reach_has_data_where_a_cell_may_lie_in_it() -> None:
    grid = WorldGrid(36, 18)
    found = cells_at((10.1, 30.1), reach_km=1).rows_on(grid)  # in a corner of the pixel of 15 N, 35 E
    assert found[7, 21] == 0
    assert (found[km_from((10.1, 30.1), grid) > 800] == NO_DATA).all()  # half its diagonal is 786 km at the equator


def test_by_default_cells_reach_half_as_far_again_as_to_their_neighbours() -> None:
    grid_deg = np.arange(0, 31, 2.0)
    cells = cells_at(*((lat, lon) for lat in grid_deg for lon in grid_deg), reach_km=None)
    assert cells.reach_km == pytest.approx(1.5 * 2 * 111.195, rel=0.001)
    found = cells.rows_on(WorldGrid(360, 180))
    assert (found[60:90, 180:210] != NO_DATA).all()  # 0 to 30 N, 0 to 30 E
    assert (found[:, 220:] == NO_DATA).all()


def test_a_single_cell_reaches_everywhere() -> None:
    assert (cells_at((10, 20), reach_km=None).rows_on(WorldGrid(36, 18)) == 0).all()


@pytest.mark.parametrize("make", [lambda: WorldGrid(20, 10), lambda: MercatorTile(1, 0, 1)])
def test_what_was_found_for_a_grid_is_kept(make) -> None:
    cells = cells_at((0, 0), (10, 10))
    assert cells.rows_on(make()) is cells.rows_on(make())


def test_a_cell_stands_for_the_area_that_is_nearest_to_it() -> None:
    axes = cells_at((0, 0), (0, 90), (0, 180), (0, -90), (90, 0), (-90, 0))
    np.testing.assert_allclose(axes.area_shares, 1 / 6, atol=1e-4)
    # One cell more in the middle of two others: a lune of 90 degrees becomes two halves of it and one of 45 degrees.
    uneven = cells_at((0, 0), (0, 90), (0, 180), (0, -90), (0, 45))
    np.testing.assert_allclose(uneven.area_shares, np.array([67.5, 67.5, 90, 90, 45]) / 360, atol=1e-4)


def test_what_no_cell_reaches_is_not_counted() -> None:
    quarter_km = math.pi / 2 * 6371.0088
    assert cells_at((33, 44), reach_km=quarter_km).area_shares[0] == pytest.approx(0.5, abs=1e-4)


def test_a_cell_in_the_place_of_another_has_a_little_area_and_not_none() -> None:
    shares = cells_at((0, 0), (0, 0), (0, 180)).area_shares
    assert shares.min() > 0
    assert shares[0] + shares[1] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(("km", "chord"), [(0, 0), (6371.0088 * math.pi / 3, 1), (6371.0088 * math.pi, 2), (math.inf, 2)])
def test_the_chord_of_a_distance(km: float, chord: float) -> None:
    assert chord_of_km(km) == pytest.approx(chord)


@pytest.mark.parametrize("places", [np.zeros((3, 2)), np.zeros((2, 3)), np.zeros(2)])
def test_places_that_do_not_match_the_vectors_are_refused(places: npt.NDArray[np.float64]) -> None:
    with pytest.raises(InputError, match=r"places \[N, 2\]"):
        Cells(np.ones((2, 4), dtype=np.float32), places)


def test_no_cells_at_all_and_a_reach_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="at least one cell"):
        Cells(np.ones((0, 4), dtype=np.float32), np.zeros((0, 2)))
    with pytest.raises(InputError, match="more than 0 km, got 0"):
        cells_at((0, 0), reach_km=0)
