"""Two aspects of a location's vector: its appearance (what shows at the place, whatever the longitude) and its identity (the rest).

Only some location encoders keep them apart (``train.protocols.HasAppearance``; docs/training.md, "Appearance before identity").
"""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from retrieval.atlas.components import CHUNK
from train.protocols import HasAppearance, LocationEncoder

Aspect = Literal["whole", "appearance", "identity"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


def aspects_of(encoder: LocationEncoder) -> tuple[Aspect, ...]:
    return ASPECTS if isinstance(encoder, HasAppearance) else ("whole",)


def vectors_of(aspect: Aspect, vectors: npt.NDArray[Any], encoder: LocationEncoder) -> npt.NDArray[Any]:
    """Of vectors [N, D] of unit norm the columns of one aspect, each row divided by its length again; the whole as it is.

    A row of the index is divided by the length of the whole, to which the identity adds. Without another division the same
    appearance would have other colours where the identity is longer. Raises ``InputError`` for an aspect that the encoder lacks.
    """
    if aspect == "whole":
        return vectors
    if not isinstance(encoder, HasAppearance):
        raise InputError(
            f"'{aspect}' needs a location encoder that keeps appearance and identity apart, and this model's is "
            f"{type(encoder).__name__}; choose 'whole', or a model with the location encoder nested"
        )
    first = encoder.appearance_dim
    return _directions(vectors[:, :first] if aspect == "appearance" else vectors[:, first:])


def _directions(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows of unit norm, in the precision that they came in; a row of zeros stays one."""
    found = np.empty_like(vectors)
    for start in range(0, len(vectors), CHUNK):
        rows = vectors[start : start + CHUNK].astype(np.float32)
        found[start : start + CHUNK] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found
