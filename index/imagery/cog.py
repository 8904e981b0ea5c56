"""Windows of cloud-optimised GeoTIFFs read over HTTP: only the header and the blocks that a window touches travel.

GDAL reads (range requests, retries on 429 and 5xx, a cache of 128 MB), so neighbouring windows share what was fetched.
Files are untrusted: only http(s) addresses, only the GTiff driver, limits on raster and block size, no side files.
"""

from itertools import count
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from index.errors import InputError, SourceError
from index.extras import extra
from index.http import RETRIED_STATUS, Client
from index.imagery.stac import Tokens, check_http

PIXEL_M = 10
FACTORS = (1, 2, 6)  # Sentinel-2 has pixels of 10, 20 and 60 m
MAX_SIDE_PX = 20_000  # a Sentinel-2 band has 10,980
MAX_BLOCK_PX = 4096**2  # held in memory to read a single pixel
PROBE_BYTES = 2**20
RETRY_DELAY_S = 1.0
_NAMES = count()
GDAL_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing, no side files
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff",
    "CPL_VSIL_CURL_CACHE_SIZE": 128 * 2**20,
    "GDAL_INGESTED_BYTES_AT_OPEN": 32768,  # the whole header at once
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": 5,
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_TIMEOUT": 120,
    "VSI_CACHE": True,
    "VSI_CACHE_SIZE": 4 * 2**20,
}


