"""Tiles from GeoTIFF files: Sentinel-2 scenes cut small (L1C or L2A, 10, 12 or 13 bands, some missing) and coarse NASA imagery.

Bands are taken by their description in the file, never by position alone, because some collections store B8A last. Pixels come in
as any number type and are stored as the sensor's unit (``index.imagery.sensors``): for Sentinel-2 uint16 reflectance x 10,000 with
the +1,000 offset of processing baseline 04.00 (25 January 2022) removed. Licence and citation are those of the files.
"""

import re
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError
from index.files import made_whole
from index.imagery.raster import centre_of, check_size, checked, import_rasterio
from index.imagery.reflectance import OffsetRule, to_reflectance
from index.imagery.sensors import SENTINEL2, UNNAMED_SENTINEL2, Sensor, canonical_band, sensor_of
from index.records import Modality, Place, Rejected, Tile
from index.settings import Settings
from index.threads import read_ahead

MAX_SIDE_PX = 2048
_STORED_TAG = "PLACEBIND_STORED_UNIT"
_DATE = re.compile(r"(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
_TABLE_COLUMNS = ("level", "date", "split", "title", "url", "country", "source", "licence")


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="GeoTIFF files, or folders that are searched for them", min_length=1)
    bands: tuple[str, ...] = Field((), description="band names in file order, for files without band descriptions")
    table: Path | None = Field(None, description="CSV with a column 'file' and any of: " + ", ".join(_TABLE_COLUMNS))
    crs: str = Field("", description="coordinate system of files that name none, for example EPSG:32632")
    offset: OffsetRule = Field("auto", description="the +1000 offset of processing baseline 04.00")


def build(**options: Any) -> "GeotiffTiles":
    return GeotiffTiles(Options.parse(options, where="geotiff_tiles"))


class GeotiffTiles:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.files = [file for path in options.paths for file in _tiffs(path)]
        self.total: int | None = len(self.files)
        self.facts = _read_table(options.table) if options.table else {}

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected]:
        yield from read_ahead(self._record, self.files)

    def _record(self, file: Path) -> Tile | Rejected:
        try:
            return read_tile(file, self.options, self.facts.get(file.name, {}))
        except InputError as error:
            return Rejected(where=str(file), why=str(error))


def read_tile(file: Path | bytes, options: Options | None = None, facts: dict[str, str] | None = None) -> Tile:
    """One GeoTIFF, a file or what is in it, as a ``Tile``. Raises ``InputError`` with the remedy where that cannot be done without
    guessing."""
    path = file if isinstance(file, Path) else Path()  # whose name tells nothing
    options, facts = options or Options.parse({"paths": (path,)}, where="geotiff_tiles"), facts or {}
    raster = _read(file, options)
    sensor, bands, rows = _choose_bands(raster, options.bands)
    in_order = rows == list(range(len(raster.values)))
    chosen = raster.values if in_order else raster.values[rows]
    if np.issubdtype(chosen.dtype, np.floating):
        chosen = np.ma.masked_invalid(chosen)
    empty = ~np.ma.filled(chosen, 0).any(axis=0)
    if empty.all():
        raise InputError("the file has no valid pixel in its bands; leave it out")
    level = _level(path, bands, raster.tags, facts.get("level", "")) if sensor is SENTINEL2 else ""
    date = facts.get("date", "") or _date(path, raster.tags)
    if raster.tags.get(_STORED_TAG):  # written by ``write_tile``: nothing is left to convert
        pixels = np.ma.filled(chosen, 0)
    elif sensor is SENTINEL2:
        pixels = to_reflectance(chosen, bands=bands, date=date, offset=options.offset)
    elif chosen.dtype == np.uint8:
        pixels = np.ma.filled(chosen, 0)
    else:
        raise InputError(
            f"bands {', '.join(bands)} of {sensor.title} are 8-bit, these are {chosen.dtype}; name others with --bands"
        )
    pixels[:, empty] = 0
    facts = {"source": path.parent.name, "title": path.stem, **{key: value for key, value in facts.items() if value}}
    facts |= {"level": level, "date": date}
    return Tile(
        place=raster.centre, pixels=pixels, bands=bands, sensor=sensor.name, crs=raster.crs, bounds=raster.bounds,
        valid=float(1 - empty.mean()), **facts,
    )  # fmt: skip


def write_tile(tile: Tile, path: Path) -> None:
    """Save a tile as a GeoTIFF with its band names, complete or not at all; ``read_tile`` gives back the same pixels."""
    rasterio = import_rasterio()
    count, height, width = tile.pixels.shape
    profile = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": tile.pixels.dtype.name,
        "crs": tile.crs,
    }
    transform = rasterio.transform.from_bounds(*tile.bounds, width, height)
    with (
        made_whole(path) as partial,
        rasterio.open(partial, "w", transform=transform, compress="deflate", nodata=0, photometric="MINISBLACK", **profile) as file,
    ):
        file.write(tile.pixels)
        file.descriptions = tile.bands
        file.update_tags(**{_STORED_TAG: "1"})


