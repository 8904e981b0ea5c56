"""Tables whose rows have a place: a file is opened by its kind, and each row comes with its latitude and longitude."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.errors import InputError
from index.tables.columns import column, coordinate_columns, no_coordinates
from index.tables.csv_table import CsvTable
from index.tables.geometry import USUAL_NAMES, WGS84, Axis, agreed_crs, checked_crs, geoparquet_of, points_of_column, to_wgs84
from index.tables.parquet_table import ParquetTable
from index.tables.values import DECIMAL_COMMA, number

BATCH_ROWS = 1024
PARQUET, CSV = (".parquet", ".pq", ".geoparquet"), (".csv", ".tsv")
_METRES = 1000  # no angle is that large

Table = CsvTable | ParquetTable


@dataclass(frozen=True, slots=True)
class Position:
    """Where rows lie, in ``crs``: in two columns (latitude or northing first), or in one with geometries."""

    columns: tuple[str, ...]
    crs: str


@dataclass(frozen=True, slots=True)
class LocatedRow:
    """``values`` of the columns asked for, or what is wrong with the row; ``lat`` and ``lon`` in WGS84 degrees."""

    number: int
    values: Mapping[str, Any] | InputError
    lat: float = np.nan
    lon: float = np.nan


def open_table(path: Path) -> Table:
    """Raises ``InputError`` for a file that is missing, is not such a table or cannot be read."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a Parquet or CSV file")
    if path.suffix.lower() in PARQUET:
        return ParquetTable(path)
    if path.suffix.lower() in CSV:
        return CsvTable(path)
    raise InputError(f"{path}: expected a .parquet, .geoparquet, .csv or .tsv file; convert it first")


def position_of(table: Table, *, lat: str, lon: str, geometry: str, crs: str, plane: bool) -> Position:
    """What was asked for, else latitude and longitude, else geometries, else (with ``plane``) x and y. Raises ``InputError``."""
    where, names = str(table.path), table.names
    if geometry and (lat or lon):
        raise InputError(f"{where}: --geometry and --lat, --lon give two places for a row; give one of them")
    geo = geoparquet_of(table.metadata, where) if isinstance(table, ParquetTable) and not (lat or lon) else None
    shapes = column(names, geometry, (geo.column.lower(),) if geo else USUAL_NAMES, "geometry", where) if not (lat or lon) else ""
    if not geometry:
        pair = coordinate_columns(names, lat, lon, where, plane=plane and not shapes)  # geometries come before x and y
        if pair:
            return Position(pair, checked_crs(crs or WGS84, where))
    if not shapes:
        raise no_coordinates(names, where)
    table.remarks.append(f"places are taken from the geometries in the column {shapes}")
    of_file = geo.crs if geo and shapes == geo.column else WGS84 if not crs else ""
    return Position((shapes,), agreed_crs(of_file, crs, where))


def located_rows(table: Table, position: Position, columns: Sequence[str]) -> Iterator[LocatedRow]:
    """All rows in order. Raises ``InputError`` where the file cannot be read any further, after the rows before that."""
    comma: bool | None = None
    batch: list[tuple[int, Any]] = []
    wanted = tuple(dict.fromkeys([*position.columns, *columns]))
    damage = None
    rows = table.rows(wanted)
    while damage is None:
        try:
            each = next(rows, None)
        except InputError as error:
            each, damage = None, error
        if each is not None:
            batch.append(each)
        if batch and (each is None or len(batch) == BATCH_ROWS):
            if comma is None:
                comma = _has_decimal_commas(batch, position)
                if comma:
                    table.remarks.append(f"numbers in {' and '.join(position.columns)} are read with a decimal comma")
            yield from _located(batch, position, comma=comma)
            batch = []
        if each is None:
            break
    if damage is not None:
        raise damage


def _has_decimal_commas(batch: Sequence[tuple[int, Any]], position: Position) -> bool:
    """Whether the first rows write 48,2082, and none of them 48.2082."""
    if len(position.columns) == 1:
        return False
    said = [
        value.decode(errors="replace") if isinstance(value, bytes) else value
        for _, values in batch
        if not isinstance(values, InputError)
        for value in (values[each] for each in position.columns)
        if isinstance(value, str | bytes)
    ]
    return any(DECIMAL_COMMA.fullmatch(each.strip()) for each in said) and not any("." in each for each in said)


def _located(batch: Sequence[tuple[int, Any]], position: Position, *, comma: bool) -> Iterator[LocatedRow]:
    rows = [{} if isinstance(values, InputError) else values for _, values in batch]
    x, y, problems = _points(rows, position, comma=comma)
    lat, lon = to_wgs84(x, y, position.crs)
    for at, (row, values) in enumerate(batch):
        if isinstance(values, InputError):
            yield LocatedRow(row, values)
        elif at in problems:
            yield LocatedRow(row, InputError(problems[at]))
        else:
            yield LocatedRow(row, values, float(lat[at]), float(lon[at]))


def _points(rows: Sequence[Mapping[str, Any]], position: Position, *, comma: bool) -> tuple[Axis, Axis, dict[int, str]]:
    if len(position.columns) == 1:
        return points_of_column([row.get(position.columns[0]) for row in rows])
    unit = " in degrees" if position.crs == WGS84 else ""
    yx, problems = np.full((2, len(rows)), np.nan), dict[int, str]()
    for at, row in enumerate(rows):
        try:
            yx[:, at] = [number(row.get(each), each, comma=comma, unit=unit) for each in position.columns] if row else np.nan
            if unit and np.abs(yx[:, at]).max() > _METRES:
                said = ", ".join(f"{value:.10g}" for value in yx[:, at])
                problems[at] = f"numbers as large as {said} are metres, not degrees; state their system with --crs EPSG:…"
        except InputError as error:
            problems[at] = str(error)
    return yx[1], yx[0], problems
