"""Fill the index: every record's vector into its own table. Every chunk is committed: a killed build goes on where it stopped."""

from typing import Any

from index.catalogue import Catalogue
from index.errors import CatalogueError
from index.progress import Progress, Quiet
from index.records import MODALITIES, Modality
from index.vectors import begin_vectors, finish_vectors, manifest_of, write_vectors
from retrieval.fulltext import build_text_index
from retrieval.space import Space
from train.checkpoint import Checkpoint
from train.config import Part

CHUNK: dict[Modality, int] = {"articles": 4096, "tiles": 256, "locations": 16384}


def build_index(
    checkpoint: Checkpoint, catalogue: Catalogue, *, rebuild: bool = False, progress: Progress | None = None
) -> dict[Modality, int]:
    """Embed what has no vector yet in every table that the model can read; returns how many vectors are new, by modality.

    Raises ``ModelMismatchError`` if the index is of another model and ``rebuild`` is not asked for.
    """
    progress = progress or Quiet()
    space = Space(checkpoint, catalogue)
    present = [modality for modality in MODALITIES if catalogue.count(modality) and checkpoint.learnt(modality)]
    if not present:
        raise CatalogueError(f"{catalogue.uri} has nothing that this model can embed; add some with `placebind ingest`")
    added = {modality: _fill(space, modality, rebuild, progress) for modality in present}
    progress.start("index words", None)
    build_text_index(catalogue)
    return added


def _fill(space: Space, modality: Modality, rebuild: bool, progress: Progress) -> int:
    catalogue = space.catalogue
    pending = begin_vectors(catalogue, modality, space.checkpoint.digest, space.dim, rebuild=rebuild)
    total = catalogue.count(modality)
    progress.start(f"index {modality}", total)
    progress.advance(total - len(pending))
    for start in range(0, len(pending), CHUNK[modality]):
        ids = pending[start : start + CHUNK[modality]]
        write_vectors(catalogue, modality, ids, space.embed_records(modality, ids))
        progress.advance(len(ids))
    if pending or manifest_of(catalogue, modality) is None:
        finish_vectors(catalogue, modality, space.checkpoint.digest, _preprocessing(space.checkpoint, modality))
    return len(pending)


def _preprocessing(checkpoint: Checkpoint, modality: Modality) -> dict[str, Any]:
    """The encoder that read the records, with all its options."""
    config = checkpoint.card.config
    parts: dict[Modality, Part] = {"articles": config.text, "tiles": config.image, "locations": config.location}
    return parts[modality].model_dump(mode="json")
