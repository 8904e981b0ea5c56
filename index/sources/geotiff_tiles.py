"""Tiles from GeoTIFF files: small cuts of Sentinel-2 scenes (L1C or L2A, 10, 12 or 13 bands, some missing) and coarse NASA imagery.

Where a file lies, which band is which, what is no data and what a number means are decided by ``index.imagery``: georeference,
bands, fill and radiometry. What the user states by a flag is written into the tile's row (``Tile.assumed``). The stored numbers are
uint16 reflectance x 10,000 without the offset of processing baseline 04.00. Licence and citation are those of the files.
"""

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from index.errors import ConfigError, InputError
from index.files import made_whole
from index.imagery.bands import Choice, choose_bands, own_bands
from index.imagery.fill import measured
from index.imagery.georeference import georeference
from index.imagery.radiometry import reflectance, stated_unit
from index.imagery.raster import check_size, checked, import_rasterio
from index.imagery.reflectance import OffsetRule
from index.imagery.sensors import SENTINEL2
from index.records import Modality, Rejected, Tile, bytes_in_memory
from index.settings import Settings
from index.store.own import OUR_NAMES
from index.tables.own import HELP, Own, guessed_types, own_columns, values_of
from index.threads import read_ahead

MAX_SIDE_PX = 2048
READ_CACHE_BYTES = 16 * 2**20  # GDAL's: each block of a file is needed once
STORED_TAG = "PLACEBIND_STORED_UNIT"
_PRODUCT = re.compile(r"MSIL(?:1C|2A)_(20\d\d)(\d\d)(\d\d)T\d{6}(?:_N(\d\d)(\d\d)_)?")
_SENSED = re.compile(r"(PRODUCT_START_TIME|SENSING|ACQUI|DATATAKE)", re.IGNORECASE)
_DATE = re.compile(r"(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
_TABLE_COLUMNS = ("level", "date", "split", "title", "url", "country", "source", "licence")
_STATEMENTS = ("bands", "crs", "scale", "offset")  # of a table, in place of the flags of the same names


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="GeoTIFF files, or folders that are searched for them", min_length=1)
    bands: tuple[str, ...] = Field((), description="band names in file order, for files without band descriptions")
    keep: tuple[str, ...] = Field((), description=f"of --table: {HELP}")
    table: Path | None = Field(None, description="CSV with a column 'file' and any of: " + ", ".join(_TABLE_COLUMNS + _STATEMENTS))
    crs: str = Field("", description="coordinate system of files that name none, for example EPSG:32632")
    scale: float | None = Field(
        None, gt=0, description="of files that do not state their unit: reflectance = number x scale + offset"
    )
    offset: str = Field(
        "auto",
        pattern=r"^(auto|none|remove|[-+]?(\d+\.?\d*|\.\d+))$",
        description="the +1000 offset of processing baseline 04.00 (auto, none, remove), or a number with --scale",
    )

    @property
    def added(self) -> float | None:
        """The offset as a number, None where it is a rule."""
        return None if self.offset in ("auto", "none", "remove") else float(self.offset)

    def of_file(self, facts: dict[str, str]) -> Self:
        """The options with what the table states of one file, which comes before the flags. Raises ``InputError``."""
        stated: dict[str, Any] = {name: facts[name].strip() for name in _STATEMENTS if name in facts}
        if "bands" in stated:
            stated["bands"] = tuple(band.strip() for band in stated["bands"].split(","))
        try:
            return type(self).parse({**self.model_dump(), **stated}, where="its row of the table")
        except ConfigError as error:
            raise InputError(str(error)) from None

    @property
    def rule(self) -> OffsetRule:
        return "none" if self.offset == "none" else "remove" if self.offset == "remove" else "auto"


def build(**options: Any) -> "GeotiffTiles":
    return GeotiffTiles(Options.parse(options, where="geotiff_tiles"))


