"""The ``vector`` column of a Lance table: its name, which rows lack a vector, and which files are known to lack none.

Staging, filling and upkeep all use it. Vectors go in as ``column_of`` and come out as ``matrix_of``.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store.manifest import COMPLETE_KEY

VECTOR = "vector"
HAS_VECTOR, LACKS_VECTOR = f"{VECTOR} IS NOT NULL", f"{VECTOR} IS NULL"
WRITE_ROWS = 16384  # 32 MiB of 512 float32; Lance failed on a single write of 65,536


def column_of(vectors: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Vectors [N, D] as Lance stores them."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def matrix_of(vectors: pa.FixedSizeListArray) -> npt.NDArray[np.float32]:
    """A column without nulls as [N, D]."""
    matrix: npt.NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, vectors.type.list_size)
    return matrix


def vector_files(dataset: Any) -> dict[int, str]:
    """The file with the vectors of each fragment. A fragment older than the column has none in its file; a later one has nulls."""
    column = {each.id() for each in dataset.lance_schema.fields() if each.name() == VECTOR}
    return {
        each.fragment_id: file.path for each in dataset.get_fragments() for file in each.metadata.files if column & set(file.fields)
    }


def without_vector(dataset: Any) -> pa.Table:
    """``id`` and ``_rowid`` of the rows that lack a vector."""
    columns = {"columns": ["id"], "with_row_id": True}
    files, complete = vector_files(dataset), complete_fragments(dataset)
    tables = [each.to_table(**columns) for each in dataset.get_fragments() if each.fragment_id not in files]
    doubtful = [each for each in dataset.get_fragments() if each.fragment_id in files and each.fragment_id not in complete]
    if doubtful:  # an ingest or a compaction wrote missing vectors too, perhaps among others; to find out, they have to be read
        tables.append(dataset.scanner(**columns, filter=LACKS_VECTOR, fragments=doubtful).to_table())
    return pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.string()), "_rowid": pa.array([], pa.uint64())})


def complete_fragments(dataset: Any) -> set[int]:
    """The fragments known to have all their vectors: as ``complete_files`` noted for their files."""
    noted = set(json.loads((dataset.metadata or {}).get(COMPLETE_KEY, "[]")))
    return {number for number, path in vector_files(dataset).items() if path in noted}


def complete_files(dataset: Any) -> str:
    """The files without a missing vector, to be noted under ``COMPLETE_KEY``: a file never changes, so it is looked at once."""
    known, fragments = complete_fragments(dataset), {each.fragment_id: each for each in dataset.get_fragments()}
    files = vector_files(dataset).items()
    return json.dumps([path for number, path in files if number in known or not fragments[number].count_rows(LACKS_VECTOR)])


def rows_with_vector(dataset: Any) -> int:
    """Only the fragments not known to be complete are looked at."""
    return int(dataset.count_rows()) - len(without_vector(dataset))
