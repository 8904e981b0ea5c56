"""Which records of a catalogue are for training, and which are held out."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from index.errors import CatalogueError
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue
from train.batching.batches import Records
from train.image.tiles import tile_records
from train.protocols import encoder_of
from train.text.articles import article_records

TRAINING = "split IS NULL OR split IN ('', 'train')"
VALIDATION = "split = 'val'"  # chooses: early stopping, calibration
REPORT = "split = 'report'"  # only measures; nothing here reads it (see ``index.slices``)
HELD_OUT_TILES = 512  # enough to see where a run is going, and few enough to encode at every validation


def training_records(
    catalogue: Catalogue,
    encoders: nn.ModuleDict,
    modalities: tuple[Modality, ...] = (),
    advance: Callable[[int], None] = lambda n: None,
    *,
    sentence_share: float = 0.0,
    masked_share: float = 0.0,
    few_bands_share: float = 0.0,
    hidden_context_share: float = 0.0,
) -> list[Records]:
    """All modalities of the catalogue that can be bound to position, or those requested.

    Raises ``CatalogueError`` if there are none, or not the requested ones.
    """
    found = [
        records
        for records in _records(
            catalogue,
            encoders,
            TRAINING,
            modalities,
            advance,
            sentence_share=sentence_share,
            masked_share=masked_share,
            few_bands_share=few_bands_share,
            hidden_context_share=hidden_context_share,
        )
        if len(records) >= 2
    ]
    lacking = set(modalities or ()) - {records.modality for records in found}
    if lacking or not found:
        wanted = " and ".join(sorted(lacking)) or "articles or tiles"
        raise CatalogueError(f"{catalogue.uri} has no {wanted} to learn from ({TRAINING}); add some with `placebind ingest`")
    return found


def held_out_records(
    catalogue: Catalogue, encoders: nn.ModuleDict, modalities: tuple[Modality, ...], advance: Callable[[int], None] = lambda n: None
) -> list[Records]:
    """The validation records of these modalities; of the tiles the first ``HELD_OUT_TILES`` by id, which is random."""
    found = _records(catalogue, encoders, VALIDATION, modalities, advance)
    return [records.first(HELD_OUT_TILES) if records.modality == "tiles" else records for records in found]


def _records(
    catalogue: Catalogue,
    encoders: nn.ModuleDict,
    where: str,
    modalities: tuple[Modality, ...],
    advance: Callable[[int], None],
    *,
    sentence_share: float = 0.0,
    masked_share: float = 0.0,
    few_bands_share: float = 0.0,
    hidden_context_share: float = 0.0,
) -> list[Records]:
    found = []
    for modality in [each for each in MODALITIES if each != "locations" and each in (modalities or MODALITIES)]:
        if not catalogue.count(modality, where):
            continue
        if modality == "articles":
            texts = encoder_of(encoders, "articles")
            found.append(
                article_records(catalogue, texts, where, advance, sentence_share=sentence_share, masked_share=masked_share)
            )
        else:
            images = encoder_of(encoders, "tiles")
            shares = {"few_bands_share": few_bands_share, "hidden_context_share": hidden_context_share}
            found.append(tile_records(catalogue, images, where, advance, **shares))
    return [records for records in found if len(records)]
