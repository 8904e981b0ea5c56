"""The catalogue: one LanceDB database with a table each for articles, tiles and locations.

source -> records -> here -> training batches and vectors. Rows are only ever added, keyed by content hash, so that an
ingest can be repeated or interrupted and resumed. The vector column of the same tables is the business of ``index.store.vectors``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import BTree

from index.errors import CatalogueError, writing
from index.imagery.pixels import encode_pixels
from index.records import MODALITIES, Article, Done, Location, Modality, Record, Rejected, Source, Tile
from index.store.manifest import SCHEMA_KEY, SCHEMA_VERSION
from index.store.statistics import SUM_COLUMNS, SUMS, BandStatistics, add_sums, band_statistics, band_sums
from index.store.upkeep import settle
from index.threads import thread_count

_COMMON = [("id", pa.string()), ("lat", pa.float64()), ("lon", pa.float64())]
_COMMON += [(name, pa.string()) for name in ("title", "url", "country", "source", "licence")]

SCHEMAS: dict[Modality, pa.Schema] = {
    "articles": pa.schema([*_COMMON, *[(name, pa.string()) for name in ("text", "split", "language", "wikidata", "image")]]),
    "tiles": pa.schema(
        [
            *_COMMON,
            *[(name, pa.string()) for name in ("sensor", "level", "date", "crs", "dtype", "split")],
            ("bands", pa.list_(pa.string())),
            ("bounds", pa.list_(pa.float64(), 4)),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("valid", pa.float32()),
            *SUM_COLUMNS,
            ("pixels", pa.large_binary()),
        ]
    ),
    "locations": pa.schema([*_COMMON, ("kind", pa.string())]),
}

BATCH_ROWS: dict[Modality, int] = {"articles": 2048, "tiles": 64, "locations": 16384}


@dataclass
class IngestReport:
    """What became of a source's records."""

    read: int = 0
    added: int = 0
    known: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        rejected = [{"where": each.where, "why": each.why} for each in self.rejected]
        return {"read": self.read, "added": self.added, "already_known": self.known, "skipped": rejected}