@dataclass(frozen=True, slots=True)
class _Raster:
    values: np.ma.MaskedArray[Any, Any]  # [C, H, W]
    descriptions: tuple[str | None, ...]
    tags: dict[str, str]
    crs: str
    bounds: tuple[float, float, float, float]
    centre: Place


@contextmanager
def opened_geotiff(file: Path | bytes) -> Iterator[Any]:
    """A GeoTIFF opened by rasterio without trust: by no other driver of GDAL (a VRT, say, that points anywhere), and nothing
    beside the file. Raises ``InputError`` where it cannot be read, also from within the block."""
    if isinstance(file, Path) and not file.is_file():
        raise InputError("no such file; give the path of a GeoTIFF")
    rasterio = import_rasterio()
    with checked("GeoTIFF"), ExitStack() as stack:
        if isinstance(file, bytes):
            raster = stack.enter_context(stack.enter_context(rasterio.MemoryFile(file)).open(driver="GTiff"))
        else:
            raster = stack.enter_context(rasterio.open(file, driver="GTiff"))
        yield raster


def _read(file: Path | bytes, options: Options) -> _Raster:
    with opened_geotiff(file) as raster:
        check_size(raster, MAX_SIDE_PX)
        crs = raster.crs or (_stated_crs(options.crs) if options.crs else None)
        if crs is None:
            raise InputError(
                "the file names no coordinate system (CRS); state it with --crs EPSG:…, or in the file by gdal_edit.py -a_srs"
            )
        values = raster.read(masked=True)
        scales, shifts = np.array(raster.scales)[:, None, None], np.array(raster.offsets)[:, None, None]
        if (scales != 1).any() or (shifts != 0).any():
            values = values * scales + shifts
        bounds = tuple(raster.bounds)
        return _Raster(values, raster.descriptions, raster.tags(), crs.to_string(), bounds, centre_of(bounds, crs))


def _stated_crs(text: str) -> Any:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise InputError(f"--crs '{text}' is no coordinate system; give something like EPSG:32632") from None


def _choose_bands(raster: _Raster, named: tuple[str, ...]) -> tuple[Sensor, tuple[str, ...], list[int]]:
    """The sensor, its bands present in canonical order, and the layer of each; of a band that comes twice the first."""
    count = len(raster.values)
    if named and len(named) != count:
        raise InputError(f"--bands names {len(named)} bands, the file has {count}")
    descriptions = named or raster.descriptions
    layers: dict[str, int] = {}
    for layer, description in enumerate(descriptions):
        band = canonical_band(description)
        if band:
            layers.setdefault(band, layer)
    if not layers and not any(descriptions):
        layers = {band: layer for layer, band in enumerate(UNNAMED_SENTINEL2.get(count, ()))}
    sensor = sensor_of(tuple(layers))
    if sensor is None:
        said = ", ".join(description or "?" for description in descriptions)
        raise InputError(f"cannot tell the bands of this {count}-band file (it says: {said}); name them with --bands B02,B03,…")
    bands = tuple(band for band in sensor.bands if band in layers)
    return sensor, bands, [layers[band] for band in bands]


def _level(path: Path, bands: tuple[str, ...], tags: dict[str, str], stated: str) -> str:
    said = re.search(r"L(1C|2A)", " ".join([stated.upper(), path.name.upper(), *map(str, tags.values())]))
    if said:
        return said.group(0)
    return "L1C" if "B10" in bands else "L2A"  # atmospheric correction drops the cirrus band


def _date(path: Path, tags: dict[str, str]) -> str:
    for text in (tags.get("TIFFTAG_DATETIME", "").replace(":", "-", 2), path.stem):
        match = _DATE.search(text)
        if match:
            return "-".join(match.groups())
    return ""


def _tiffs(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".tif", ".tiff") and file.is_file())
    if not files:
        raise InputError(f"{path}: no .tif or .tiff file in this folder")
    return files


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """What a CSV says about each file, keyed by file name."""
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV ({error})") from None
    if not rows or "file" not in rows[0]:
        raise InputError(f"{path}: needs a column 'file' with the name of each GeoTIFF")
    facts = {}
    for number, row in enumerate(rows, start=1):
        if not row["file"]:
            raise InputError(f"{path}: row {number} has nothing in the column 'file'; complete or delete it")
        row["licence"] = row.get("licence") or row.get("license") or ""
        facts[Path(row["file"]).name] = {key: row[key] for key in _TABLE_COLUMNS if row.get(key)}
    return facts
