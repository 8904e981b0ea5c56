"""Vectors in the catalogue's own tables: begin, fill in batches, finish with the manifest; read back as ``Embeddings``.

The life of a table's ``vector`` column: ``begin_vectors`` notes in the metadata which model is at work and returns the ids that
still lack a vector; every ``write_vectors`` is a commit to a separate table (``index.store.staging``); ``finish_vectors`` puts them
all into the column in one commit and writes the manifest. After a kill anywhere between, ``begin_vectors`` with the same model
resumes after the last commit; nothing counts as an index before the manifest is there. Later rows take the same way, while the old
index still answers. Within one column a record's vector never changes, so that snapshots and search indexes can be extended.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from index.errors import CatalogueError, InputError, ModelMismatchError, writing
from index.records import MODALITIES, Embeddings, Modality
from index.store.catalogue import Catalogue, places_of
from index.store.derived import array_on_disk, derived_folders, writable_folder
from index.store.filling import Total, fill, total_of
from index.store.manifest import BUILDING_KEY, COLUMN_KEY, COMPLETE_KEY, MANIFEST_KEY, Manifest
from index.store.migrations import UNIQUE_IDS, migrate
from index.store.staging import Staging, drop_staging, staging_name
from index.store.unique import ID, insert_new
from index.store.vector_column import (
    VECTOR,
    WRITE_ROWS,
    column_of,
    complete_files,
    matrix_of,
    rows_with_vector,
    without_vector,
)

IN_MEMORY_BYTES = 64 * 2**20  # of cached features; a million articles with their sentences have 20 GB


def manifest_of(catalogue: Catalogue, modality: Modality) -> Manifest | None:
    """The manifest of one table's vectors, None where no index was finished."""
    text = (catalogue.dataset(modality).metadata or {}).get(MANIFEST_KEY)
    return Manifest.from_json(text) if text else None


def manifests_of(catalogue: Catalogue) -> dict[Modality, Manifest]:
    """The manifests of the tables that are indexed."""
    found = {modality: manifest_of(catalogue, modality) for modality in MODALITIES if catalogue.has(modality)}
    return {modality: manifest for modality, manifest in found.items() if manifest}


def begin_vectors(
    catalogue: Catalogue,
    modality: Modality,
    model_digest: str,
    dim: int,
    *,
    preprocessing: dict[str, Any] | None = None,
    rebuild: bool = False,
) -> list[str]:
    """Make the table ready for vectors [dim] of this model; returns the ids without one, sorted.

    ``rebuild`` replaces a finished index, also one of another model; an unfinished one of this model is resumed either way. Without
    ``rebuild``, raises ``ModelMismatchError`` if there is a finished index of another model, dimension or (if given) preprocessing.
    """
    table = catalogue.table(modality)
    metadata = table.to_lance().metadata or {}
    try:
        finished = manifest_of(catalogue, modality)
    except CatalogueError:  # of another version of PlaceBind
        if not rebuild:
            raise
        finished = None
    if finished and not rebuild:
        check_model(modality, finished, model_digest, dim, preprocessing)
    current = finished.model_digest if finished else metadata.get(BUILDING_KEY)
    if (rebuild and finished) or current != model_digest or VECTOR not in table.schema.names:
        with writing(f"the index of the {modality} could not be begun"):
            _start_over(catalogue, modality, table, model_digest, dim)
    pending = without_vector(catalogue.table(modality).to_lance()).sort_by("id")["id"].combine_chunks()
    if not len(pending):
        drop_staging(catalogue, modality)  # left by a process that was killed after it had finished
        return []
    staging = Staging.open(catalogue, modality, model_digest, dim)
    try:
        missing: list[str] = staging.missing(pending).to_pylist()
    except ValueError:  # Arrow's errors are of this type; here files are missing: a process was killed while it removed the table
        drop_staging(catalogue, modality)
        missing = pending.to_pylist()
    return missing


def _start_over(catalogue: Catalogue, modality: Modality, table: Any, model_digest: str, dim: int) -> None:
    """In this order, so that after a kill between any two steps the build starts over."""
    table.to_lance().update_metadata({MANIFEST_KEY: None, BUILDING_KEY: None})
    drop_staging(catalogue, modality)
    table.checkout_latest()
    if VECTOR in table.schema.names:
        table.drop_columns([VECTOR])
    table.add_columns(pa.field(VECTOR, pa.list_(pa.float32(), dim)))
    # A name that no column had before: Lance reuses its own id of a dropped column.
    table.to_lance().update_metadata({COLUMN_KEY: uuid.uuid4().hex, BUILDING_KEY: model_digest})


