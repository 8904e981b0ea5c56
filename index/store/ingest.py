"""An ingest: the new records of a source go into its table, batch by batch, and a report tells the fate of the rest.

source -> records -> here -> the Lance tables that ``Catalogue`` opens. Rows are only ever added, keyed by content hash, so that an
ingest can be repeated or interrupted and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Any

import pyarrow as pa

from index.errors import writing
from index.imagery.pixels import encode_pixels
from index.records import Article, Done, Location, Modality, Record, Rejected, Source, Tile, bytes_in_memory
from index.slices import stored_split
from index.store.catalogue import SCHEMAS, Catalogue, rows_by_id
from index.store.contention import persistently
from index.store.manifest import MIGRATIONS_KEY, SCHEMA_KEY, SCHEMA_VERSION
from index.store.migrations import MIGRATIONS, migrate, names_of
from index.store.own import check_own, grow
from index.store.reports import IngestReport
from index.store.statistics import band_sums
from index.store.unique import ids_are_unique, insert_new
from index.store.units import FinishedUnits
from index.store.upkeep import settle
from index.threads import thread_count

# Limits of a batch, whichever is reached first. Fewer rows are not worth a file, and a killed process loses its gathered rows.
BATCH_ROWS: dict[Modality, int] = {"articles": 8192, "tiles": 256, "locations": 16384}
BATCH_BYTES = 64 * 2**20  # of pixels or text, as they lie in memory, where they are several times during a write


def ingest(
    catalogue: Catalogue,
    source: Source,
    advance: Callable[[int], None] = lambda n: None,
    reject: Callable[[Rejected], None] = lambda rejected: None,
) -> IngestReport:
    """Add the new records of a source. Every batch is committed at once, so an interrupted ingest resumes where it stopped.

    Any number of ingests may run at a time. ``reject`` receives every rejection; the report has only the first ones. A row that is
    there already keeps the own columns that it has, and a remark counts those that the source would fill in another way.

    Raises ``InputError`` for own columns that do not fit the table, before anything is written.
    """
    report, own = IngestReport(), dict(getattr(source, "own", {}))
    check_own(catalogue, source.modality, own)
    with writing(f"the {source.modality} could not be written"):
        table = _ready(catalogue, source.modality, own)
        finished = FinishedUnits(catalogue, table, source.key)
    batch: list[Record | Rejected | Done] = []
    size = 0

    def commit() -> None:
        nonlocal batch, size
        batch, full, size = [], batch, 0
        for each in full:
            if isinstance(each, Rejected):
                report.reject(each)
                reject(each)
        _add(table, source.modality, own, [each for each in full if not isinstance(each, (Done, Rejected))], report)
        finished.add([each.unit for each in full if isinstance(each, Done)])
        read = sum(not isinstance(each, Done) for each in full)
        report.read += read
        advance(read)

    try:
        for each in source.records(finished.units):
            batch.append(each)
            size += bytes_in_memory(each)
            if len(batch) >= BATCH_ROWS[source.modality] or size >= BATCH_BYTES:
                commit()
    finally:
        if batch:
            commit()  # also what a source had delivered before it failed or was interrupted
    report.remarks = [*getattr(source, "remarks", ()), *_unchanged(report)]
    if report.added:
        settle(table, source.modality, BATCH_ROWS[source.modality])
    return report


def _unchanged(report: IngestReport) -> list[str]:
    if not report.unchanged:
        return []
    return [f"rows stay as they were: {report.unchanged} have other values in their own columns, or none, than this source"]


def _ready(catalogue: Catalogue, modality: Modality, own: Mapping[str, pa.DataType]) -> Any:
    """The table of one modality, created or updated if needed; another process may be doing the same."""
    persistently(lambda: _created(catalogue, modality))
    table = catalogue.table(modality)
    migrate(table, SCHEMAS[modality])
    grow(table, modality, own)
    return table


def _created(catalogue: Catalogue, modality: Modality) -> None:
    table = catalogue.opened(modality, SCHEMAS[modality])
    if SCHEMA_KEY not in (table.to_lance().metadata or {}) and not table.count_rows():
        from lancedb.index import BTree

        table.create_index("id", config=BTree(), replace=True)
        done = {MIGRATIONS_KEY: names_of(MIGRATIONS)} if ids_are_unique(table.schema) else {}
        table.to_lance().update_metadata({SCHEMA_KEY: str(SCHEMA_VERSION), **done})


def _add(table: Any, modality: Modality, own: Mapping[str, pa.DataType], records: list[Record], report: IngestReport) -> None:
    if not records:
        return
    rows = pa.Table.from_pylist(_rows(records), schema=pa.schema([*SCHEMAS[modality], *own.items()]))
    with writing(f"the {modality} could not be written"):
        added = insert_new(table, rows)
        report.unchanged += _differing(table.to_lance(), rows, [*own]) if own and added < len(rows) else 0
    report.added += added
    report.known += len(records) - added


def _differing(dataset: Any, rows: pa.Table, own: Sequence[str]) -> int:
    """How many of the rows the table holds with other values in these columns."""
    stored = rows_by_id(dataset, rows["id"].to_pylist(), own).select(own).to_pylist()
    return sum(there != given for there, given in zip(stored, rows.select(own).to_pylist(), strict=True))


def _rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One row for each id: the first wins, as it does across batches. Tiles are hashed, measured and packed in threads."""
    fresh: dict[str, Record] = {}
    with ThreadPoolExecutor(thread_count()) as pool:
        each_of: Callable[..., Iterable[Any]] = pool.map if isinstance(records[0], Tile) else map
        for id_, record in zip(each_of(attrgetter("id"), records), records, strict=True):
            fresh.setdefault(id_, record)
        return list(each_of(_row, fresh, fresh.values()))


def _row(id_: str, record: Record) -> dict[str, Any]:
    row = {**record.own, "id": id_, "lat": record.place.lat, "lon": record.place.lon}
    row |= {name: getattr(record, name) for name in ("title", "url", "country", "source", "licence")}
    if isinstance(record, Location):
        return row | {name: getattr(record, name) for name in ("kind", "other_names", "people", "region")}
    row["split"] = stored_split(record.split, record.place)
    if isinstance(record, Article):
        return row | {name: getattr(record, name) for name in ("text", "language", "wikidata", "image")}
    row |= {name: getattr(record, name) for name in ("sensor", "level", "date", "crs", "assumed", "bands", "bounds", "valid")}
    _, row["height"], row["width"] = record.pixels.shape
    return row | band_sums(record.pixels) | {"dtype": record.pixels.dtype.name, "pixels": encode_pixels(record.pixels)}
