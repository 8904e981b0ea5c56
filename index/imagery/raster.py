"""Rasters from outside: opened as untrusted files, read in windows, brought onto one 10 m grid and cut into tiles.

Sources of whole scenes build on this: files of a scene -> ``BandStack`` -> windows -> ``Tile``. Nothing here reads more than one
window of one band at a time, so that memory does not grow with the scene. Coarser bands are repeated, not interpolated: every
stored value was measured, and no-data does not bleed into its neighbours.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.errors import InputError, one_line
from index.extras import extra
from index.geo import wrap_lon
from index.imagery.sensors import SENTINEL2
from index.records import Place, Tile
from index.settings import Settings

MAX_SCENE_SIDE_PX = 10_980  # a Sentinel-2 tile at 10 m: the largest there is
MAX_READ_BYTES = 512 * 2**20  # of a file that is read whole
GRID_M = 10
BLOCK_CACHE_BYTES = (
    512 * 2**20
)  # GDAL's, of the process; two rows of blocks of all bands of a Sentinel-2 product take about 360 MiB

# Decoding in several threads loses errors: the JPEG 2000 driver of GDAL 3.10 gives zeros for blocks that its workers could not
# decode and reports success. Files next to a raster (.aux.xml, .ovr) are ignored: only the requested file is opened.
_GDAL = {
    "GDAL_NUM_THREADS": "1",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
}


class Cutting(Settings):
    """The options of every source that cuts scenes into tiles."""

    tile_px: int = Field(256, ge=16, le=2048, description="side of a tile in pixels of 10 m")
    stride: int = Field(0, ge=0, description="pixels from one tile to the next; 0: as many as a tile has")
    min_valid: float = Field(0.5, ge=0, le=1, description="share of pixels that a tile needs to have data and no cloud")
    max_tiles: int = Field(0, ge=0, description="tiles to look at in each scene, spread over it; 0: all")
    clouds: Literal["mask", "keep"] = Field("mask", description="mask clouds and their shadows as no data, or keep them")


class Window(NamedTuple):
    """A part of a grid, in pixels from the upper left corner."""

    top: int
    left: int
    height: int
    width: int


def import_rasterio() -> Any:
    """rasterio, which is an extra."""
    extra("rasterio.warp")
    return extra("rasterio")


@contextmanager
def checked(what: str) -> Iterator[None]:
    """Set GDAL up not to trust files and raise its errors as ``InputError`` with the remedy. ``what`` names the expected file."""
    rasterio = import_rasterio()
    from rasterio._err import CPLE_BaseError

    try:
        with rasterio.Env(**_GDAL):
            yield
    except (rasterio.errors.RasterioError, CPLE_BaseError, UnicodeDecodeError) as error:  # names in a damaged file may not be UTF-8
        cause = error.__cause__ if str(error).startswith("Read failed") and error.__cause__ else error
        raise InputError(f"not a readable {what} ({one_line(cause)}); download or export it again") from None


@contextmanager
def opened(file: str | Path | bytes, driver: Literal["GTiff", "JP2OpenJPEG"], max_side_px: int) -> Iterator[Any]:
    """A raster with one layer, by its path or its bytes. The driver is named, so that the file cannot choose one (a VRT, say).

    Raises ``InputError`` if it is not such a raster or is larger than ``max_side_px``.
    """
    rasterio = import_rasterio()
    name = {"GTiff": "GeoTIFF", "JP2OpenJPEG": "JPEG 2000 file"}[driver]
    with checked(name), rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE_BYTES):
        memory = rasterio.MemoryFile(file) if isinstance(file, bytes) else None
        raster = memory.open(driver=driver) if memory else rasterio.open(file, driver=driver)
    try:
        if max(raster.width, raster.height) > max_side_px:
            raise InputError(f"{raster.width} x {raster.height} px is more than expected (limit {max_side_px} px a side)")
        if raster.count != 1 or raster.dtypes[0] not in ("uint8", "uint16", "int16"):
            raise InputError(f"expected one layer of 8 or 16 bit numbers, got {raster.count} of {raster.dtypes[0]}")
        yield raster
    finally:
        raster.close()
        if memory:
            memory.close()


def check_size(raster: Any, max_side_px: int) -> None:
    """Refuse what would not fit into memory, before a pixel is read: a file of a few bytes can claim any size."""
    size = f"{raster.count} bands of {raster.width} x {raster.height} px"
    if max(raster.height, raster.width) > max_side_px or raster.count > 64:
        raise InputError(f"{size} is too large for one tile (limit {max_side_px} px a side); cut it with gdal_retile.py")
    size_bytes = raster.count * raster.width * raster.height * max(np.dtype(kind).itemsize for kind in raster.dtypes)
    if size_bytes > MAX_READ_BYTES:
        raise InputError(f"{size} is too large for one tile (limit {MAX_READ_BYTES >> 20} MiB); cut it with gdal_retile.py")


def centre_of(bounds: Sequence[float], crs: Any) -> Place:
    """The middle of (left, bottom, right, top) in units of ``crs``, as a place."""
    left, bottom, right, top = bounds
    with checked("position"):
        (lon,), (lat,) = import_rasterio().warp.transform(crs, "EPSG:4326", [(left + right) / 2], [(bottom + top) / 2])
    return Place(lat=lat, lon=float(wrap_lon(lon)) if abs(lon) > 180 else lon)


class BandStack:
    """Bands of one scene, each in an open file of 10, 20 or 60 m pixels, as layers of one 10 m grid.

    Raises ``InputError`` if they do not cover the same ground. ``crs`` is for files that name none.
    """

    def __init__(self, files: Mapping[str, Any], crs: str = "") -> None:
        self.files = dict(files)
        self.factors = {name: _factor(name, file) for name, file in self.files.items()}
        grids = {name: self._grid(name, crs) for name in self.files}
        name, (self.crs, self.left, self.top, self.height, self.width) = next(iter(grids.items()))
        for other, (its_crs, left, top, height, width) in grids.items():
            shift = max(abs(left - self.left), abs(top - self.top))
            if its_crs != self.crs or (height, width) != (self.height, self.width) or shift > GRID_M:
                raise InputError(f"band {other} does not cover the same ground as band {name}; download the product again")

    def _grid(self, name: str, crs: str) -> tuple[str, float, float, int, int]:
        file, factor = self.files[name], self.factors[name]
        known = file.crs.to_string() if file.crs else crs
        if not known:
            raise InputError(f"band {name} names no coordinate system (CRS); download the product again")
        return known, file.transform.c, file.transform.f, file.height * factor, file.width * factor

    def read(self, names: Sequence[str], window: Window) -> npt.NDArray[np.uint16]:
        """[C, height, width] of stored numbers; 0 for no data. Raises ``InputError`` where a file is damaged."""
        return np.stack([self._read(name, window) for name in names])

    def _read(self, name: str, window: Window) -> npt.NDArray[np.uint16]:
        file, factor = self.files[name], self.factors[name]
        top, left = window.top // factor, window.left // factor
        bottom, right = -(-(window.top + window.height) // factor), -(-(window.left + window.width) // factor)
        with checked(f"band {name}"):
            values = file.read(1, window=((top, bottom), (left, right)))
        if file.nodata is not None:
            values = np.where(values == file.nodata, 0, values)
        fine = np.maximum(values, 0).astype(np.uint16).repeat(factor, axis=0).repeat(factor, axis=1)
        from_top, from_left = window.top - top * factor, window.left - left * factor
        return fine[from_top : from_top + window.height, from_left : from_left + window.width]

    def bounds(self, window: Window) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in units of ``crs``."""
        left, top = self.left + window.left * GRID_M, self.top - window.top * GRID_M
        return left, top - window.height * GRID_M, left + window.width * GRID_M, top