def write_vectors(catalogue: Catalogue, modality: Modality, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
    """Commit the vectors [N, D] of these rows, between ``begin_vectors`` and ``finish_vectors``.

    Raises ``InputError`` for vectors that are zero, NaN or not of unit norm.
    """
    staging_of(catalogue, modality).add(ids, vectors)


def staging_of(catalogue: Catalogue, modality: Modality) -> Staging:
    """Where the vectors of the build under way are written. Raises ``CatalogueError`` if none was begun."""
    table = catalogue.table(modality)
    manifest = manifest_of(catalogue, modality)
    digest = manifest.model_digest if manifest else (table.to_lance().metadata or {}).get(BUILDING_KEY)
    if digest is None or VECTOR not in table.schema.names:
        raise not_indexed(catalogue, modality)
    return Staging.open(catalogue, modality, digest, table.schema.field(VECTOR).type.list_size)


def is_finished(catalogue: Catalogue, modality: Modality) -> bool:
    """Whether there is nothing left for ``finish_vectors``: the manifest covers all that was written."""
    manifest = manifest_of(catalogue, modality)
    if manifest is None or staging_name(modality, manifest.model_digest) in catalogue.names():
        return False
    return manifest.rows == rows_with_vector(catalogue.table(modality).to_lance())


def finish_vectors(
    catalogue: Catalogue, modality: Modality, model_digest: str, preprocessing: dict[str, Any], sensors: Sequence[str] = ()
) -> Manifest:
    """Put what was written into the table, in one commit, and write the manifest: from now on this is an index.

    ``sensors`` are those whose tiles the model can embed: other tiles stay without a vector.
    """
    table, before = catalogue.table(modality), manifest_of(catalogue, modality)
    dim = table.schema.field(VECTOR).type.list_size
    added = fill(table.to_lance(), modality, Staging.open(catalogue, modality, model_digest, dim))
    dataset = catalogue.table(modality).to_lance()
    total = _extended(before, added, dataset) or total_of(dataset, dim)
    dates: list[str] = []
    if "date" in dataset.schema.names:
        dates = sorted(date for date in pc.unique(dataset.to_table(columns=["date"])["date"]).to_pylist() if date)
    manifest = Manifest(
        model_digest=model_digest,
        preprocessing=preprocessing,
        dim=dim,
        rows=total.count,
        mean=tuple((total.sum / max(1, total.count)).tolist()),
        source_dates=tuple(dict.fromkeys(dates[:1] + dates[-1:])),
        sensors=tuple(sensors),
    )
    complete = complete_files(dataset)
    with writing(f"the manifest of the {modality} could not be written"):
        dataset.update_metadata({MANIFEST_KEY: manifest.model_dump_json(), COMPLETE_KEY: complete, BUILDING_KEY: None})
    drop_staging(catalogue, modality)
    return manifest


def _extended(before: Manifest | None, added: Total, dataset: Any) -> Total | None:
    """The total of the manifest's vectors and those added; None if there are others."""
    rows = before.rows if before else 0
    if rows + added.count != rows_with_vector(dataset):
        return None
    return Total(rows + added.count, added.sum + (np.array(before.mean) * rows if before else 0.0))


def read_embeddings(catalogue: Catalogue, modality: Modality) -> Embeddings:
    """All vectors of one table, ordered by id. Raises ``CatalogueError`` if no index of the table was finished."""
    manifest = manifest_of(catalogue, modality)
    if manifest is None:
        raise not_indexed(catalogue, modality)
    ids, vectors, places = _read(catalogue, modality)
    return Embeddings(ids=ids, vectors=vectors, modality=modality, model_digest=manifest.model_digest, places=places)


def _read(catalogue: Catalogue, modality: Modality) -> tuple[list[str], npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    rows = catalogue.column(modality, ["lat", "lon", VECTOR], where=f"{VECTOR} IS NOT NULL")
    places = np.stack([rows["lat"].to_numpy(), rows["lon"].to_numpy()], axis=1)
    return rows["id"].to_pylist(), matrix_of(rows[VECTOR].combine_chunks()), places


def not_indexed(catalogue: Catalogue, modality: Modality) -> CatalogueError:
    return CatalogueError(
        f"the {modality} of {catalogue.uri} are not indexed; run `placebind index build --catalogue {catalogue.uri}`"
    )


def check_model(
    modality: Modality, manifest: Manifest, model_digest: str, dim: int, preprocessing: dict[str, Any] | None = None
) -> None:
    """Raises ``ModelMismatchError`` if a finished index is not of this model, dimension and (if given) preprocessing."""
    remedy = "run `placebind index build --rebuild` or open the checkpoint it was built with"
    if manifest.model_digest != model_digest:
        raise ModelMismatchError(
            f"the index of the {modality} was built with model {manifest.model_digest[:8]}…, the checkpoint is "
            f"{model_digest[:8]}…; {remedy}"
        )
    if manifest.dim != dim:
        raise ModelMismatchError(
            f"the index of the {modality} has vectors of {manifest.dim} dimensions, the checkpoint makes {dim}; {remedy}"
        )
    differing = [key for key in {**manifest.preprocessing, **(preprocessing or {})}
                 if preprocessing is not None and manifest.preprocessing.get(key) != preprocessing.get(key)]  # fmt: skip
    if differing:
        raise ModelMismatchError(
            f"the index of the {modality} was built from records prepared in another way (its {', '.join(sorted(differing))} "
            f"differ from this checkpoint's); {remedy}"
        )


class FeatureCache:
    """Features of records from a frozen encoder, stored in the catalogue so that no text is encoded twice.

    One table per encoder: ``key`` must change whenever the features would (name and weight digest of the encoder).
    """

    def __init__(self, catalogue: Catalogue, key: str, dim: int) -> None:
        name, schema = f"features_{key}", pa.schema([ID, (VECTOR, pa.list_(pa.float32(), dim))])
        self._schema, self.dim = schema, dim
        self.folders = derived_folders(catalogue.uri, name)
        self._table = catalogue.opened(name, schema)
        migrate(self._table, schema, [UNIQUE_IDS])

    def missing(self, ids: Sequence[str]) -> list[str]:
        known = set(self._table.to_lance().to_table(columns=["id"])["id"].to_pylist())
        return [id_ for id_ in ids if id_ not in known]

    def add(self, ids: Sequence[str], features: npt.NDArray[np.float32]) -> None:
        if not np.isfinite(features).all():
            raise InputError("features hold NaN or infinite values; the encoder is at fault, not the data")
        insert_new(self._table, pa.table({"id": list(ids), VECTOR: column_of(features)}, schema=self._schema))

    def fill(
        self,
        ids: Sequence[str],
        make: Callable[[list[str]], npt.NDArray[np.float32]],
        chunk: int,
        advance: Callable[[int], None] = lambda n: None,
    ) -> npt.NDArray[np.float32]:
        """Features [N, D] in the order of ``ids``, those that are missing computed."""
        self.complete(ids, make, chunk, advance)
        return self.read(ids)

    def complete(
        self,
        ids: Sequence[str],
        make: Callable[[list[str]], npt.NDArray[np.float32]],
        chunk: int,
        advance: Callable[[int], None] = lambda n: None,
    ) -> None:
        """Compute the missing features; each chunk is committed, so that a stopped run resumes after it."""
        missing = self.missing(ids)
        advance(len(ids) - len(missing))
        for start in range(0, len(missing), chunk):
            part = missing[start : start + chunk]
            self.add(part, make(part))
            advance(len(part))

    def read(self, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Features [N, D] in the order of ``ids``."""
        return read_features([self], ids)

    def read_into(self, features: npt.NDArray[np.float32], ids: Sequence[str]) -> None:
        """Write the features of these ids, in their order, into ``features`` [N, D]."""
        dataset = self._table.to_lance()
        places = places_of(ids, dataset.to_table(columns=["id"])["id"])
        for start in range(0, len(ids), WRITE_ROWS):
            part = slice(start, start + WRITE_ROWS)
            features[part] = matrix_of(dataset.take(places[part], columns=[VECTOR])[VECTOR].combine_chunks())


def read_features(caches: Sequence[FeatureCache], ids: Sequence[str]) -> npt.NDArray[np.float32]:
    """Features [N, D] in the order of ``ids``, those of each cache after those of the one before. Few are in memory; many are in a
    file, read row by row when used."""
    edges = np.cumsum([0, *(cache.dim for cache in caches)])
    shape = (len(ids), int(edges[-1]))
    few = 4 * shape[0] * shape[1] <= IN_MEMORY_BYTES
    features = np.empty(shape, np.float32) if few else array_on_disk(writable_folder(caches[0].folders), shape)
    for cache, first, last in zip(caches, edges[:-1], edges[1:], strict=True):
        cache.read_into(features[:, first:last], ids)
    return features
