"""Fill the index: write every record's vector into its table, and build the search indexes, so the first query does not wait.

Finished vectors are kept (``index.store.staging``): a killed build resumes where it stopped.
"""

from datetime import timedelta
from typing import Protocol

import pyarrow as pa

from index.errors import CatalogueError
from index.files import remove
from index.progress import Progress, Quiet
from index.records import MODALITIES, Modality
from index.search.backends.lancedb import build_index as build_lance_index
from index.search.backends.lancedb import has_index
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from index.store.staging import Staging
from index.store.upkeep import KEPT, Tidied, optimize_table
from index.store.vectors import begin_vectors, check_model, finish_vectors, is_finished, manifest_of, not_indexed, staging_of
from retrieval.building.inherited import is_outdated
from retrieval.building.unlearnt import about_unlearnt, embeddable
from retrieval.ranking.fulltext import build_text_index
from retrieval.ranking.search import Searcher
from retrieval.space import Space
from train.checkpoint import Checkpoint

CHUNK: dict[Modality, int] = {"articles": 4096, "tiles": 256, "locations": 16384}

LEARNT_FROM = 0.8  # the least share of the rows that a search index should be trained on


class Engine(Protocol):
    """What embeds: this process, or many (``retrieval.building.ray_engine``)."""

    def embed(
        self, checkpoint: Checkpoint, catalogue: Catalogue, modality: Modality, ids: pa.Array, staging: Staging, progress: Progress
    ) -> None:
        """Write the vectors of the records with these ids into ``staging``, and tell ``progress`` of each committed one."""


class LocalEngine:
    """Embeds in this process, one chunk after the other, and commits each."""

    def embed(
        self, checkpoint: Checkpoint, catalogue: Catalogue, modality: Modality, ids: pa.Array, staging: Staging, progress: Progress
    ) -> None:
        space = Space(checkpoint, catalogue)
        for start in range(0, len(ids), CHUNK[modality]):
            chunk = ids[start : start + CHUNK[modality]].to_pylist()
            staging.add(chunk, space.embed_records(modality, chunk))
            progress.advance(len(chunk))


def build_index(
    checkpoint: Checkpoint,
    catalogue: Catalogue,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
    engine: Engine | None = None,
    backend: str = "auto",
) -> dict[Modality, int]:
    """Embed the records without a vector in every table that the model can read; returns the number of new vectors by modality.
    Tiles of sensors that the model was not trained on are left out (``retrieval.building.unlearnt`` says which).

    Rows that came after a finished index are added to it and to its search index, and the old rows answer meanwhile. ``backend`` is
    the search backend, as in ``Space.open``. Raises ``ModelMismatchError`` if the index is of another model and ``rebuild`` is not
    set. An index of the model that this one started from stays where the encoder is the same, and is replaced where it is not.
    """
    progress, engine = progress or Quiet(), engine or LocalEngine()
    present = readable(checkpoint, catalogue)
    added = {modality: _fill(checkpoint, catalogue, modality, rebuild, progress, engine) for modality in present}
    progress.start("index words", None)
    build_text_index(catalogue)
    for modality in present:
        progress.start(f"index {modality} for search", None)
        if backend == "lancedb" and not has_index(catalogue.table(modality)):
            build_lance_index(catalogue, modality)
        Searcher(open_snapshot(catalogue, modality), backend)
    return added


def append_to_index(
    checkpoint: Checkpoint, catalogue: Catalogue, *, progress: Progress | None = None, engine: Engine | None = None
) -> dict[Modality, int]:
    """Like ``build_index``, but only for finished indexes of this model. Raises ``CatalogueError`` for a table without one,
    ``ModelMismatchError`` for one of another model."""
    for modality in readable(checkpoint, catalogue):
        manifest = manifest_of(catalogue, modality)
        if manifest is None:
            raise not_indexed(catalogue, modality)
        check_model(modality, manifest, checkpoint.digest_of(modality), checkpoint.card.config.dim)
    return build_index(checkpoint, catalogue, progress=progress, engine=engine)


def readable(checkpoint: Checkpoint, catalogue: Catalogue) -> list[Modality]:
    """The tables with rows that the model can embed. Raises ``CatalogueError`` if there is none."""
    learnt = [modality for modality in MODALITIES if checkpoint.learnt(modality)]
    present = [modality for modality in learnt if catalogue.count(modality, embeddable(checkpoint, modality))]
    if not present:
        left_out = about_unlearnt(checkpoint, catalogue)
        raise CatalogueError(
            f"{catalogue.uri} has nothing that this model can embed; {left_out or 'add records with `placebind ingest`'}"
        )
    return present


def _fill(
    checkpoint: Checkpoint, catalogue: Catalogue, modality: Modality, rebuild: bool, progress: Progress, engine: Engine
) -> int:
    digest, dim = checkpoint.digest_of(modality), checkpoint.card.config.dim
    preprocessing = Space(checkpoint, catalogue).preprocessing(modality)
    rebuild = rebuild or is_outdated(checkpoint, modality, manifest_of(catalogue, modality))
    pending = begin_vectors(catalogue, modality, digest, dim, preprocessing=preprocessing, rebuild=rebuild)
    wanted = embeddable(checkpoint, modality)
    if wanted and pending:
        pending = sorted(set(pending) & set(catalogue.column(modality, [], wanted)["id"].to_pylist()))
    total = catalogue.count(modality, wanted)
    progress.start(f"index {modality}", total)
    progress.advance(total - len(pending))
    if pending:
        engine.embed(checkpoint, catalogue, modality, pa.array(pending), staging_of(catalogue, modality), progress)
    if not is_finished(catalogue, modality):
        sensors = checkpoint.card.sensors if modality == "tiles" else ()
        finish_vectors(catalogue, modality, digest, preprocessing, sensors)
    return len(pending)


def optimize_index(catalogue: Catalogue, keep: timedelta = KEPT, *, progress: Progress | None = None) -> dict[Modality, Tidied]:
    """Compact every indexed table (``index.store.upkeep``). Where appends have added much, the search index is rebuilt and so
    trained on all rows. Raises ``CatalogueError`` if nothing is indexed."""
    progress, tidied = progress or Quiet(), {}
    for modality in MODALITIES:
        if not (catalogue.has(modality) and manifest_of(catalogue, modality)):
            continue
        progress.start(f"optimize {modality}", None)
        tidied[modality] = optimize_table(catalogue, modality, keep)
        progress.start(f"index {modality} for search", None)
        snapshot = open_snapshot(catalogue, modality)
        if snapshot.folder and snapshot.sizes and snapshot.sizes[0] < LEARNT_FROM * len(snapshot):
            remove(snapshot.folder)
            snapshot = open_snapshot(catalogue, modality)
        Searcher(snapshot)
    if not tidied:
        raise CatalogueError(f"nothing in {catalogue.uri} is indexed; run `placebind index build --catalogue {catalogue.uri}`")
    return tidied
