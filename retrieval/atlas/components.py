"""The globe in the colours of its vectors: their first three principal components as lightness and two hues.

Places of similar colour are alike to the location encoder. Components become CIELAB, where equal steps look equal. Each is
stretched between two of its percentiles, which makes the third as strong in the picture as the first; ``explained`` gives their
true shares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.extras import extra
from retrieval.atlas.lab import lab_to_srgb

MAX_FITTED = 100_000  # vectors that the axes are fitted on; the others are only projected
CHUNK = 65_536  # rows: the matrix may be a mapped file
STRETCHED = (2.0, 98.0)  # percentiles: a few odd places must not leave the rest grey
DARKEST, BRIGHTEST, CHROMA = 25.0, 90.0, 70.0  # of L*; of a* and b*, beyond sRGB at most hues, which saturates them


@dataclass(frozen=True, eq=False)
class Components:
    """``scores`` [N, 3] float32 of all vectors; ``explained`` [3]: shares of the variance; ``colours`` [N, 3] sRGB."""

    scores: npt.NDArray[np.float32]
    explained: tuple[float, ...]
    colours: npt.NDArray[np.uint8]


def components_of(vectors: npt.NDArray[Any], *, seed: int = 0) -> Components:
    """Of vectors [N, D]. Raises ``InputError`` for fewer than 4 of them, or of fewer than 3 dimensions."""
    if len(vectors) < 4 or vectors.shape[1] < 3:
        raise InputError(f"three components need at least 4 vectors of 3 dimensions, got {vectors.shape}; index more locations")
    pca = extra("sklearn.decomposition").PCA(3, svd_solver="covariance_eigh").fit(_some(vectors, seed))
    scores = in_chunks(vectors, pca.transform)
    return Components(scores, tuple(pca.explained_variance_ratio_.tolist()), colours_of(scores))


def colours_of(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """sRGB [N, 3] of scores [N, 3]: the first runs from dark to bright, the second from green to red, the third from blue to
    yellow."""
    low, high = np.percentile(scores, STRETCHED, axis=0)
    stretched = np.clip((scores - low) / np.where(high > low, high - low, 1), 0, 1)
    lab = stretched * [BRIGHTEST - DARKEST, 2 * CHROMA, 2 * CHROMA] + [DARKEST, -CHROMA, -CHROMA]
    starts = range(0, len(lab), CHUNK)
    return np.concatenate([lab_to_srgb(lab[start : start + CHUNK]) for start in starts])


def in_chunks(vectors: npt.NDArray[Any], project: Any) -> npt.NDArray[np.float32]:
    """All rows projected, without a second copy of the matrix in memory."""
    parts = [project(vectors[start : start + CHUNK].astype(np.float32)) for start in range(0, len(vectors), CHUNK)]
    return np.concatenate(parts).astype(np.float32)


def _some(vectors: npt.NDArray[Any], seed: int) -> npt.NDArray[np.float32]:
    return vectors[some_rows(len(vectors), MAX_FITTED, np.random.default_rng(seed))].astype(np.float32)


def some_rows(count: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """All rows, or ``most`` of them at random, ascending."""
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))
