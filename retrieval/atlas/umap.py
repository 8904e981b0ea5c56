"""The globe in the colours of a UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426): similar vectors get similar colours.

Principal components keep the large differences, UMAP the neighbourhoods. It needs umap-learn, which PlaceBind does not install.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from retrieval.atlas.components import in_chunks, some_rows

PACKAGE = "umap"
MAX_FITTED = 4_000  # vectors that are laid out; the others go to the mean of their nearest of these
MIN_FITTED = 16
NEAREST = 3
CHUNK = 4096  # rows: 64 MiB of cosines with the laid-out vectors


def is_installed() -> bool:
    return find_spec(PACKAGE) is not None


def umap_scores(vectors: npt.NDArray[Any], *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Three coordinates [N, 3] of vectors [N, D] of unit norm. Raises ``InputError`` without umap-learn and for fewer than 16."""
    if not is_installed():
        raise InputError("a UMAP needs a package that is not installed; run `pip install umap-learn` and start again")
    if len(vectors) < MIN_FITTED:
        raise InputError(f"a UMAP needs at least {MIN_FITTED} vectors, got {len(vectors)}; index more locations")
    known = vectors[some_rows(len(vectors), MAX_FITTED, np.random.default_rng(seed))].astype(np.float32)
    model = import_module(PACKAGE).UMAP(
        n_components=3, metric="cosine", random_state=seed, n_jobs=1
    )  # a seed makes it use one thread anyway, with a warning
    laid_out = np.asarray(model.fit_transform(known), dtype=np.float32)
    return in_chunks(vectors, lambda rows: _between(rows, known, laid_out))


def _between(rows: npt.NDArray[np.float32], known: npt.NDArray[np.float32], laid_out: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """The mean coordinates of the nearest laid-out vectors, [n, 3]."""
    parts = []
    for start in range(0, len(rows), CHUNK):
        cosines = rows[start : start + CHUNK] @ known.T
        nearest = np.argpartition(-cosines, NEAREST - 1, axis=1)[:, :NEAREST]
        parts.append(laid_out[nearest].mean(axis=1))
    return np.concatenate(parts)