class Catalogue:
    """An opened catalogue. Reads always see the newest committed version, also of other processes."""

    def __init__(self, uri: str, db: Any) -> None:
        self.uri = uri
        self.db = db

    @classmethod
    def open(cls, uri: str | Path, *, create: bool = False) -> Catalogue:
        """Open the catalogue in a folder (or any URI LanceDB takes). Raises ``CatalogueError`` where there is none."""
        uri = _address(uri)
        local = "://" not in uri
        if local and not create and not Path(uri).is_dir():
            raise CatalogueError(
                f"no catalogue at {uri}; fill one with `placebind ingest … --catalogue {uri}` or run `placebind demo`"
            )
        try:
            db = lancedb.connect(uri, read_consistency_interval=timedelta(0))
            catalogue = cls(uri, db)
            if not create and not any(catalogue.has(modality) for modality in MODALITIES):
                raise CatalogueError(f"{uri} holds no PlaceBind tables; fill it with `placebind ingest … --catalogue {uri}`")
        except OSError as error:
            raise CatalogueError(f"cannot open the catalogue {uri}: {error}") from error
        return catalogue

    def names(self) -> list[str]:
        """All tables, also those that cache features."""
        found, token = [], None
        while True:
            page = self.db.list_tables(page_token=token, limit=1000)
            found += page.tables
            token = page.page_token
            if not token:
                return [name for name in found if self._has_version(name)]

    def _has_version(self, name: str) -> bool:
        """A folder that a full disk or a killed process has left without a version is no table: Lance lists it and cannot open it,
        but makes a new table there. In an object store there are no folders."""
        if "://" in self.uri:
            return True
        with suppress(FileNotFoundError), os.scandir(Path(self.uri) / f"{name}.lance" / "_versions") as files:
            return any(file.name.endswith(".manifest") for file in files)
        return False

    def has(self, modality: Modality) -> bool:
        return modality in self.names()

    def table(self, modality: Modality) -> Any:
        """The Lance table of one modality. Raises ``CatalogueError`` if it is not there or of another schema version."""
        if not self.has(modality):
            raise CatalogueError(f"the catalogue {self.uri} has no {modality}; add some with `placebind ingest`")
        table = self.db.open_table(modality)
        version = (table.to_lance().metadata or {}).get(SCHEMA_KEY)
        if version != str(SCHEMA_VERSION) and table.count_rows():  # an empty one is of a first ingest that was killed
            raise CatalogueError(
                f"table {modality} in {self.uri} has schema version {version}, this PlaceBind reads {SCHEMA_VERSION}; "
                "ingest again into a new folder"
            )
        return table

    def count(self, modality: Modality, where: str | None = None) -> int:
        return int(self.table(modality).count_rows(where)) if self.has(modality) else 0

    def ingest(self, source: Source, advance: Callable[[int], None] = lambda n: None) -> IngestReport:
        """Add what is new of a source. Every batch is committed at once, so an interrupted ingest goes on where it stopped."""
        report = IngestReport()
        with writing(f"the {source.modality} could not be written"):
            table = self._create(source.modality)
            finished = FinishedUnits(self, source.key)
        batch: list[Record | Rejected | Done] = []

        def commit() -> None:
            nonlocal batch
            batch, full = [], batch
            self._add(table, source.modality, [each for each in full if not isinstance(each, Done)], report)
            finished.add([each.unit for each in full if isinstance(each, Done)])
            advance(sum(not isinstance(each, Done) for each in full))

        try:
            for each in source.records(finished.units):
                batch.append(each)
                if len(batch) == BATCH_ROWS[source.modality]:
                    commit()
        finally:
            commit()  # also what a source had delivered before it failed or was interrupted
        if report.added:
            settle(table, source.modality)
        return report

    def rows(self, modality: Modality, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows of these ids, in the order of ``ids``. Raises ``CatalogueError`` if one is not there."""
        return rows_by_id(self.table(modality), ids, columns)

    def column(self, modality: Modality, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """Some columns of all rows (or those that fulfil the SQL condition ``where``), ordered by id."""
        return self.table(modality).to_lance().to_table(columns=["id", *columns], filter=where).sort_by("id")

    def band_statistics(self) -> list[BandStatistics]:
        """What the tiles measured, by sensor, level and band."""
        return band_statistics(self.table("tiles")) if self.has("tiles") else []

    def _create(self, modality: Modality) -> Any:
        exists = self.has(modality)
        table = self.db.open_table(modality) if exists else self.db.create_table(modality, schema=SCHEMAS[modality])
        if not table.count_rows() and SCHEMA_KEY not in (table.to_lance().metadata or {}):
            table.create_index("id", config=BTree(), replace=True)
            table.to_lance().update_metadata({SCHEMA_KEY: str(SCHEMA_VERSION)})
        table = self.table(modality)
        # A column that may be empty needs no new schema version: what an older PlaceBind wrote does not know, and '' says so.
        lacking = [name for name in SCHEMAS[modality].names if name not in table.schema.names]
        if set(lacking) & set(SUMS):
            add_sums(table)
        if texts := [name for name in lacking if name not in SUMS]:
            table.add_columns(dict.fromkeys(texts, "''"))
        return table

    def _add(self, table: Any, modality: Modality, batch: list[Record | Rejected], report: IngestReport) -> None:
        report.read += len(batch)
        report.rejected += [each for each in batch if isinstance(each, Rejected)]
        records = [each for each in batch if not isinstance(each, Rejected)]
        if not records:
            return
        rows = pa.Table.from_pylist(_rows(records), schema=SCHEMAS[modality])
        with writing(f"the {modality} could not be written"):
            result = table.merge_insert("id").when_not_matched_insert_all().execute(rows)
        report.added += result.num_inserted_rows
        report.known += len(records) - result.num_inserted_rows


def _address(uri: str | Path) -> str:
    """Of an address that is a ``Path``, as the command line has it, pathlib has folded the slashes into one."""
    scheme, colon, rest = str(uri).partition(":/")
    if not isinstance(uri, Path) or not colon or not re.fullmatch(r"[a-z][a-z0-9+-]+", scheme):
        return str(uri)
    return f"{scheme}://{'/' if scheme.startswith('file') else ''}{rest}"


class FinishedUnits:
    """Which units of a source are in the catalogue already, in a table of its own; noted only after their records are committed."""

    def __init__(self, catalogue: Catalogue, key: str) -> None:
        self.key = key
        self.units: set[str] = set()
        if key:
            name = "finished_units"
            schema = pa.schema([("key", pa.string()), ("unit", pa.string())])
            self._table = (
                catalogue.db.open_table(name) if name in catalogue.names() else catalogue.db.create_table(name, schema=schema)
            )
            rows = self._table.to_lance().to_table(filter="key = '" + key.replace("'", "''") + "'")
            self.units = set(rows["unit"].to_pylist())

    def add(self, units: Sequence[str]) -> None:
        fresh = [unit for unit in dict.fromkeys(units) if unit not in self.units]
        if self.key and fresh:
            with writing("what is finished could not be noted"):
                self._table.add(pa.table({"key": [self.key] * len(fresh), "unit": fresh}))
            self.units |= set(fresh)


def rows_by_id(table: Any, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Rows of a Lance table in the order of ``ids`` (content hashes: hex, so safe inside the condition)."""
    wanted = ", ".join(f"'{id_}'" for id_ in ids)
    names = list(dict.fromkeys(["id", *columns]))
    found = (
        table.to_lance().to_table(columns=names, filter=f"id IN ({wanted})") if ids else table.schema.empty_table().select(names)
    )
    position = {id_: row for row, id_ in enumerate(found["id"].to_pylist())}
    missing = [id_ for id_ in ids if id_ not in position]
    if missing:
        raise CatalogueError(
            f"{len(missing)} records are not in the table any more (first: {missing[0]}); run `placebind index build`"
        )
    return found.take(pa.array([position[id_] for id_ in ids], pa.int64()))


def _rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One row for each id: the first wins, as it does across batches. Tiles are hashed, measured and packed in threads."""
    fresh: dict[str, Record] = {}
    with ThreadPoolExecutor(thread_count()) as pool:
        each_of: Callable[..., Iterable[Any]] = pool.map if isinstance(records[0], Tile) else map
        for id_, record in zip(each_of(attrgetter("id"), records), records, strict=True):
            fresh.setdefault(id_, record)
        return list(each_of(_row, fresh, fresh.values()))


def _row(id_: str, record: Record) -> dict[str, Any]:
    row = {"id": id_, "lat": record.place.lat, "lon": record.place.lon}
    row |= {name: getattr(record, name) for name in ("title", "url", "country", "source", "licence")}
    if isinstance(record, Article):
        return row | {name: getattr(record, name) for name in ("text", "split", "language", "wikidata", "image")}
    if isinstance(record, Location):
        return row | {"kind": record.kind}
    row |= {name: getattr(record, name) for name in ("sensor", "level", "date", "crs", "split", "bands", "bounds", "valid")}
    _, row["height"], row["width"] = record.pixels.shape
    return row | band_sums(record.pixels) | {"dtype": record.pixels.dtype.name, "pixels": encode_pixels(record.pixels)}


def write_report(report: IngestReport, path: Path) -> None:
    """Save an ingest report as JSON, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False))
    partial.replace(path)