def _factor(name: str, file: Any) -> int:
    """How many grid pixels one pixel of the file covers in each direction."""
    matrix = file.transform
    factor = round(matrix.a / GRID_M)
    square = np.allclose((matrix.a, matrix.b, matrix.d, matrix.e), (factor * GRID_M, 0, 0, -factor * GRID_M))
    if factor not in (1, 2, 6) or not square:
        raise InputError(f"band {name} has pixels of {matrix.a} x {-matrix.e}, expected 10, 20 or 60 m; download the product again")
    return factor


def rows_of_windows(height: int, width: int, cutting: Cutting) -> list[list[Window]]:
    """Windows without gaps, in rows; at most ``max_tiles`` of them. Surplus pixels become overlaps, spread evenly."""
    side, stride = cutting.tile_px, cutting.stride or cutting.tile_px
    tops, lefts = _starts(height, side, stride), _starts(width, side, stride)
    rows = [[Window(top, left, min(side, height), min(side, width)) for left in lefts] for top in tops]
    count = len(tops) * len(lefts)
    if not 0 < cutting.max_tiles < count:
        return rows
    # Drawn at random: every n-th window could fall into one column. The draw is always the same, so a repeated ingest resumes.
    chosen = set(np.random.default_rng(0).permutation(count)[: cutting.max_tiles].tolist())
    return [[each for j, each in enumerate(row) if i * len(lefts) + j in chosen] for i, row in enumerate(rows)]


def _starts(size: int, side: int, stride: int) -> list[int]:
    """Where tiles begin along one axis: from one edge to the other, at most ``stride`` apart."""
    steps = max(0, math.ceil((size - side) / stride))
    return [round(step * (size - side) / steps) for step in range(steps + 1)] if steps else [0]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Bands of one scene and all that its tiles have in common. ``hidden`` are the values of ``mask`` that are not ground."""

    stack: BandStack
    bands: tuple[str, ...]
    to_reflectance: Callable[[npt.NDArray[np.uint16]], npt.NDArray[np.uint16]]
    mask: str = ""
    hidden: tuple[int, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)  # level, date, title and so on of the tiles

    def tiles(self, windows: Sequence[Window], min_valid: float) -> Iterator[Tile]:
        """One tile of each window that has enough valid pixels. Raises ``InputError`` where a file is damaged."""
        for window in windows:
            tile = self._tile(window, min_valid)
            if tile:
                yield tile

    def _tile(self, window: Window, min_valid: float) -> Tile | None:
        counts = self.stack.read(self.bands, window)
        empty = (counts == 0).all(axis=0)
        if self.mask:
            empty |= np.isin(self.stack.read((self.mask,), window)[0], self.hidden)
        valid = 1 - float(empty.mean())
        if valid == 0 or valid < min_valid:
            return None
        pixels = self.to_reflectance(counts)
        pixels[:, empty] = 0
        bounds, crs = self.stack.bounds(window), self.stack.crs
        facts: dict[str, Any] = self.facts | {"title": f"{self.facts['title']} (pixel {window.left}, {window.top})"}
        return Tile(
            place=centre_of(bounds, crs), pixels=pixels, bands=self.bands, sensor=SENTINEL2.name, crs=crs, bounds=bounds,
            valid=valid, **facts,
        )  # fmt: skip
