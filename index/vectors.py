"""Vectors in the catalogue's own tables: begin, fill in batches, finish with the manifest; read back as ``Embeddings``.

The life of a table's ``vector`` column: ``begin_vectors`` notes in the metadata which model is at work and returns the ids that
still lack a vector; every ``write_vectors`` is one commit; ``finish_vectors`` writes the manifest. Killed anywhere between,
``begin_vectors`` with the same model goes on behind the last commit; nothing is read as an index before the manifest is there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lancedb.index import BTree

from index.catalogue import Catalogue, rows_by_id
from index.errors import CatalogueError, InputError, ModelMismatchError
from index.manifest import BUILDING_KEY, MANIFEST_KEY, Manifest
from index.records import Embeddings, Modality, check_unit_vectors

VECTOR = "vector"


def manifest_of(catalogue: Catalogue, modality: Modality) -> Manifest | None:
    """The manifest of one table's vectors, None where no index was finished."""
    text = (catalogue.table(modality).to_lance().metadata or {}).get(MANIFEST_KEY)
    return Manifest.from_json(text) if text else None


def begin_vectors(catalogue: Catalogue, modality: Modality, model_digest: str, dim: int, *, rebuild: bool = False) -> list[str]:
    """Make the table ready for vectors [dim] of this model; returns the ids without one, sorted.

    ``rebuild`` replaces a finished index, also one of another model; an unfinished one of this model is gone on with either way.
    Raises ``ModelMismatchError`` if a finished index of another model is there and ``rebuild`` is not asked for.
    """
    table = catalogue.table(modality)
    metadata = table.to_lance().metadata or {}
    try:
        finished = manifest_of(catalogue, modality)
    except CatalogueError:  # of another version of PlaceBind
        if not rebuild:
            raise
        finished = None
    current = finished.model_digest if finished else metadata.get(BUILDING_KEY)
    if finished and finished.model_digest != model_digest and not rebuild:
        raise mismatch(modality, finished.model_digest, model_digest)
    start_over = bool(rebuild and finished) or current != model_digest or VECTOR not in table.schema.names
    if start_over:
        # In this order, so that a kill between any two leaves something that will be started over.
        table.to_lance().update_metadata({MANIFEST_KEY: None, BUILDING_KEY: None})
        table.checkout_latest()
        if VECTOR in table.schema.names:
            table.drop_columns([VECTOR])
        table.add_columns(pa.field(VECTOR, pa.list_(pa.float32(), dim)))
        table.to_lance().update_metadata({BUILDING_KEY: model_digest})
    return catalogue.column(modality, [], where=f"{VECTOR} IS NULL")["id"].to_pylist()


def write_vectors(catalogue: Catalogue, modality: Modality, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
    """Commit the vectors [N, D] of these rows. Raises ``InputError`` for vectors that are zero, NaN or not of unit norm."""
    check_unit_vectors(vectors)
    table = catalogue.table(modality)
    table.merge_insert("id").when_matched_update_all().execute(_with_ids(ids, vectors))


def finish_vectors(catalogue: Catalogue, modality: Modality, model_digest: str, preprocessing: dict[str, Any]) -> Manifest:
    """Compact what the many commits left behind and write the manifest: from now on this is an index."""
    table = catalogue.table(modality)
    table.optimize()
    ids, vectors, _ = _read(catalogue, modality)
    dates: list[str] = []
    if "date" in table.schema.names:
        dates = sorted({date for date in table.to_lance().to_table(columns=["date"])["date"].to_pylist() if date})
    manifest = Manifest(
        model_digest=model_digest,
        preprocessing=preprocessing,
        dim=vectors.shape[1],
        rows=len(ids),
        mean=tuple(vectors.mean(axis=0, dtype="float64").tolist()),
        source_dates=tuple(dict.fromkeys(dates[:1] + dates[-1:])),
    )
    table.to_lance().update_metadata({MANIFEST_KEY: manifest.model_dump_json(), BUILDING_KEY: None})
    return manifest


def read_embeddings(catalogue: Catalogue, modality: Modality) -> Embeddings:
    """All vectors of one table, ordered by id. Raises ``CatalogueError`` if the table was never indexed to the end."""
    manifest = manifest_of(catalogue, modality)
    if manifest is None:
        raise not_indexed(catalogue, modality)
    ids, vectors, places = _read(catalogue, modality)
    return Embeddings(ids=ids, vectors=vectors, modality=modality, model_digest=manifest.model_digest, places=places)


def _read(catalogue: Catalogue, modality: Modality) -> tuple[list[str], npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    rows = catalogue.column(modality, ["lat", "lon", VECTOR], where=f"{VECTOR} IS NOT NULL")
    places = np.stack([rows["lat"].to_numpy(), rows["lon"].to_numpy()], axis=1)
    return rows["id"].to_pylist(), _matrix(rows), places


def _matrix(rows: pa.Table) -> npt.NDArray[np.float32]:
    """The vector column as [N, D]."""
    dim = rows.schema.field(VECTOR).type.list_size
    matrix: npt.NDArray[np.float32] = rows[VECTOR].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
    return matrix


def not_indexed(catalogue: Catalogue, modality: Modality) -> CatalogueError:
    return CatalogueError(f"the {modality} of {catalogue.uri} are not indexed; run `placebind index --catalogue {catalogue.uri}`")


def mismatch(modality: Modality, index_digest: str, model_digest: str) -> ModelMismatchError:
    return ModelMismatchError(
        f"the index of the {modality} was built with model {index_digest[:8]}…, the checkpoint is {model_digest[:8]}…; "
        "run `placebind index --rebuild` or open the checkpoint it was built with"
    )


class FeatureCache:
    """What a frozen encoder made of records, kept in the catalogue so that no text is encoded twice.

    One table per encoder: ``key`` must change whenever the features would (name and weight digest of the encoder).
    """

    def __init__(self, catalogue: Catalogue, key: str, dim: int) -> None:
        schema = pa.schema([("id", pa.string()), (VECTOR, pa.list_(pa.float32(), dim))])
        self._table = catalogue.db.create_table(f"features_{key}", schema=schema, exist_ok=True)
        if not self._table.list_indices():
            self._table.create_index("id", config=BTree())

    def missing(self, ids: Sequence[str]) -> list[str]:
        known = set(self._table.to_lance().to_table(columns=["id"])["id"].to_pylist())
        return [id_ for id_ in ids if id_ not in known]

    def add(self, ids: Sequence[str], features: npt.NDArray[np.float32]) -> None:
        if not np.isfinite(features).all():
            raise InputError("features hold NaN or infinite values; the encoder is at fault, not the data")
        self._table.merge_insert("id").when_not_matched_insert_all().execute(_with_ids(ids, features))

    def fill(
        self,
        ids: Sequence[str],
        make: Callable[[list[str]], npt.NDArray[np.float32]],
        chunk: int,
        advance: Callable[[int], None] = lambda n: None,
    ) -> npt.NDArray[np.float32]:
        """Features [N, D] in the order of ``ids``; what is missing is made, and each chunk committed, so that a stopped run goes on
        behind it."""
        missing = self.missing(ids)
        advance(len(ids) - len(missing))
        for start in range(0, len(missing), chunk):
            part = missing[start : start + chunk]
            self.add(part, make(part))
            advance(len(part))
        return self.read(ids)

    def read(self, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Features [N, D] in the order of ``ids``."""
        return _matrix(rows_by_id(self._table, ids, [VECTOR])).copy()  # Arrow's memory is read-only, torch wants it writable


def _with_ids(ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"id": list(ids), VECTOR: column})
