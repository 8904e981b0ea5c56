"""Locations from a CSV, GeoPackage, GeoJSON or shapefile, in any coordinate system.

A line or an area counts as one point that surely lies on it (its representative point; a centroid can fall outside). Features
stream in batches. Licence and citation are those of the file.
"""

import csv
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.errors import InputError
from index.geo import wrap_lon
from index.records import Location, Modality, Place, Rejected
from index.settings import Settings

BATCH_ROWS = 8192
_WGS84 = "EPSG:4326"
# What each kind of file begins with: GDAL goes by contents, and one that is something else (a VRT) could point anywhere.
_FORMATS = {".gpkg": b"SQLite format 3\0", ".geojson": b"{", ".json": b"{", ".shp": b"\0\0\x27\x0a"}
_USUAL = {
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "x"),
    "name": ("name", "title", "label"),
    "url": ("url",),
    "country": ("country",),
    "kind": ("kind", "type"),
}


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="CSV, GeoPackage, GeoJSON or shapefiles (.shp)", min_length=1)
    layers: tuple[str, ...] = Field((), description="layers of a GeoPackage to take; absent: all")
    crs: str = Field("", description="coordinate system of a CSV that is not in WGS84, or of a file that names none: EPSG:…")
    lat: str = Field("", description="column of a CSV with the latitude (or northing); absent: lat, latitude or y")
    lon: str = Field("", description="column of a CSV with the longitude (or easting); absent: lon, lng, longitude or x")
    name: str = Field("", description="column with the name; absent: name, title or label")
    url: str = Field("", description="column with a link; absent: url")
    country: str = Field("", description="column with the country; absent: country")
    kind: str = Field("", description="column with what it is (town, peak); absent: kind or type")
    licence: str = Field("", description="licence of the file")


def build(**options: Any) -> "Points":
    return Points(Options.parse(options, where="points"))


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A CSV, or one layer of another file. ``columns`` maps our words to its columns; ``count`` is -1 where it is not known."""

    path: Path
    where: str
    crs: str
    columns: dict[str, str]
    name: str = ""
    count: int = -1


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Some rows of a layer: ``x`` and ``y`` [N] in its coordinate system, NaN with a reason in ``problems`` by position."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    rows: Sequence[Mapping[str, Any]]
    problems: Mapping[int, str]


class Points:
    modality: Modality = "locations"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.layers = [layer for path in options.paths for layer in _layers(path, options)]
        counts = [layer.count for layer in self.layers]
        self.total: int | None = sum(counts) if min(counts) >= 0 else None

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Location | Rejected]:
        for layer in self.layers:
            row = 0
            try:
                for batch in _csv_batches(layer) if layer.path.suffix.lower() == ".csv" else _batches(layer):
                    yield from self._locations(layer, batch, row)
                    row += len(batch.rows)
                if row < layer.count and layer.path.suffix.lower() == ".gpkg":  # SQLite reads a damaged table as a shorter one
                    raise InputError(f"the layer counts {layer.count} features, {row} could be read")
            except InputError as error:
                why = f"the file is damaged from here on ({error}); repair or export it again"
                yield Rejected(where=f"{layer.where}, row {row + 1}", why=why)

    def _locations(self, layer: _Layer, batch: _Batch, before: int) -> Iterator[Location | Rejected]:
        lat, lon = _to_wgs84(batch, layer.crs)
        for number, values in enumerate(batch.rows):
            try:
                if number in batch.problems:
                    raise InputError(batch.problems[number])
                said = {word: _text(values.get(column)) for word, column in layer.columns.items() if word not in ("lat", "lon")}
                title = said.pop("name", "")
                place = Place(lat=float(lat[number]), lon=float(lon[number]))
                yield Location(place=place, title=title, source=layer.path.stem, licence=self.options.licence, **said)
            except InputError as error:
                yield Rejected(where=f"{layer.where}, row {before + number + 1}", why=f"{error}; correct or delete the row")


def _to_wgs84(batch: _Batch, crs: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(lat, lon) of a batch. Geometries may go on past 180 degrees (an area across the antimeridian, or 0 to 360): brought back."""
    from pyproj import Transformer

    if crs == _WGS84:
        lat, lon = batch.y, batch.x
    else:
        lon, lat = Transformer.from_crs(crs, _WGS84, always_xy=True).transform(batch.x, batch.y)
    beyond = (np.abs(lon) > 180) & (np.abs(lon) <= 360)
    return lat, np.where(beyond, wrap_lon(np.where(beyond, lon, 0)), lon)


