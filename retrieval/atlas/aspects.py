"""Two aspects of a location's vector: its appearance (what shows at the place, whatever the longitude) and its identity (the rest).

Only some location encoders keep them apart (``train.protocols.HasAppearance``; docs/training.md, "Appearance before identity").
"""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from retrieval.atlas.components import CHUNK

Aspect = Literal["whole", "appearance", "identity"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


def aspects_of(appearance_dim: int) -> tuple[Aspect, ...]:
    """Of vectors of which so many numbers are the appearance; 0 if nothing is kept apart."""
    return ASPECTS if appearance_dim else ("whole",)


def vectors_of(aspect: Aspect, vectors: npt.NDArray[Any], appearance_dim: int) -> npt.NDArray[Any]:
    """Of vectors [N, D] of unit norm the columns of one aspect, each row divided by its length again; the whole as it is.

    A row of the index is divided by the length of the whole, to which the identity adds. Without another division the same
    appearance would have other colours where the identity is longer. Raises ``InputError`` for an aspect that
    the encoder lacks.
    """
    if aspect == "whole":
        return vectors
    if not appearance_dim:
        raise InputError(
            f"'{aspect}' needs a location encoder that keeps appearance and identity apart, and this model's does not; choose "
            "'whole', or a model with the location encoder nested"
        )
    return _directions(vectors[:, :appearance_dim] if aspect == "appearance" else vectors[:, appearance_dim:])


def _directions(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows of unit norm, in the precision that they came in; a row of zeros stays one."""
    found = np.empty_like(vectors)
    for start in range(0, len(vectors), CHUNK):
        rows = vectors[start : start + CHUNK].astype(np.float32)
        found[start : start + CHUNK] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found
