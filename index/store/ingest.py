"""An ingest: what is new of a source goes into its table, batch by batch, and what became of the rest is reported.

source -> records -> here -> the Lance tables that ``Catalogue`` opens. Rows are only ever added, keyed by content hash, so that an
ingest can be repeated or interrupted and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
from lancedb.index import BTree

from index.errors import writing
from index.files import made_whole
from index.imagery.pixels import encode_pixels
from index.records import Article, Done, Location, Modality, Record, Rejected, Source, Tile
from index.store.catalogue import SCHEMAS, Catalogue
from index.store.manifest import SCHEMA_KEY, SCHEMA_VERSION
from index.store.statistics import SUMS, add_sums, band_sums
from index.store.upkeep import settle
from index.threads import thread_count

BATCH_ROWS: dict[Modality, int] = {"articles": 2048, "tiles": 64, "locations": 16384}


@dataclass
class IngestReport:
    """What became of a source's records; ``remarks`` says how the source took what its files do not state."""

    read: int = 0
    added: int = 0
    known: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        rejected = [{"where": each.where, "why": each.why} for each in self.rejected]
        counts = {"read": self.read, "added": self.added, "already_known": self.known}
        return counts | ({"remarks": self.remarks} if self.remarks else {}) | {"skipped": rejected}


def ingest(catalogue: Catalogue, source: Source, advance: Callable[[int], None] = lambda n: None) -> IngestReport:
    """Add what is new of a source. Every batch is committed at once, so an interrupted ingest goes on where it stopped."""
    report = IngestReport()
    with writing(f"the {source.modality} could not be written"):
        table = _created(catalogue, source.modality)
        finished = FinishedUnits(catalogue, source.key)
    batch: list[Record | Rejected | Done] = []

    def commit() -> None:
        nonlocal batch
        batch, full = [], batch
        _add(table, source.modality, [each for each in full if not isinstance(each, Done)], report)
        finished.add([each.unit for each in full if isinstance(each, Done)])
        advance(sum(not isinstance(each, Done) for each in full))

    try:
        for each in source.records(finished.units):
            batch.append(each)
            if len(batch) == BATCH_ROWS[source.modality]:
                commit()
    finally:
        commit()  # also what a source had delivered before it failed or was interrupted
    report.remarks = list(getattr(source, "remarks", ()))
    if report.added:
        settle(table, source.modality)
    return report


def write_report(report: IngestReport, path: Path) -> None:
    """Save an ingest report as JSON, complete or not at all."""
    with made_whole(path) as partial:
        partial.write_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False))


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


def _created(catalogue: Catalogue, modality: Modality) -> Any:
    exists = catalogue.has(modality)
    table = catalogue.db.open_table(modality) if exists else catalogue.db.create_table(modality, schema=SCHEMAS[modality])
    if not table.count_rows() and SCHEMA_KEY not in (table.to_lance().metadata or {}):
        table.create_index("id", config=BTree(), replace=True)
        table.to_lance().update_metadata({SCHEMA_KEY: str(SCHEMA_VERSION)})
    table = catalogue.table(modality)
    # A column that may be empty needs no new schema version: what an older PlaceBind wrote does not know, and '' says so.
    lacking = [name for name in SCHEMAS[modality].names if name not in table.schema.names]
    if set(lacking) & set(SUMS):
        add_sums(table)
    if texts := [name for name in lacking if name not in SUMS]:
        table.add_columns(dict.fromkeys(texts, "''"))
    return table


def _add(table: Any, modality: Modality, batch: list[Record | Rejected], report: IngestReport) -> None:
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
    row |= {
        name: getattr(record, name) for name in ("sensor", "level", "date", "crs", "split", "assumed", "bands", "bounds", "valid")
    }
    _, row["height"], row["width"] = record.pixels.shape
    return row | band_sums(record.pixels) | {"dtype": record.pixels.dtype.name, "pixels": encode_pixels(record.pixels)}
