"""The data that is searched: one table's ids, places and vectors at one version, as arrays whose rows all backends share.

Lance table -> here -> backends, filters and the planner, which all speak in rows of a snapshot. The arrays are files made from the
table (``index.store.derived``) and memory-mapped, so that opening costs nothing and processes share them. Their names depend on the
model and on the contents of the columns read, not on the version number: a later index or later metadata makes a new version of the
table, but the same snapshot.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import CatalogueError, InputError, one_line
from index.files import made_whole, remove
from index.places.whereabouts import Whereabouts
from index.records import Embeddings, Modality
from index.search.cosines import Cosines
from index.search.current import COLUMNS as SHOWN_COLUMNS
from index.search.current import (
    SHOWN,
    SHOWN_UP_TO_ROWS,
    Current,
    current_of,
    mapped_shown,
    note,
    shown,
    shown_columns,
    write_shown,
)
from index.search.growth import COLUMNS, Fragments, arrow, grow, mapped, numbers, put, write_rows
from index.search.growth import allocate as _allocate
from index.search.sql import columns_in
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders, newest_first, sweep, writable_folder
from index.store.manifest import MANIFEST_KEY, Manifest
from index.store.own import described, own_fields
from index.store.vector_column import HAS_VECTOR, VECTOR, WRITE_ROWS
from index.store.vectors import not_indexed
from index.threads import once

Rows = npt.NDArray[np.int64]
Dtype = Literal["float32", "float16"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The vectors [N, D] of unit norm, float32 or float16, of one table at one ``version``; all rows are in the order of ``ids``.

    ``places`` [N, 2] are lat, lon in WGS84 degrees, ``row_ids`` [N] the rows' addresses in the Lance table at ``version``.
    ``folder`` is where files derived from this snapshot belong; None for one in memory. ``sizes`` are the row counts, ascending, at
    which this was an earlier snapshot: later rows follow earlier ones, each addition ordered by id.
    """

    modality: Modality
    manifest: Manifest
    version: int
    ids: pa.StringArray = field(repr=False)
    places: npt.NDArray[np.float64] = field(repr=False)
    row_ids: npt.NDArray[np.uint64] = field(repr=False)
    vectors: npt.NDArray[np.float32] | npt.NDArray[np.float16] = field(repr=False)
    folder: Path | None = None
    catalogue: Catalogue | None = field(default=None, repr=False)
    sizes: tuple[int, ...] = ()

    @classmethod
    def in_memory(cls, embeddings: Embeddings) -> Snapshot:
        """A snapshot without a table: it can be searched, but not filtered by SQL. Rows keep the given order."""
        count, dim = embeddings.vectors.shape
        mean = embeddings.vectors.mean(axis=0, dtype=np.float64) if count else np.zeros(dim)
        manifest = Manifest(model_digest=embeddings.model_digest, preprocessing={}, dim=dim, rows=count, mean=tuple(mean.tolist()))
        ids, row_ids = pa.array(list(embeddings.ids), pa.string()), np.arange(count, dtype=np.uint64)
        return cls(embeddings.modality, manifest, 0, ids, embeddings.places, row_ids, embeddings.vectors)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def row_of(self, ids: Sequence[str]) -> Rows:
        """The rows [n] of these records. Raises ``CatalogueError`` for an id that is not there or has no vector."""
        rows = np.array([self._row_of(id_) for id_ in ids], dtype=np.int64)
        unknown = [id_ for id_, row in zip(ids, rows, strict=True) if row < 0]
        if unknown:
            raise CatalogueError(
                f"{len(unknown)} of {len(ids)} ids are not among the indexed {self.modality} (first: {unknown[0][:80]}); "
                "look them up again, or run `placebind index append` if they are new"
            )
        return rows

    def _row_of(self, id_: str) -> int:
        """-1 if it is not there."""
        for start, stop in pairwise((0, *self.sizes, len(self))):
            row = bisect_left(self.ids, id_, start, stop, key=pa.StringScalar.as_py)
            if row < stop and self.ids[row].as_py() == id_:
                return row
        return -1

    def rows_where(self, sql: str) -> Rows:
        """The rows that fulfil a SQL condition over the table's columns, ascending. Raises ``InputError`` for bad SQL,
        ``CatalogueError`` if the version was cleaned away."""
        with self.reading():
            dataset = self.dataset
        try:
            found = dataset.to_table(columns=[], filter=sql, with_row_id=True)["_rowid"].to_numpy()
        except (ValueError, OSError, RuntimeError) as error:
            if "not found:" in str(error).lower():  # a file, not a column
                raise self._removed(error) from error
            why = f"cannot filter the {self.modality} by '{sql[:80]}': {one_line(error)}"
            own = [described(field) for field in own_fields(dataset.schema, self.modality)]
            raise InputError(f"{why}; own columns are {', '.join(own)}" if own else why) from error
        return np.sort(self.rows_at(found))

    def lacks(self, condition: str, among: Collection[str]) -> bool:
        """Whether a condition uses one of these names of columns that the table does not have."""
        return bool(columns_in(condition, among) - {name.casefold() for name in self.columns})

    @once
    def columns(self) -> tuple[str, ...]:
        """The names of the table's columns, also own ones. There are none in a snapshot without a table."""
        if self.catalogue is None:
            return ()
        with self.reading():
            return tuple(self.dataset.schema.names)

    def values(self, column: str) -> frozenset[str]:
        """The different texts in a column without ''. There are none in a snapshot without a table."""
        if self.catalogue is None:
            return frozenset()
        if column not in self._values:
            with self.reading():
                found = self.dataset.to_table(columns=[column])[column].unique().to_pylist()
            self._values[column] = frozenset(text for text in found if text)
        return self._values[column]

    def take(self, rows: npt.ArrayLike, columns: Sequence[str]) -> pa.Table:
        """These columns of the rows, in their order; a row may be asked for twice. Raises ``InputError`` for an unknown column."""
        rows = np.asarray(rows, dtype=np.int64)
        with self.reading():
            dataset = self.dataset
        unknown = sorted(set(columns) - set(dataset.schema.names))
        if unknown:
            raise InputError(f"the {self.modality} have no column '{unknown[0]}'; choose from {', '.join(dataset.schema.names)}")
        wanted = np.unique(self.row_ids[rows])
        with self.reading():
            found = dataset._take_rows(wanted.tolist(), columns=list(columns))
        return found.take(pa.array(np.searchsorted(wanted, self.row_ids[rows])))

    def shown(self, rows: npt.ArrayLike) -> list[dict[str, Any]]:
        """What hits show of the rows: id, lat, lon, title, url, country, the beginning of a text as ``snippet``, and ``own``, a
        mapping of own columns."""
        rows = np.asarray(rows, dtype=np.int64)
        if self._shown is not None:
            found = self._shown.take(arrow(rows))
        else:
            with self.reading():
                columns = shown_columns(self.dataset, self.modality)
            found = shown(self.take(rows, columns))
        ids, (lat, lon) = self.ids.take(arrow(rows)).to_pylist(), self.places[rows].T.tolist()
        ours = (*SHOWN_COLUMNS, "snippet")
        facts, own = found.select(ours).to_pylist(), found.drop_columns(list(ours)).to_pylist() or [{}] * len(rows)
        return [
            {"id": id_, "lat": north, "lon": east, **record, "own": values}
            for id_, north, east, record, values in zip(ids, lat, lon, facts, own, strict=True)
        ]

    @once
    def _shown(self) -> pa.Table | None:
        return mapped_shown(self.folder / SHOWN, len(self)) if self.folder else None

    def rows_at(self, row_ids: npt.NDArray[np.uint64]) -> Rows:
        """The rows of these Lance row ids, in their order; those without a vector are left out."""
        order = self._order
        at = np.searchsorted(self.row_ids, row_ids, sorter=order).clip(max=max(len(self) - 1, 0))
        rows: Rows = order[at] if len(self) else np.empty(0, np.int64)
        return rows[self.row_ids[rows] == row_ids] if len(self) else rows

    @once
    def cosines(self) -> Cosines:
        """Of queries with all vectors, those of the last queries at hand."""
        return Cosines(self.vectors)

    @once
    def whereabouts(self) -> Whereabouts:
        """Near which places, and in which countries and continents the rows lie."""
        return Whereabouts(self.places)

    @once
    def _values(self) -> dict[str, frozenset[str]]:
        return {}

    @once
    def _order(self) -> Rows:
        return np.argsort(self.row_ids, kind="stable")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises ``CatalogueError`` if ``version`` is cleaned away before the block ends."""
        if self.catalogue is None:
            raise CatalogueError(f"this snapshot of the {self.modality} is in memory only; open it from a catalogue")
        try:
            yield
        except (ValueError, OSError, RuntimeError) as error:
            raise self._removed(error) from error

    def _removed(self, error: Exception) -> CatalogueError:
        return CatalogueError(
            f"version {self.version} of the {self.modality} cannot be read any more: {one_line(error)}; open the space again"
        )

    @once
    def dataset(self) -> Any:
        """The Lance data set at ``version``; ask for it while ``reading``."""
        assert self.catalogue is not None
        return self.catalogue.dataset(self.modality).checkout_version(self.version)

    @once
    def table(self) -> Any:
        """The LanceDB table at ``version``, for its indexes; ask for it while ``reading``."""
        assert self.catalogue is not None
        table = self.catalogue.table(self.modality)
        table.checkout(self.version)
        return table


def open_snapshot(catalogue: Catalogue, modality: Modality, dtype: Dtype = "float32") -> Snapshot:
    """The newest version of one table, ready to be searched; its files are made if they are not there, and older ones removed.

    Raises ``CatalogueError`` if no index of the table was finished, or if there is no room for the files.
    """
    current = current_of(catalogue, modality)
    parents = derived_folders(catalogue.uri, modality)
    if current is not None:
        manifest = Manifest.from_json(current.manifest)
        for parent in parents:
            snapshot = _open_if_whole(parent / f"{current.snapshot}{dtype}", modality, manifest, catalogue, current.version)
            if snapshot is not None:  # an empty one is false
                return snapshot
    versions, dataset = catalogue.state(modality), catalogue.dataset(modality)
    text = (dataset.metadata or {}).get(MANIFEST_KEY)
    if text is None:
        raise not_indexed(catalogue, modality)
    manifest = Manifest.from_json(text)
    model = manifest.model_digest[:12]
    name = f"{model}-{Fragments.of(dataset).digest}-"
    snapshot = _newest(catalogue, modality, manifest, dataset, parents, name, dtype)
    if versions and snapshot.folder and os.access(snapshot.folder, os.W_OK):
        (snapshot.folder / SHOWN).unlink(missing_ok=True)  # of an earlier version
        if len(snapshot) <= SHOWN_UP_TO_ROWS:
            with suppress(CatalogueError):  # without it hits take longer; another process may just have removed the folder
                write_shown(snapshot.folder / SHOWN, dataset, modality, snapshot.row_ids)
        note(snapshot.folder.parent, Current(versions, dataset.version, text, name))
    return snapshot


def _newest(
    catalogue: Catalogue, modality: Modality, manifest: Manifest, dataset: Any, parents: list[Path], name: str, dtype: Dtype
) -> Snapshot:
    """The snapshot of this version of the table: opened, or made."""
    for parent in parents:
        snapshot = _open_if_whole(parent / f"{name}{dtype}", modality, manifest, catalogue, dataset.version)
        if snapshot is not None:  # an empty one is false
            return snapshot
    folder = writable_folder(parents) / f"{name}{dtype}"
    with made_whole(folder) as partial:
        _write(partial, dataset, manifest, dtype, newest_first(folder.parent.glob(f"{manifest.model_digest[:12]}-*-{dtype}")))
        # Open it before it is renamed: after that, a process that sees a newer version may remove it. Mapped files stay readable.
        snapshot = replace(_open(partial, modality, manifest, catalogue, dataset.version), folder=folder)
    sweep(folder.parent, keep=lambda other: other.startswith(name))
    return snapshot


def _write(folder: Path, dataset: Any, manifest: Manifest, dtype: Dtype, bases: Sequence[Path]) -> None:
    """The files of a snapshot: from an earlier one if possible, else read from the table, one batch of vectors at a time."""
    if any(grow(folder, base, dataset, manifest.dim, dtype) for base in bases):
        return
    rows = dataset.to_table(columns=list(COLUMNS), filter=HAS_VECTOR, with_row_id=True).sort_by("id")
    folder.mkdir()
    write_rows(folder, rows)
    vectors = _allocate(folder / "vectors.npy", dtype, (len(rows), manifest.dim))
    if len(rows):
        batches = dataset.to_batches(columns=[VECTOR], filter=HAS_VECTOR, with_row_id=True, batch_size=WRITE_ROWS)
        put(vectors, rows["_rowid"].to_numpy(), batches)
    vectors.flush()
    Fragments.of(dataset).save(folder)


def _open_if_whole(folder: Path, modality: Modality, manifest: Manifest, catalogue: Catalogue, version: int) -> Snapshot | None:
    """The snapshot in a folder. None if it is not there, or damaged: then it is removed."""
    try:
        return _open(folder, modality, manifest, catalogue, version)
    except (OSError, ValueError, EOFError):  # what Arrow raises is a ValueError too
        remove(folder)
        return None


def _open(folder: Path, modality: Modality, manifest: Manifest, catalogue: Catalogue, version: int) -> Snapshot:
    """Map the files of a folder. Raises ``OSError``, ``ValueError`` or ``EOFError`` if they are missing or incomplete."""
    rows = pa.ipc.open_file(pa.memory_map(str(folder / "rows.arrow"))).read_all().combine_chunks()
    vectors = mapped(folder / "vectors.npy", (len(rows), manifest.dim))
    places = np.stack([numbers(rows["lat"], np.float64), numbers(rows["lon"], np.float64)], axis=1)
    ids = rows["id"].chunk(0) if len(rows) else pa.array([], pa.string())
    row_ids, sizes = numbers(rows["_rowid"], np.uint64), Fragments.load(folder).sizes
    return Snapshot(modality, manifest, version, ids, places, row_ids, vectors, folder, catalogue, sizes)
