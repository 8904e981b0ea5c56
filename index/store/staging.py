"""Vectors on their way into a table: from any number of writers, in any order, before the table itself is touched.

``index.store.vectors`` (one process) or the Ray engine (many) -> here -> the table's ``vector`` column, in one commit at the end.

The contract. For a modality and a model there is one append-only Lance table ``staged_<modality>_<first 12 of the digest>`` with
the columns of ``staging_schema``: ``id`` and ``vector``. A writer appends rows, at most ``WRITE_ROWS`` at once; appends of several
writers do not conflict. Each row is a record's id and its vector of unit norm (``add`` checks that; a writer that appends by other
means, such as lance-ray at ``Staging.uri``, calls ``check_unit_vectors`` itself). An id may be there twice if a worker was
repeated: the first one counts, and both are of the same model. An id that is no longer in the table, or has a vector there, is
skipped. The coordinator calls ``begin_vectors`` (which creates the table and returns the ids still missing) before the writers
start, gets the table by ``index.store.vectors.staging_of``, and calls ``finish_vectors`` (which drops it) when they are done. A
killed build resumes with the ids that are still missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from index.errors import ModelMismatchError, writing
from index.records import Modality, check_unit_vectors
from index.store.vector_column import VECTOR, WRITE_ROWS, column_of

if TYPE_CHECKING:
    from index.store.catalogue import Catalogue


def staging_schema(dim: int) -> pa.Schema:
    return pa.schema([("id", pa.string()), (VECTOR, pa.list_(pa.float32(), dim))])


class Staging:
    """The vectors [dim] that one model has made of one table's records and that are not in the table yet."""

    def __init__(self, table: Any, dim: int) -> None:
        self.dim = dim
        self._table = table

    @classmethod
    def open(cls, catalogue: Catalogue, modality: Modality, model_digest: str, dim: int) -> Staging:
        """The staging table; it is created if it is not there. Raises ``ModelMismatchError`` if it holds another dimension."""
        with writing(f"the vectors of the {modality} could not be written"):
            table = catalogue.opened(staging_name(modality, model_digest), staging_schema(dim))
        staged = table.schema.field(VECTOR).type.list_size
        if staged != dim:
            raise ModelMismatchError(
                f"the unfinished index of the {modality} has vectors of {staged} dimensions, the model makes {dim}; "
                "run `placebind index build --rebuild`"
            )
        return cls(table, dim)

    @property
    def uri(self) -> str:
        """Where other writers append, by ``lance.write_dataset(..., uri, mode="append")`` or lance-ray."""
        return str(self._table.to_lance().uri)

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def ids(self) -> pa.ChunkedArray:
        """The staged ids in the order of their rows; an id may come twice."""
        return self._table.to_lance().to_table(columns=["id"])["id"]

    def missing(self, ids: pa.Array) -> pa.Array:
        """Those of these ids that are not staged, in their order."""
        staged = self.ids()
        return ids.filter(pc.invert(pc.is_in(ids, value_set=staged.combine_chunks()))) if len(staged) else ids

    def add(self, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        """Append vectors [N, dim]; every ``WRITE_ROWS`` are one commit. Raises ``InputError`` for any not of unit norm."""
        check_unit_vectors(vectors)
        for start in range(0, len(ids), WRITE_ROWS):
            part = slice(start, start + WRITE_ROWS)
            with writing("the vectors could not be written"):
                self._table.add(pa.table({"id": list(ids[part]), VECTOR: column_of(vectors[part])}))

    def take(self, rows: npt.NDArray[np.int64]) -> pa.FixedSizeListArray:
        """The vectors at these rows of ``ids``, in their order."""
        found = self._table.to_lance().take(rows, columns=[VECTOR])
        return found[VECTOR].combine_chunks()


def staging_name(modality: Modality, model_digest: str) -> str:
    return f"{_prefix(modality)}{model_digest[:12]}"


def _prefix(modality: Modality) -> str:
    """What the names of the tables of all models begin with."""
    return f"staged_{modality}_"


def staged_rows(catalogue: Catalogue, modality: Modality) -> int:
    """The number of vectors that wait for one table, of all models."""
    names = [name for name in catalogue.names() if name.startswith(_prefix(modality))]
    return sum(catalogue.db.open_table(name).count_rows() for name in names)


def drop_staging(catalogue: Catalogue, modality: Modality) -> None:
    """Remove the vectors staged for one table, of all models."""
    for name in catalogue.names():
        if name.startswith(_prefix(modality)):
            catalogue.db.drop_table(name)
