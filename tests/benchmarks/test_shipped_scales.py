"""Coarse pictures at several scales: every pixel shows the ground that it should, at any latitude and across the antimeridian."""

import io
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.shipped_data import TILE_PX, TILES_AROUND, down_in_mercator
from benchmarks.shipped_scales import MEASURED_KM, SIDE_PX, Mosaic, square_around, tile_around
from index.geo import geodesic_km, moved

SEA, LAND, SNOW = (0, 0, 200), (200, 100, 0), (250, 250, 250)


def world(folder: Path, tiles: dict[tuple[int, int], tuple[int, int, int]]) -> Mosaic:
    """Web mercator tiles (column and row from the north) of one colour each, the rest is sea."""
    with sqlite3.connect(folder / "world.mbtiles") as file:
        file.execute("create table tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)")
        for (column, row), colour in tiles.items():
            body = io.BytesIO()
            Image.new("RGB", (TILE_PX, TILE_PX), colour).save(body, "JPEG", quality=100, subsampling=0)
            file.execute("insert into tiles values (7, ?, ?, ?)", (column, TILES_AROUND - 1 - row, body.getvalue()))
    Image.new("RGB", (360, 180), SEA).save(folder / "globe.png")
    return Mosaic(folder / "world.mbtiles", folder / "globe.png")


def row_of(lat: float) -> int:
    return int(down_in_mercator(np.array(lat)) * TILES_AROUND)


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (47.5, 11.0), (71.0, 179.95), (-83.9, -120.0)])
def test_points_of_a_square_are_as_far_to_the_north_and_east_as_asked(lat: float, lon: float) -> None:
    offsets_km = np.array([-300.0, -10.0, 10.0, 300.0])
    lats, lons = square_around(lat, lon, offsets_km)
    north, east = np.meshgrid(offsets_km[::-1], offsets_km, indexing="ij")  # the first row is the northernmost
    should_lat, should_lon = moved(lat, lon, np.degrees(np.arctan2(east, north)), np.hypot(east, north))
    assert geodesic_km(lats, lons, should_lat, should_lon).max() < 0.007 * 424, "the sphere is off the ellipsoid by .7 %"
    assert (np.abs(lons) <= 180).all()


def test_a_square_around_a_place_near_the_pole_reaches_beyond_it() -> None:
    lats, lons = square_around(89.0, 20.0, np.array([-222.0, 0.0, 222.0]))
    assert lats[:, 1].round(1).tolist() == [89.0, 89.0, 87.0]
    assert lons[:, 1].round(1).tolist() == [-160.0, 20.0, 20.0]


@pytest.mark.parametrize("scale_km", MEASURED_KM)
def test_a_tile_at_the_antimeridian_shows_both_sides_of_it(tmp_path: Path, scale_km: float) -> None:
    row = row_of(-17.0)
    sides = {(column, row + more): LAND if column > 1 else SNOW for column in (126, 127, 0, 1) for more in (-1, 0, 1)}
    tile = tile_around(world(tmp_path, sides), -17.0, 180.0, scale_km)
    assert tile.pixels.shape == (3, SIDE_PX, SIDE_PX)
    middle = tile.pixels[:, SIDE_PX // 2].T
    np.testing.assert_allclose(middle[SIDE_PX // 2 - 4 : SIDE_PX // 2], [LAND] * 4, atol=3)
    np.testing.assert_allclose(middle[SIDE_PX // 2 : SIDE_PX // 2 + 4], [SNOW] * 4, atol=3)


def test_what_has_no_tile_is_sea_and_a_coast_is_where_its_latitude_says(tmp_path: Path) -> None:
    row, column = row_of(60.0), TILES_AROUND // 2
    south = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (row + 1) / TILES_AROUND))))  # of the tile's southern edge
    tile = tile_around(world(tmp_path, {(column, row): LAND}), float(south), 1.4, 1.2)
    np.testing.assert_allclose(tile.pixels[:, : SIDE_PX // 2].reshape(3, -1).T, [LAND] * (SIDE_PX**2 // 2), atol=3)
    assert (tile.pixels[:, SIDE_PX // 2 :].reshape(3, -1).T == SEA).all()


def test_a_pixel_is_the_mean_of_its_ground(tmp_path: Path) -> None:
    """A finer and a coarser picture of the same checkered ground have the same mean."""
    globe = world(tmp_path, {(64 + across, 63 - up): LAND if (across + up) % 2 else SNOW for across in range(4) for up in range(4)})
    whole = tile_around(globe, 5.6, 5.6, 20.0).pixels.astype(float)
    fine = tile_around(globe, 5.6, 5.6, 10.0).pixels.astype(float)
    coarser = fine.reshape(3, SIDE_PX // 2, 2, SIDE_PX // 2, 2).mean(axis=(2, 4))
    quarter = SIDE_PX // 4
    difference = np.abs(whole[:, quarter:-quarter, quarter:-quarter] - coarser)
    assert np.median(difference) < 2
    assert difference.mean() < 5, "but where a pixel has a border in it"
