"""The last step of a build: staged vectors go into the table's ``vector`` column, one fragment after the other, in one commit.

``index.store.staging`` -> here -> the Lance table. Only the fragments whose rows lack a vector are touched, and of these only that
column is written, so that an append costs only its new rows. Memory: the vectors of one fragment, at most a million rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from index.errors import CatalogueError, one_line
from index.records import Modality
from index.store.staging import Staging
from index.store.vector_column import LACKS_VECTOR, VECTOR, WRITE_ROWS, matrix_of, vector_files

Rows = npt.NDArray[np.int64]


@dataclass
class Total:
    """How many vectors, and their sum [D]."""

    count: int
    sum: npt.NDArray[np.float64]

    def add(self, vectors: pa.FixedSizeListArray) -> None:
        self.count += len(vectors)
        self.sum += matrix_of(vectors).sum(axis=0, dtype=np.float64)


def fill(dataset: Any, modality: Modality, staging: Staging) -> Total:
    """Put every staged vector into the row of its id, if that has none yet. Returns the total of those put in.

    Raises ``CatalogueError`` if the table was changed meanwhile or the disk is full: nothing is lost then, and the call can be
    repeated.
    """
    import lance

    total, updated, fields = Total(0, np.zeros(staging.dim)), [], []
    for fragment, row_ids, staged in _matches(dataset, staging):
        try:
            metadata, fields = fragment.update_columns(_reader(row_ids, staged, staging, total))
        except (OSError, ValueError, RuntimeError) as error:
            raise _interrupted(modality, error) from error
        updated.append(metadata)
    if updated:
        change = lance.LanceOperation.Update(updated_fragments=updated, fields_modified=fields, update_mode="rewrite_columns")
        try:
            lance.LanceDataset.commit(dataset, change, read_version=dataset.version)
        except (OSError, ValueError, RuntimeError) as error:
            raise _interrupted(modality, error) from error
    return total


def total_of(dataset: Any, dim: int) -> Total:
    """All vectors [dim] of a table, read one batch at a time."""
    total = Total(0, np.zeros(dim))
    for batch in dataset.to_batches(columns=[VECTOR], filter=f"{VECTOR} IS NOT NULL", batch_size=WRITE_ROWS):
        total.add(batch[VECTOR])
    return total


def _matches(dataset: Any, staging: Staging) -> Iterator[tuple[Any, npt.NDArray[np.uint64], Rows]]:
    """Fragments with rows that get a vector: the row ids [n], and where their vectors are staged [n]."""
    fragments, filled = dataset.get_fragments(), vector_files(dataset)
    rows = [each.to_table(columns=["id"], with_row_id=True) for each in fragments]
    ids = pa.chunked_array([chunk for each in rows for chunk in each["id"].chunks], pa.string())
    staged = pc.index_in(ids, value_set=staging.ids().combine_chunks()).fill_null(-1).to_numpy()  # the first of duplicates
    end = np.cumsum([len(each) for each in rows])
    for fragment, table, stop in zip(fragments, rows, end, strict=True):
        row_ids, at = table["_rowid"].to_numpy(), staged[stop - len(table) : stop]
        wanted = at >= 0
        if wanted.any() and fragment.fragment_id in filled:
            empty = fragment.to_table(columns=[], filter=LACKS_VECTOR, with_row_id=True)["_rowid"].to_numpy()
            wanted &= np.isin(row_ids, empty)
        if wanted.any():
            yield fragment, row_ids[wanted], at[wanted].astype(np.int64)


def _reader(row_ids: npt.NDArray[np.uint64], staged: Rows, staging: Staging, total: Total) -> pa.RecordBatchReader:
    """The vectors with the row ids that they belong to, in the order they were staged, which is the cheapest to read."""
    schema = pa.schema([("_rowid", pa.uint64()), (VECTOR, pa.list_(pa.float32(), staging.dim))])
    order = np.argsort(staged)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(order), WRITE_ROWS):
            part = order[start : start + WRITE_ROWS]
            vectors = staging.take(staged[part])
            total.add(vectors)
            yield pa.record_batch([pa.array(row_ids[part]), vectors], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _interrupted(modality: Modality, error: Exception) -> CatalogueError:
    return CatalogueError(
        f"the vectors of the {modality} could not be put into their table: {one_line(error)}; check that no other process writes "
        "to it and that the disk has room, then run the same command again: embedded vectors are not lost"
    )
