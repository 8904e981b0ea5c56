"""Coarse pictures at several scales: NASA's Blue Marble at random places on land, with pixels of 1.2 to 20 km on the ground.

The demo's coarse tiles have pixels of 7.4 km. A picture that somebody asks with may have any, so a tower has to be measured, and
perhaps taught, at others. A tile is a square of 32 pixels around its place, north up, in the azimuthal equidistant projection of
the place: distances from the centre are true at every latitude. Colours are from the tiles of ../shared/data in web mercator
(1.2 km a pixel at the equator); the open sea, which has none, is filled from the picture of 7.4 km.
"""

import io
import math
from collections.abc import Container, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.shipped_data import TILE_PX, TILES_AROUND, down_in_mercator, held_out_blocks, opened_tiles
from index.geo import MEAN_RADIUS_KM, block_of, uniform_on_sphere, wrap_lon
from index.imagery.sensors import NASA_COARSE
from index.places.packaged import is_land
from index.records import Modality, Place, Tile
from index.slices import in_report_block
from index.sources.names import BLOCK_DEG

SCALES_KM = (1.2, 2.5, 5.0, 10.0, 20.0)
MEASURED_KM = (*SCALES_KM, 7.4)  # the last is that of the demo's tiles, from another edition of Blue Marble
SIDE_PX = 32
SAMPLES = 4  # along a pixel's side
REDUCTIONS = {1.2: 1, 2.5: 1, 5.0: 2, 7.4: 2, 10.0: 4, 20.0: 8}  # of the mercator tiles, to at least two pixels in one of the tile
PLACES = {"train": 6_000, "val": 400, "report": 400}
CANDIDATES = 120_000
FARTHEST = 84.0  # degrees of latitude: the mercator tiles end at 85
CACHED_TILES = 600
BLACK_PX = 5  # the last columns before 180 E are, in all tiles, and would tell a tile of the antimeridian


class Scales:
    """A source of tiles, each split of its own blocks of 5 degrees, as in all tables of ../shared/data."""

    modality: Modality = "tiles"
    key = ""

    def __init__(self, data: Path) -> None:
        self.globe = Mosaic(data / "coarse/bluemarble_z7_land.mbtiles", data / "coarse/bmng_summer_5400x2700.jpg")
        self.shut = held_out_blocks(data)
        self.total: int | None = len(SCALES_KM) * sum(PLACES.values())

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile]:
        for scale_km in SCALES_KM:
            for split in PLACES:
                yield from self.tiles(scale_km, split)

    def tiles(self, scale_km: float, split: str, most: int | None = None) -> Iterator[Tile]:
        """At random places on land, those of one mercator tile together."""
        lat, lon = uniform_on_sphere(CANDIDATES, np.random.default_rng(MEASURED_KM.index(scale_km)))
        wanted = is_land(lat, lon) & (np.abs(lat) < FARTHEST)
        lat, lon = lat[wanted].round(4), lon[wanted].round(4)
        held_out = np.isin(block_of(lat, lon, BLOCK_DEG), self.shut)
        splits = np.where(held_out, np.where(in_report_block(lat, lon), "report", "val"), "train")
        rows = np.flatnonzero(splits == split)[: PLACES[split]][:most]
        for row in rows[np.lexsort((lon[rows] // 3, lat[rows] // 3))].tolist():
            yield tile_around(self.globe, float(lat[row]), float(lon[row]), scale_km, split)


def source_of(scale_km: float) -> str:
    return f"NASA Blue Marble, {scale_km:g} km a pixel"


def tile_around(globe: "Mosaic", lat: float, lon: float, scale_km: float, split: str = "") -> Tile:
    """Each pixel is the mean of ``SAMPLES`` x ``SAMPLES`` points of it."""
    points = SIDE_PX * SAMPLES
    offsets_km = ((np.arange(points) + 0.5) / points - 0.5) * SIDE_PX * scale_km
    colours = globe.look(*square_around(lat, lon, offsets_km), REDUCTIONS[scale_km])
    means = colours.reshape(SIDE_PX, SAMPLES, SIDE_PX, SAMPLES, 3).mean(axis=(1, 3))
    half_m = SIDE_PX * scale_km * 500
    return Tile(
        place=Place(lat=lat, lon=lon), pixels=np.rint(means).astype(np.uint8).transpose(2, 0, 1), bands=NASA_COARSE.bands[:3],
        sensor=NASA_COARSE.name, crs=f"+proj=aeqd +lat_0={lat:.4f} +lon_0={lon:.4f}", bounds=(-half_m, -half_m, half_m, half_m),
        source=source_of(scale_km), licence="NASA: free of use restrictions", split=split,
    )  # fmt: skip


def square_around(
    lat: float, lon: float, offsets_km: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(lat, lon), each [n, n], of points so far south to north (the first row is the northernmost) and west to east of a place, in
    the azimuthal equidistant projection on the mean sphere."""
    north, east = np.meshgrid(offsets_km[::-1], offsets_km, indexing="ij")
    away = np.hypot(north, east)
    angle = away / MEAN_RADIUS_KM
    phi = np.radians(lat)
    shrink = np.sinc(angle / np.pi) / MEAN_RADIUS_KM  # sin(angle) / away
    up, right = north * shrink, east * shrink
    z = np.cos(angle) * np.sin(phi) + up * np.cos(phi)
    forward = np.cos(angle) * np.cos(phi) - up * np.sin(phi)
    return np.degrees(np.arcsin(z.clip(-1, 1))), wrap_lon(lon + np.degrees(np.arctan2(right, forward)))


class Mosaic:
    """Blue Marble, looked up at any place: web mercator tiles where there are some, else a picture of the globe."""

    def __init__(self, mbtiles: Path, picture: Path) -> None:
        self._tiles = opened_tiles(mbtiles)
        with Image.open(picture) as image:
            self._globe = np.asarray(image.convert("RGB"))
        self._tile = lru_cache(CACHED_TILES)(self._read)

    def look(self, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], reduction: int) -> npt.NDArray[np.uint8]:
        """[..., 3] of the pixels at these points, of tiles whose sides are ``reduction`` (1, 2, 4 or 8) times smaller."""
        side = TILE_PX // reduction
        height, width, _ = self._globe.shape
        colours = self._globe[
            ((90 - lat) / 180 * height).astype(int).clip(0, height - 1), ((lon + 180) / 360 * width).astype(int) % width
        ]
        around = TILES_AROUND * side
        across = ((lon + 180) / 360 * around).astype(int).clip(0, around - 1 - math.ceil(BLACK_PX / reduction))
        down = (down_in_mercator(lat) * around).astype(int).clip(0, around - 1)
        number = down // side * TILES_AROUND + across // side
        for each in np.unique(number).tolist():
            tile = self._tile(each, reduction)
            if tile is not None:
                here = number == each
                colours[here] = tile[down[here] % side, across[here] % side]
        return colours

    def _read(self, number: int, reduction: int) -> npt.NDArray[np.uint8] | None:
        row, column = divmod(number, TILES_AROUND)
        query = "select tile_data from tiles where zoom_level = 7 and tile_column = ? and tile_row = ?"
        body = self._tiles.execute(query, (column, TILES_AROUND - 1 - row)).fetchone()
        if body is None:
            return None
        with Image.open(io.BytesIO(body[0])) as tile:
            tile.draft("RGB", (TILE_PX // reduction, TILE_PX // reduction))  # read as means of squares of pixels
            return np.asarray(tile.convert("RGB"))