class GeotiffTiles:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.files = [file for path in options.paths for file in _tiffs(path)]
        self.total: int | None = len(self.files)
        self.rows = _read_table(options.table) if options.table else {}
        self.facts = {file: _facts(row) for file, row in self.rows.items()}
        self.own_columns, self.remarks = _own(options, list(self.rows.values())) if options.keep else ((), [])

    @property
    def own(self) -> dict[str, pa.DataType]:
        return {each.name: each.type for each in self.own_columns}

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected]:
        yield from read_ahead(self._record, self.files, bytes_in_memory)

    def _record(self, file: Path) -> Tile | Rejected:
        facts = self.facts.get(file.name, {})
        try:
            told = {name: value for name, value in facts.items() if name not in _STATEMENTS}
            row = self.rows.get(file.name)
            own = values_of(self.own_columns, row) if row else {}
            return replace(read_tile(file, self.options.of_file(facts), told), own=own)
        except InputError as error:
            return Rejected(where=str(file), why=str(error))


def read_tile(file: Path | bytes, options: Options | None = None, facts: dict[str, str] | None = None) -> Tile:
    """One GeoTIFF, by path or as bytes, as a ``Tile``. Raises ``InputError`` with the remedy if that would need guessing."""
    path = file if isinstance(file, Path) else Path()  # whose name tells nothing
    options, facts = options or Options.parse({"paths": (path,)}, where="geotiff_tiles"), facts or {}
    with opened_geotiff(file) as raster:
        check_size(raster, MAX_SIDE_PX)
        tags = raster.tags()
        where = georeference(raster, options.crs, file if isinstance(file, Path) else None)
        ours = bool(tags.get(STORED_TAG))  # written by ``write_tile``: nothing is left to convert
        choice = own_bands(raster) if ours else choose_bands(raster, options.bands, where.pixel_m)
        values = measured(raster, choice.layers, where)
        if not ours:
            choice, values = _with_data(choice, values)
        unit = None if ours else stated_unit(raster, choice.layers, options.scale, options.added)
        stated = _statements(options, own_crs=bool(raster.crs or raster.gcps[1]), own_unit=bool(unit and unit.by != "--scale"))
    empty = np.ones(values.shape[1:], dtype=bool)
    for layer in values:
        empty &= np.ma.filled(layer, 0) == 0
    if empty.all():
        raise InputError("the file has no valid pixel in its bands; leave it out")
    level = _level(path, choice.bands, tags, facts.get("level", "")) if choice.sensor is SENTINEL2 else ""
    date = facts.get("date", "") or _date(path, tags)
    if ours:
        pixels = np.ma.filled(values, 0)
    elif choice.sensor is SENTINEL2:
        baseline = _baseline(path, tags)
        pixels = reflectance(values, unit, bands=choice.bands, date=date, baseline=baseline, rule=options.rule)
    elif values.dtype == np.uint8:
        pixels = np.ma.filled(values, 0)
    else:
        raise InputError(
            f"bands {', '.join(choice.bands)} of {choice.sensor.title} have 8 bits, these {values.dtype}; "
            "make them bytes with gdal_translate -ot Byte -scale, or name others with --bands"
        )
    pixels[:, empty] = 0
    facts = {"source": path.parent.name, "title": path.stem, **{key: value for key, value in facts.items() if value}}
    told: dict[str, Any] = {**facts, "level": level, "date": date, "assumed": "; ".join((*choice.assumed, *stated))}
    return Tile(
        place=where.centre, pixels=pixels, bands=choice.bands, sensor=choice.sensor.name, crs=where.crs.to_string(),
        bounds=where.bounds, valid=float(1 - empty.mean()), **told,
    )  # fmt: skip


def _with_data(choice: Choice, values: Any) -> tuple[Choice, Any]:
    """Without the bands that have no pixel with data: they are absent, and not dark. A file without any data keeps all."""
    there = np.asarray(np.ma.filled(values, 0).any(axis=(1, 2)))
    if there.all() or not there.any():
        return choice, values
    bands = tuple(band for band, has in zip(choice.bands, there, strict=True) if has)
    layers = tuple(layer for layer, has in zip(choice.layers, there, strict=True) if has)
    without = ",".join(band for band in choice.bands if band not in bands)
    return Choice(choice.sensor, bands, layers, (*choice.assumed, f"bands without data left out: {without}")), values[there]


