"""Locations from a CSV, Parquet or GeoParquet, GeoPackage, GeoJSON or shapefile, in any coordinate system; or from GeoNames' dump.

A line or an area counts as one point that is certain to lie on it (its representative point; a centroid can fall outside). Features
stream in batches. Licence and citation are those of the file.
"""

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from index.errors import InputError
from index.places.country_names import name_of
from index.records import Location, Modality, Place, Rejected
from index.settings import Settings
from index.store.own import OUR_NAMES
from index.tables.columns import column
from index.tables.geometry import agreed_crs, points_of, to_wgs84
from index.tables.geonames_dump import LICENCE, NamedPlace, is_dump, places_of
from index.tables.located import CSV, PARQUET, LocatedRow, Position, Table, located_rows, open_table, position_of
from index.tables.own import HELP, Own, agreed, own_columns, types_of, values_of
from index.tables.rows import record_or_rejection
from index.tables.sniff import encoding_of
from index.tables.values import text

BATCH_ROWS = 8192
# The first bytes of each kind of file: GDAL goes by contents, and another format (a VRT) could point anywhere.
_FORMATS = {".gpkg": b"SQLite format 3\0", ".geojson": b"{", ".json": b"{", ".shp": b"\0\0\x27\x0a"}
_USUAL = {"name": ("name", "title", "label"), "url": ("url",), "country": ("country",), "kind": ("kind", "type")}
_KINDS = ".csv, .tsv, .parquet, .geoparquet, .gpkg, .geojson or .shp, or the .txt of GeoNames"


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="CSV, Parquet, GeoPackage, GeoJSON or shapefiles (.shp)", min_length=1)
    layers: tuple[str, ...] = Field((), description="layers of a GeoPackage to take; absent: all")
    crs: str = Field("", description="coordinate system of a table that is not in WGS84, or of a file that names none: EPSG:…")
    lat: str = Field("", description="column of a table with the latitude (or northing); absent: lat, latitude or y")
    lon: str = Field("", description="column of a table with the longitude (or easting); absent: lon, lng, long, longitude or x")
    geometry: str = Field("", description="column of a table with WKB, WKT or GeoJSON; absent: geometry, geom, wkt …")
    name: str = Field("", description="column with the name; absent: name, title or label")
    url: str = Field("", description="column with a link; absent: url")
    country: str = Field("", description="column with the country; absent: country")
    kind: str = Field("", description="column with what it is (town, peak); absent: kind or type")
    licence: str = Field("", description="licence of the file")
    keep: tuple[str, ...] = Field((), description=HELP)


def build(**options: Any) -> "Points":
    return Points(Options.parse(options, where="points"))


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """One layer of a file with geometries. ``columns`` maps our names to its columns; ``count`` is -1 where it is not known."""

    path: Path
    where: str
    crs: str
    columns: dict[str, str]
    own: tuple[Own, ...]
    remarks: list[str]
    name: str = ""
    count: int | None = None
    encoding: str | None = None

    def rows(self) -> Iterator[LocatedRow]:
        last = 0
        for row in _features(self):
            last = row.number
            yield row
        if last < (self.count or 0) and self.path.suffix.lower() == ".gpkg":  # SQLite reads a damaged table as a shorter one
            raise InputError(f"the layer has {self.count} features, but only {last} could be read")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """A CSV or a Parquet file."""

    table: Table
    position: Position
    columns: dict[str, str]
    own: tuple[Own, ...]

    @property
    def path(self) -> Path:
        return self.table.path

    @property
    def where(self) -> str:
        return str(self.table.path)

    @property
    def count(self) -> int | None:
        return self.table.count

    @property
    def remarks(self) -> list[str]:
        return self.table.remarks

    def rows(self) -> Iterator[LocatedRow]:
        return located_rows(self.table, self.position, [*self.columns.values(), *(each.column for each in self.own)])


@dataclass(frozen=True, kw_only=True)
class _Dump:
    """GeoNames' own file."""

    path: Path
    count: int | None = None
    own: tuple[Own, ...] = ()
    remarks: tuple[str, ...] = ("read as GeoNames' dump: places that texts name, with all their names",)

    @property
    def where(self) -> str:
        return str(self.path)


