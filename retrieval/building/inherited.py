"""An index of the model that another one started from (``placebind train --from``): which of its vectors are also the new one's."""

from index.records import Modality
from index.store.catalogue import Catalogue
from index.store.manifest import Manifest
from index.store.vectors import manifests_of
from train.checkpoint import Checkpoint


def inherited(checkpoint: Checkpoint, catalogue: Catalogue) -> list[Modality]:
    """The tables whose index is of an earlier model with the same encoder: nothing in them is embedded again."""
    return [
        modality
        for modality, manifest in manifests_of(catalogue).items()
        if manifest.model_digest == checkpoint.digest_of(modality) != checkpoint.digest
    ]


def about_inherited(modalities: list[Modality]) -> str:
    """What was not embedded again, in one sentence; '' if that is nothing."""
    if not modalities:
        return ""
    encoders = "encoder is" if len(modalities) == 1 else "encoders are"
    return f"{' and '.join(modalities)}: vectors kept, the {encoders} the same as in the model that this one started from"


def is_outdated(checkpoint: Checkpoint, modality: Modality, manifest: Manifest | None) -> bool:
    """Whether the index is of the model that this one started from, with an encoder that has learnt something else since."""
    before = checkpoint.card.base_digests.get(modality)
    return manifest is not None and manifest.model_digest == before != checkpoint.digest_of(modality)