def _statements(options: Options, *, own_crs: bool, own_unit: bool) -> list[str]:
    """What the user states and the file does not; ``index.imagery.bands`` reports the bands."""
    scale = "" if options.scale is None else f"{options.scale:g}"
    named = {"crs": "" if own_crs else options.crs}
    named |= {} if own_unit else {"scale": scale, "offset": options.offset.replace("auto", "")}
    return [f"{name} stated as {value}" for name, value in named.items() if value]


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
        file.update_tags(**{STORED_TAG: "1"})


@contextmanager
def opened_geotiff(file: Path | bytes) -> Iterator[Any]:
    """A GeoTIFF opened by rasterio as an untrusted file: with no other driver of GDAL (a VRT, say, could point anywhere) and no
    files next to it. Raises ``InputError`` if it cannot be read, also from within the block."""
    if isinstance(file, Path) and not file.is_file():
        raise InputError("no such file; give the path of a GeoTIFF")
    rasterio = import_rasterio()
    with checked("GeoTIFF"), rasterio.Env(GDAL_CACHEMAX=READ_CACHE_BYTES), ExitStack() as stack:
        if isinstance(file, bytes):
            raster = stack.enter_context(stack.enter_context(rasterio.MemoryFile(file)).open(driver="GTiff"))
        else:
            raster = stack.enter_context(rasterio.open(file, driver="GTiff"))
        yield raster


def _level(path: Path, bands: tuple[str, ...], tags: dict[str, str], stated: str) -> str:
    said = re.search(r"L(1C|2A)", " ".join([stated.upper(), path.name.upper(), *map(str, tags.values())]))
    if said:
        return said.group(0)
    return "L1C" if "B10" in bands else "L2A"  # atmospheric correction drops the cirrus band


def _date(path: Path, tags: dict[str, str]) -> str:
    """The date of sensing: by the product's name, else by tags about sensing, else by the file's name, else by TIFFTAG_DATETIME,
    which says when a tool wrote the file."""
    product = _product(path, tags)
    sensed = [value for key, value in sorted(tags.items()) if _SENSED.search(key)]
    written = tags.get("TIFFTAG_DATETIME", "").replace(":", "-", 2)
    for text in ("-".join(product.groups()[:3]) if product else "", *sensed, path.stem, written):
        match = _DATE.search(text)
        if match:
            return "-".join(match.groups())
    return ""


def _baseline(path: Path, tags: dict[str, str]) -> str:
    """Processing baseline like '05.09', '' where neither tags nor the product's name say it."""
    for key, value in tags.items():
        if key.upper().endswith("PROCESSING_BASELINE") and re.fullmatch(r"\d\d\.\d\d", value.strip()):
            return value.strip()
    product = _product(path, tags)
    return ".".join(product.groups()[3:]) if product and product[4] else ""


def _product(path: Path, tags: dict[str, str]) -> re.Match[str] | None:
    """The name of the product, as ESA gives it, in the tags or the file's name."""
    return next((match for text in (*tags.values(), path.stem) if (match := _PRODUCT.search(text))), None)


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
    by_file = {}
    for number, row in enumerate(rows, start=1):
        if not row["file"]:
            raise InputError(f"{path}: row {number} has nothing in the column 'file'; complete or delete it")
        by_file[Path(row["file"]).name] = row
    return by_file


def _facts(row: dict[str, str]) -> dict[str, str]:
    """What a row of the table says in the columns that a tile has a place for."""
    known = {**row, "licence": row.get("licence") or row.get("license") or ""}
    return {name: known[name] for name in _TABLE_COLUMNS + _STATEMENTS if known.get(name)}


def _own(options: Options, rows: Sequence[dict[str, str]]) -> tuple[tuple[Own, ...], list[str]]:
    """Raises ``InputError`` for a column that cannot be kept, and where there is no table."""
    if not rows:
        raise InputError("--keep is of columns of a table; give one with --table")
    names = [name for name in rows[0] if name]  # under None csv has the fields of a row that is too long
    used = {"file", "license", *_TABLE_COLUMNS, *_STATEMENTS}
    return own_columns(names, partial(guessed_types, rows), options.keep, used=used, taken=OUR_NAMES, where=str(options.table))