def _layers(path: Path, options: Options) -> list[_Layer]:
    """What there is to read in one file. Raises ``InputError`` where that is nothing."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .csv, .gpkg, .geojson or .shp")
    if path.suffix.lower() == ".csv":
        with _csv(path) as rows:
            columns = _columns(list(rows.fieldnames or ()), options, ("lat", "lon", "name", "url", "country", "kind"), str(path))
        return [_Layer(path=path, where=str(path), crs=_checked_crs(options.crs or _WGS84, path), columns=columns)]
    _check_format(path)
    import pyogrio  # type: ignore[import-untyped]

    with _readable(path):
        there = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        wanted = [name for name in there if not options.layers or name in options.layers]
        if not wanted:
            asked = ", ".join(options.layers) or "with geometries"
            raise InputError(f"{path}: no layer {asked}; it has {', '.join(there) or 'none'}")
        return [_layer(path, name, pyogrio.read_info(path, layer=name), options) for name in wanted]


def _layer(path: Path, name: str, info: Mapping[str, Any], options: Options) -> _Layer:
    where = f"{path}, layer {name}" if path.suffix.lower() == ".gpkg" else str(path)
    crs = info["crs"] or options.crs
    if not crs:
        raise InputError(f"{where}: names no coordinate system (CRS); state it with --crs EPSG:…")
    columns = _columns([str(field) for field in info["fields"]], options, ("name", "url", "country", "kind"), where)
    return _Layer(path=path, where=where, crs=_checked_crs(crs, path), columns=columns, name=name, count=int(info["features"]))


def _check_format(path: Path) -> None:
    expected = _FORMATS.get(path.suffix.lower())
    if expected is None:
        raise InputError(f"{path}: expected a .csv, .gpkg, .geojson or .shp; convert it first (a zip: unpack it)")
    with path.open("rb") as stream:
        start = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n" if expected == b"{" else b"")
    if not start.startswith(expected):
        raise InputError(f"{path}: is not a {path.suffix} by its contents; export it again")


def _columns(have: Sequence[str], options: Options, words: Sequence[str], where: str) -> dict[str, str]:
    """Which column holds what. A column that was asked for, and the coordinates of a CSV, must be there."""
    lower = {column.lower(): column for column in reversed(have)}
    chosen = {}
    for word in words:
        asked = getattr(options, word)
        column = asked if asked in have else next((lower[usual] for usual in _USUAL[word] if not asked and usual in lower), "")
        if not column and (asked or word in ("lat", "lon")):
            raise InputError(f"{where}: no column '{asked or word}'; name it with --{word}, the file has {', '.join(have)}")
        if column:
            chosen[word] = column
    return chosen


def _batches(layer: _Layer) -> Iterator[_Batch]:
    """Batches of a file with geometries."""
    import geopandas
    import pyogrio

    with (
        _readable(layer.path),
        pyogrio.open_arrow(
            layer.path, layer=layer.name, columns=sorted(layer.columns.values()), batch_size=BATCH_ROWS, use_pyarrow=True
        ) as (meta, reader),
    ):
        geometry = meta["geometry_name"] or "wkb_geometry"
        for part in reader:
            shapes = geopandas.GeoSeries.from_wkb(part[geometry].to_pylist(), on_invalid="ignore")
            missing = np.asarray(shapes.isna() | shapes.is_empty, dtype=bool)
            points = shapes.representative_point()
            problems = {int(row): "the geometry is missing, empty or damaged" for row in np.flatnonzero(missing)}
            x, y = (np.asarray(axis, dtype=np.float64) for axis in (points.x, points.y))
            said = {column: _values(part[column]) for column in layer.columns.values()}
            rows = [{column: values[row] for column, values in said.items()} for row in range(part.num_rows)]
            yield _Batch(x=x, y=y, rows=rows, problems=problems)


def _values(column: Any) -> list[Any]:
    """What a column holds; text that is not UTF-8 (which Arrow does not check) with marks in place of what cannot be read."""
    import pyarrow as pa

    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return list(column.to_pylist())
    return [raw and raw.decode(errors="replace") for raw in column.cast(pa.large_binary()).to_pylist()]


def _csv_batches(layer: _Layer) -> Iterator[_Batch]:
    rows: list[dict[str, str]] = []
    with _csv(layer.path) as reader:
        try:
            for row in reader:
                rows.append(row)
                if len(rows) == BATCH_ROWS:
                    full, rows = rows, []
                    yield _csv_batch(layer, full)
        except (UnicodeDecodeError, csv.Error):
            if rows:
                yield _csv_batch(layer, rows)  # what stands before the place where the file is damaged
            raise
        if rows:
            yield _csv_batch(layer, rows)


def _csv_batch(layer: _Layer, rows: Sequence[Mapping[str, Any]]) -> _Batch:
    lat, lon = layer.columns["lat"], layer.columns["lon"]
    xy, problems = np.full((2, len(rows)), np.nan), {}
    for number, row in enumerate(rows):
        try:
            xy[:, number] = float(row[lon] or "nan"), float(row[lat] or "nan")
        except ValueError:
            problems[number] = f"{lat} and {lon} must be numbers, got {row[lat]!r}, {row[lon]!r}"
    return _Batch(x=xy[0], y=xy[1], rows=rows, problems=problems)


@contextmanager
def _csv(path: Path) -> Iterator["csv.DictReader[str]"]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            yield csv.DictReader(stream)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV ({error}); save it as CSV in UTF-8") from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa
    import pyogrio.errors as ogr  # type: ignore[import-untyped]

    try:
        yield
    except (
        ogr.DataSourceError,
        ogr.DataLayerError,
        ogr.FeatureError,
        ogr.CRSError,
        pa.ArrowException,
        OSError,
        UnicodeError,
    ) as error:
        raise InputError(f"{path}: not a readable {path.suffix} ({' '.join(str(error).split())[:200]})") from None


def _checked_crs(crs: str, path: Path) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return _WGS84 if CRS.from_user_input(crs) == CRS.from_user_input(_WGS84) else CRS.from_user_input(crs).to_wkt()
    except CRSError as error:
        raise InputError(f"{path}: '{crs[:60]}' is no coordinate system ({str(error)[:100]}); state it with --crs EPSG:…") from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