class Points:
    modality: Modality = "locations"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        layers = [layer for path in options.paths for layer in _layers(path, options)]
        own_of_layers = agreed([(layer.where, layer.own) for layer in layers])
        self.layers = [replace(layer, own=own) for layer, own in zip(layers, own_of_layers, strict=True)]
        counts = [layer.count for layer in self.layers]
        self.total: int | None = None if None in counts else sum(count for count in counts if count is not None)

    @property
    def own(self) -> dict[str, pa.DataType]:
        return {each.name: each.type for layer in self.layers for each in layer.own}

    @property
    def remarks(self) -> list[str]:
        """What was guessed about the files."""
        return [f"{layer.where}: {said}" for layer in self.layers for said in layer.remarks]

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Location | Rejected]:
        for layer in self.layers:
            if isinstance(layer, _Dump):
                yield from self._named(layer)
                continue
            last = 0
            try:
                for row in layer.rows():
                    last = row.number
                    read = partial(self._location, row, layer)
                    yield record_or_rejection(read, f"{layer.where}, row {row.number}", "correct or delete the row")
            except InputError as error:
                why = f"the file is damaged from here on ({error}); repair or export it again"
                yield Rejected(where=f"{layer.where}, row {last + 1}", why=why)

    def _named(self, dump: _Dump) -> Iterator[Location | Rejected]:
        last = 0
        try:
            for number, place in places_of(dump.path):
                last = number
                where = f"{dump.where}, line {number}"
                yield record_or_rejection(partial(_named_location, place), where, "correct or delete the line")
        except InputError as error:
            why = f"the file is damaged from here on ({error}); download it again"
            yield Rejected(where=f"{dump.where}, line {last + 1}", why=why)

    def _location(self, row: LocatedRow, layer: _Layer | _Table) -> Location:
        if isinstance(row.values, InputError):
            raise row.values
        said = {word: text(row.values[name], name) for word, name in layer.columns.items()}
        facts = {"title": said.pop("name", ""), "source": layer.path.stem, "licence": self.options.licence, **said}
        return Location(place=Place(lat=row.lat, lon=row.lon), own=values_of(layer.own, row.values), **facts)


def _named_location(place: NamedPlace | InputError) -> Location:
    if isinstance(place, InputError):
        raise place
    return Location(
        place=Place(lat=place.lat, lon=place.lon), title=place.name, url=f"https://www.geonames.org/{place.id}",
        country=name_of(place.country), kind=place.kind, source="GeoNames", licence=LICENCE, other_names=place.others,
        people=str(place.people), region=place.region,
    )  # fmt: skip


