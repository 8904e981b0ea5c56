"""Where the pixels of world maps and web tiles lie."""

import numpy as np
import pytest
from pyproj import Transformer

from index.errors import InputError
from index.geo import fibonacci_sphere
from retrieval.heat.cells import Cells
from retrieval.heat.grids import MercatorTile, WorldGrid
from retrieval.heat.heat import Heat

HALF_M = 20037508.342789244  # half the side of the Web Mercator world


def test_pixels_of_the_world_lie_in_the_middle_of_their_squares() -> None:
    grid = WorldGrid(4, 2)
    np.testing.assert_allclose(grid.lat, [45, -45])
    np.testing.assert_allclose(grid.lon, [-135, -45, 45, 135])


@pytest.mark.parametrize("tile", [(0, 0, 0), (3, 7, 2), (12, 2200, 1400)])
def test_pixels_of_a_tile_lie_where_proj_has_them(tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    steps = np.arange(256) + 0.5
    pixel_m = 2 * HALF_M / (256 * 2**z)
    east, north = (x * 256 + steps) * pixel_m - HALF_M, HALF_M - (y * 256 + steps) * pixel_m
    lon, lat = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True).transform(east, north)
    np.testing.assert_allclose(MercatorTile(*tile).lat, lat, atol=1e-9)
    np.testing.assert_allclose(MercatorTile(*tile).lon, lon, atol=1e-9)


def test_a_pixel_is_as_large_as_the_world_makes_it() -> None:
    assert MercatorTile(0, 0, 0).half_diagonal_km[127] == pytest.approx(40_030 / 256 / 2 * 2**0.5, rel=0.001)  # at the equator
    tile = MercatorTile(2, 0, 0)  # to 85 N: degrees of latitude and longitude shrink alike
    np.testing.assert_allclose(tile.half_diagonal_km, np.cos(np.radians(tile.lat)) * 40_030 / 1024 / 2 * 2**0.5, rtol=0.001)
    assert WorldGrid(36, 18).half_diagonal_km[0] == pytest.approx(111.195 * 5, rel=0.01)  # at a pole only the height is left


@pytest.mark.parametrize("tile", [(-1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 4, 0), (2, 0, 4), (2, -1, 0), (2, 0, -1), (23, 0, 0)])
def test_a_tile_that_does_not_exist_is_refused(tile: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="lie in"):
        MercatorTile(*tile)


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (100_000, 50_000)])
def test_a_world_without_pixels_or_with_too_many_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="between 1 and"):
        WorldGrid(*size)


def regions() -> Heat:
    """16 cells with scores of their own, so that either kind of grid shows large even regions."""
    lat, lon = fibonacci_sphere(16)
    return Heat(Cells(np.ones((16, 1), dtype=np.float32), np.stack([lat, lon], axis=1)), np.arange(16, dtype=np.float32) / 16)


def test_the_tiles_of_a_zoom_together_show_what_the_world_map_shows() -> None:
    heat, size = regions(), 1440
    world = heat.raster(WorldGrid(size, size // 2))
    same = np.ones_like(world, dtype=bool)  # as all around: there the place in a pixel does not matter
    for shift in (-1, 1):
        same[1:-1] &= world[1:-1] == np.roll(world, shift, axis=0)[1:-1]
        same &= world == np.roll(world, shift, axis=1)
    for x in range(4):
        for y in range(4):
            tile = MercatorTile(2, x, y)
            rows = np.floor((90 - tile.lat) / 180 * size / 2).astype(int)[:, None]
            columns = np.floor((tile.lon + 180) / 360 * size).astype(int)[None, :]
            inside = same[rows, columns]
            assert inside.mean() > 0.9
            np.testing.assert_array_equal(heat.raster(tile)[inside], world[rows, columns][inside])


def test_tiles_on_both_sides_of_the_antimeridian_fit_together() -> None:
    places = np.array([(0.0, 180.0), (0.0, 0.0), (0.0, 90.0), (0.0, -90.0)])
    heat = Heat(Cells(np.ones((4, 1), dtype=np.float32), places), np.array([0.9, 0.1, 0.2, 0.3], dtype=np.float32))
    west, east = heat.raster(MercatorTile(3, 0, 3), "cosine"), heat.raster(MercatorTile(3, 7, 3), "cosine")
    assert (west == np.float32(0.9)).all()  # 180 W to 135 W
    assert (east == np.float32(0.9)).all()  # 135 E to 180 E
    assert np.unique(heat.raster(MercatorTile(3, 1, 3), "cosine")) == pytest.approx([0.3])