class Unreadable(SourceError):
    """A file cannot be read. ``lasting``: it is gone, refused or damaged, so another try will not help."""

    def __init__(self, message: str, *, lasting: bool, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.lasting = lasting


class Cogs:
    """Reads windows. Safe to share between threads."""

    def __init__(self, tokens: Tokens, probe: Client) -> None:
        self.tokens, self.probe = tokens, probe
        self._fresh: dict[str, str] = {}  # address -> a suffix that makes GDAL treat it as new

    def window(self, href: str, epsg: int, bounds: tuple[float, float, float, float]) -> npt.NDArray[Any]:
        """[H, W] pixels of 10 m inside ``bounds`` (left, bottom, right, top in metres of ``epsg``), 0 where the file has none.

        Pixels of 20 and 60 m are repeated, so every value was measured. Raises ``Unreadable``.
        """
        check_http(href)
        signed = self.tokens.sign(href)
        try:
            return self._window(signed, epsg, bounds)
        except Unreadable as error:
            if not (error.lasting and self.tokens.concern(href)):
                raise
        return self._window(self.tokens.sign(href, refused=signed), epsg, bounds)  # a token may expire early

    def _window(self, href: str, epsg: int, bounds: tuple[float, float, float, float]) -> npt.NDArray[Any]:
        errors = extra("rasterio").errors
        try:
            return self._read(href, epsg, bounds)
        except errors.RasterioError:
            self._probe(href)
        # The server accepts the address. GDAL remembers a failure for the life of the process, so it is asked under another name.
        self._fresh[href] = f"#{next(_NAMES)}.tif"
        try:
            return self._read(href, epsg, bounds)
        except errors.RasterioError as error:
            self._probe(href)
            why = " ".join(str(error).replace(href, _shown(href)).split())[:160]
            raise Unreadable(f"{_shown(href)}: not a readable GeoTIFF ({why}); report it to the provider", lasting=True) from None

    def _read(self, href: str, epsg: int, bounds: tuple[float, float, float, float]) -> npt.NDArray[Any]:
        rasterio = extra("rasterio")
        # The driver is named so that a file cannot make GDAL open something else (a VRT, say, that points anywhere).
        path = f"/vsicurl/{href}{self._fresh.get(href, '')}"
        with (
            rasterio.Env(**GDAL_OPTIONS, GDAL_HTTP_RETRY_DELAY=RETRY_DELAY_S),
            rasterio.open(path, driver="GTiff", sharing=False) as file,
        ):
            try:
                return read_window(file, epsg, bounds)
            except InputError as error:
                raise Unreadable(f"{_shown(href)}: {error}", lasting=True) from None

    def _probe(self, href: str) -> None:
        """Raises ``Unreadable`` if the server refuses the file: GDAL does not say reliably why it could not read."""
        try:
            self.probe.get(href, headers={"Range": "bytes=0-15"}, max_bytes=PROBE_BYTES)
        except SourceError as refusal:
            why = str(refusal).removeprefix(f"{href}: ").replace(href, _shown(href))
            raise Unreadable(f"{_shown(href)}: {why}", lasting=_lasts(refusal.status), status=refusal.status) from None


def read_window(file: Any, epsg: int, bounds: tuple[float, float, float, float]) -> npt.NDArray[Any]:
    """``Cogs.window`` for an opened dataset. Raises ``InputError`` if it is not like a Sentinel-2 band."""
    factor = _check(file, epsg)
    left, bottom, right, top = bounds
    height, width = round((top - bottom) / PIXEL_M), round((right - left) / PIXEL_M)
    column, row = round((left - file.transform.c) / PIXEL_M), round((file.transform.f - top) / PIXEL_M)  # in pixels of 10 m
    inside = _clip(row, height, file.height * factor), _clip(column, width, file.width * factor)
    pixels = np.zeros((height, width), dtype=file.dtypes[0])
    if any(first >= last for first, last in inside):
        return pixels
    native = tuple((first // factor, -(-last // factor)) for first, last in inside)
    values = file.read(1, window=native)
    if file.nodata not in (None, 0):
        values[values == file.nodata] = 0
    fine = values.repeat(factor, axis=0).repeat(factor, axis=1)
    (top_px, bottom_px), (left_px, right_px) = inside
    skip_rows, skip_columns = top_px - native[0][0] * factor, left_px - native[1][0] * factor
    fine = fine[skip_rows : skip_rows + bottom_px - top_px, skip_columns : skip_columns + right_px - left_px]
    pixels[top_px - row : bottom_px - row, left_px - column : right_px - column] = fine
    return pixels


def _clip(start: int, length: int, limit: int) -> tuple[int, int]:
    return max(0, start), min(limit, start + length)


def _check(file: Any, epsg: int) -> int:
    """Pixel size of the file in units of 10 m."""
    grid = file.transform
    block_px = max(rows * columns for rows, columns in file.block_shapes)
    if max(file.height, file.width) > MAX_SIDE_PX or block_px > MAX_BLOCK_PX or file.count > 4:
        size = f"{file.count} bands of {file.width} x {file.height} px in blocks of {block_px} px"
        raise InputError(f"{size} is more than a Sentinel-2 band has (limit {MAX_SIDE_PX} px a side); report it to the provider")
    if file.dtypes[0] not in ("uint8", "uint16"):
        raise InputError(f"expected unsigned integers of 8 or 16 bits, got {file.dtypes[0]}; use another collection")
    if file.crs is None or file.crs.to_epsg() != epsg:
        raise InputError(f"expected EPSG:{epsg} as the item says, got {file.crs}; report it to the provider")
    factor = round(grid.a / PIXEL_M)
    aligned = grid.c % PIXEL_M == 0 and grid.f % PIXEL_M == 0 and grid.b == grid.d == 0
    if factor not in FACTORS or (grid.a, grid.e) != (factor * PIXEL_M, -factor * PIXEL_M) or not aligned:
        raise InputError(f"expected north-up pixels of 10, 20 or 60 m, got {tuple(grid)[:6]}; use another collection")
    return factor


def _lasts(status: int | None) -> bool:
    """Whether a server that answered with this (a refusal, one redirect too many, a body too large) will do so again."""
    return status is not None and status < 500 and status not in RETRIED_STATUS


def _shown(href: str) -> str:
    """The address without its signature, which must not appear in a report."""
    parts = urlsplit(href)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