def _layers(path: Path, options: Options) -> list[_Layer | _Table | _Dump]:
    """The layers of one file. Raises ``InputError`` if there are none."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a {_KINDS}")
    if path.suffix.lower() == ".txt" and is_dump(path):
        if options.keep:
            raise InputError(f"{path}: GeoNames' dump has no columns to keep; leave --keep out")
        return [_Dump(path=path)]
    if path.suffix.lower() in CSV + PARQUET:
        table = open_table(path)
        position = position_of(table, lat=options.lat, lon=options.lon, geometry=options.geometry, crs=options.crs, plane=True)
        columns = _columns(table.names, options, str(path))
        own, left_out = own_columns(
            table.names, partial(types_of, table), options.keep, used={*position.columns, *columns.values()}, taken=OUR_NAMES,
            where=str(path),
        )  # fmt: skip
        table.remarks += left_out
        return [_Table(table=table, position=position, columns=columns, own=own)]
    _check_format(path)
    import pyogrio  # type: ignore[import-untyped]

    with _readable(path):
        there = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        wanted = [name for name in there if not options.layers or name in options.layers]
        if not wanted:
            asked = ", ".join(options.layers) or "with geometries"
            raise InputError(f"{path}: no layer {asked}; it has {', '.join(there) or 'none'}")
        return [_layer(path, name, options) for name in wanted]


def _layer(path: Path, name: str, options: Options) -> _Layer:
    import pyogrio

    encoding, remarks = _dbf_encoding(path), list[str]()
    info = pyogrio.read_info(path, layer=name, encoding=encoding)
    where = f"{path}, layer {name}" if path.suffix.lower() == ".gpkg" else str(path)
    stated = str(info["crs"] or "")
    if stated and options.crs and path.suffix.lower() in (".geojson", ".json") and not _names_crs(path):
        stated = ""  # GDAL's assumption, after RFC 7946: the file itself says nothing
        remarks.append(f"a GeoJSON is in WGS 84 unless it says otherwise; read as {options.crs}, as --crs says")
    if encoding:
        remarks.append(f"its .dbf names no encoding; read as {encoding}")
    names = [str(field) for field in info["fields"]]
    columns = _columns(names, options, where)
    types = partial(_types, path, name, encoding)
    own, left_out = own_columns(names, types, options.keep, used={*columns.values()}, taken=OUR_NAMES, where=where)
    return _Layer(
        path=path, where=where, crs=agreed_crs(stated, options.crs, where), remarks=remarks + left_out, name=name,
        count=int(info["features"]), columns=columns, own=own, encoding=encoding,
    )  # fmt: skip


def _types(path: Path, layer: str, encoding: str | None, columns: Sequence[str]) -> dict[str, pa.DataType]:
    """As GDAL reads them, without reading a feature."""
    import pyogrio

    asked = {"layer": layer, "columns": sorted(columns), "encoding": encoding, "batch_size": 1, "use_pyarrow": True}
    with pyogrio.open_arrow(path, **asked) as (_, reader):
        return {column: reader.schema.field(column).type for column in columns}


def _names_crs(path: Path) -> bool:
    """Whether a GeoJSON has the member "crs" of 2008, which the later standard removed; it comes before the features."""
    with path.open("rb") as stream:
        return bool(re.search(rb'"crs"\s*:\s*\{', stream.read(2**16).partition(b'"features"')[0]))


def _dbf_encoding(path: Path) -> str | None:
    """The encoding of a shapefile's texts if it does not state one (in a .cpg); None leaves it to GDAL."""
    dbf = next((beside for ending in (".dbf", ".DBF") if (beside := path.with_suffix(ending)).is_file()), None)
    stated = any(path.with_suffix(ending).is_file() for ending in (".cpg", ".CPG", ".cst"))
    if path.suffix.lower() != ".shp" or dbf is None or stated:
        return None
    with dbf.open("rb") as stream:
        head = stream.read(32)
    begins = int.from_bytes(head[8:10], "little") if len(head) == 32 else 0
    return encoding_of(dbf, begins)


def _check_format(path: Path) -> None:
    expected = _FORMATS.get(path.suffix.lower())
    if expected is None:
        raise InputError(f"{path}: expected a {_KINDS}; convert it first (a zip: unpack it)")
    with path.open("rb") as stream:
        start = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n" if expected == b"{" else b"")
    if not start.startswith(expected):
        raise InputError(f"{path}: is not a {path.suffix} by its contents; export it again")


def _columns(have: Sequence[str], options: Options, where: str) -> dict[str, str]:
    """Which column holds what. A column that was asked for must be there."""
    chosen = {word: column(have, getattr(options, word), usual, word, where) for word, usual in _USUAL.items()}
    return {word: name for word, name in chosen.items() if name}


def _features(layer: _Layer) -> Iterator[LocatedRow]:
    """The features of a file with geometries."""
    import geopandas
    import pyogrio

    number, wanted = 0, sorted({*layer.columns.values(), *(each.column for each in layer.own)})
    with (
        _readable(layer.path),
        pyogrio.open_arrow(
            layer.path, layer=layer.name, columns=wanted, batch_size=BATCH_ROWS, use_pyarrow=True, encoding=layer.encoding
        ) as (meta, reader),
    ):
        geometry = meta["geometry_name"] or "wkb_geometry"
        for part in reader:
            x, y, problems = points_of(geopandas.GeoSeries.from_wkb(part[geometry].to_pylist(), on_invalid="ignore"))
            lat, lon = to_wgs84(x, y, layer.crs)
            said = {name: _values(part[name]) for name in wanted}
            for at in range(part.num_rows):
                number += 1
                values = {name: of_column[at] for name, of_column in said.items()}
                yield LocatedRow(number, InputError(problems[at]) if at in problems else values, float(lat[at]), float(lon[at]))


def _values(column: Any) -> list[Any]:
    """The values of a column. In text that is not UTF-8 (which Arrow does not check), marks replace the unreadable bytes."""
    import pyarrow as pa

    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return list(column.to_pylist())
    return [raw and raw.decode(errors="replace") for raw in column.cast(pa.large_binary()).to_pylist()]


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
